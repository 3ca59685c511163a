// 100,000 events a second for 20 seconds through the real collector; and the
// time of `state --at` on what it stored.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_sustained(Rows& rows);
void run_state(Rows& rows);

}  // namespace backsight::tools::benches
