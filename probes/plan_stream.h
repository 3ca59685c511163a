// Plans one after the other, for those who do not want to hold them all: the ten
// thousand of a pattern like "*" are more than a planning process may have.
#pragma once

#include "probes/planner.h"

#include <functional>
#include <vector>

namespace backsight::probes {

// False: no more are wanted.
using TakePlan = std::function<bool(CompiledPlan)>;

// What Binary::open() returns is one, too.
class PlanStream {
 public:
  virtual ~PlanStream() = default;
  // Binary::plan(), giving each plan to `take` when it is made. Returns the issues.
  virtual std::vector<Issue> plan_each(const ProbeConfig& probe, const TakePlan& take) const = 0;
};

}  // namespace backsight::probes
