// Time and memory of planning in a binary with 300 MB of debug information: one
// function and all of them, with and without the cached index.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_planning(Rows& rows);

}  // namespace backsight::tools::benches
