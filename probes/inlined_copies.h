// Inlined copies of functions (DW_TAG_inlined_subroutine), and where each is
// entered. A copy is probed at one instruction; that is only sound where this
// instruction runs exactly once each time the copy is entered.
#pragma once

#include "probes/debug_index.h"
#include "probes/disassembly.h"
#include "probes/lines.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace backsight::probes {

struct InlinedCopy {
  DieKey die = 0;
  DieKey enclosing = 0;  // the function instance that has its code
};

// Of the abstract functions `abstract`, nested ones too, at most `limit`. Walks
// the bodies of the units that these are in; of all units after link-time
// optimisation, where copies refer across units.
std::vector<InlinedCopy> find_inlined_copies(const DwarfSession& session, const std::vector<DieKey>& abstract,
                                             std::size_t limit);

struct InlinedEntry {
  std::uint64_t address = 0;
  std::string problem;  // not empty: why it cannot be probed
};
// `code` is that of the enclosing function.
InlinedEntry find_inlined_entry(const DwarfSession& session, const LineTables& lines, const Die& copy,
                                const FunctionCode& code);

}  // namespace backsight::probes
