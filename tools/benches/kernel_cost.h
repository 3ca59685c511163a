// Cost of one hit of the capture program above an empty BPF program on the same
// instruction, in this process.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_kernel_cost(Rows& rows);

}  // namespace backsight::tools::benches
