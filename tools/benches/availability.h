// Share of the parameters that can be captured at entry, over all functions with
// code of their own, and the reasons of the others.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_availability(Rows& rows);

}  // namespace backsight::tools::benches
