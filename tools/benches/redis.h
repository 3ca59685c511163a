// Throughput of redis SET with nothing attached, with an empty BPF program on
// setCommand, with Backsight capturing key and value, and with bpftrace printing
// the same two strings.
#pragma once

#include "tools/benches/row.h"

namespace backsight::tools::benches {

void run_redis(Rows& rows);

}  // namespace backsight::tools::benches
