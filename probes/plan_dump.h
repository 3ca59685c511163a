// A compiled plan as text, without addresses: for golden tests and debugging.
#pragma once

#include "probes/planner.h"

#include <string>

namespace backsight::probes {

std::string dump_plan(const CompiledPlan& plan);

}  // namespace backsight::probes
