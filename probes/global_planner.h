// Globals that are read by time: a plan without a function, of which user space
// executes the entry program over a process's memory. Its one site is where code
// of the file lies, so that the load bias can be told from a mapping; nothing is
// attached there.
#pragma once

#include "probes/instance_planner.h"

#include <optional>
#include <string>

namespace backsight::probes {

class GlobalPlanner {
 public:
  // `probe`: "global:" and an expression; before it, the file of a static variable
  // may stand, "stats.c::g_count".
  GlobalPlanner(const BinaryParts& parts, const ProbeConfig& probe) : parts_(parts), probe_(probe) {}

  PlanResult plan();
  // Whether the variable that the expression begins with is in the file.
  static bool is_here(const DebugIndex& index, const std::string& function);

 private:
  CompiledPlan compile(const CaptureConfig& capture, DieKey variable);
  std::string file_of(DieKey variable) const;
  void refuse(std::string message, std::string hint = {});

  const BinaryParts& parts_;
  const ProbeConfig& probe_;
  PlanResult result_;
  std::optional<Issue> redact_refusal_;
};

}  // namespace backsight::probes
