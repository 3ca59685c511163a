// Checks chase programs: what they read lies in their element or node, what they
// copy is not larger than an item may be. Part of check_plan.
#pragma once

#include "probes/planner.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace backsight::collector {

schema::Result<void> check_chase_program(const probes::CompiledPlan& plan, std::uint32_t pc,
                                         std::uint32_t element_bytes);

// The error that names an operation of a plan.
schema::Error wrong_operation(std::size_t pc, const std::string& what);

}  // namespace backsight::collector
