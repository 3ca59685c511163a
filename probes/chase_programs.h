// Chase programs: for each type of a plan, the operations that follow the
// pointers inside one element of it.
#pragma once

#include "probes/planner.h"

#include <unordered_map>

namespace backsight::probes {

inline constexpr std::uint32_t kNoProgram = 0xffffffff;

// Of a projected type (by TypeId): the only member that is followed.
using FollowedMembers = std::unordered_map<std::uint32_t, schema::Member>;

// Fills output.types[].chase_pc and appends to output.ops, for every type of output.plan.
void compile_chase_programs(CompiledPlan& output, const FollowedMembers& followed);

}  // namespace backsight::probes
