// What choosing the probe site is worth: how many functions get a cheap one, and
// what a hit costs on code that begins with endbr64.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_site_share(Rows& rows);
void run_cet_cost(Rows& rows);

}  // namespace backsight::tools::benches
