// How long it takes to attach 1,000 probes and to detach them, beside perf events.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_attach_cost(Rows& rows);

}  // namespace backsight::tools::benches
