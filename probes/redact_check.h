// What the patterns of a probe mean in one binary, and whether its paths lead to
// anything: a slip in a path must not record what it was to hide.
#pragma once

#include "probes/config.h"
#include "probes/expression_compiler.h"
#include "probes/planner.h"

#include <optional>
#include <vector>

namespace backsight::probes {

// The patterns, and for "type:" and the name of a typedef the type that it names, too.
std::vector<RedactPattern> resolve_redact(const std::vector<RedactPattern>& patterns, const DebugIndex& index,
                                          TypeBuilder& types);

struct RedactCheck {
  std::optional<Issue> refusal;  // the probe must not record
  std::vector<Issue> notes;
};
// Of the exact paths that the probe itself gives: a member that is not there refuses
// it. So does a first name that is not there, unless the probe is on several
// functions or on a line, of which not all need to have it.
RedactCheck check_redact(const ProbeConfig& probe, const FunctionContext& context);

}  // namespace backsight::probes
