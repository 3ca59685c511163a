// Checks a compiled plan before it is put into the kernel's maps: the machine
// there does not check again. Also fuses frequent sequences of operations.
#pragma once

#include "probes/planner.h"
#include "schema/result.h"

#include <vector>

namespace backsight::collector {

// kInvalid names the operation: unknown code, stack use out of bounds, a program
// without an end, an offset outside its element, a size over the ABI's limits.
schema::Result<void> check_plan(const probes::CompiledPlan& plan);

// Replaces ROOT of a checked program by a fused operation where ROOT, PUSH_REG
// and EMIT or COPY follow each other. Positions stay as they are.
void fuse_operations(std::vector<bs_op>& ops);

}  // namespace backsight::collector
