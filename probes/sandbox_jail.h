// Gives up, for ever, what reading debug information does not need:
// capabilities, opening files, other processes, the network, much memory.
#pragma once

#include "schema/result.h"

#include <cstdint>

namespace backsight::probes {

struct JailLimits {
  std::uint64_t memory_bytes = 1ull << 30;  // private writable memory (RLIMIT_DATA)
  std::uint64_t cpu_seconds = 3600;         // of the process's whole life
  std::uint64_t file_bytes = 512ull << 20;  // of one memory file
};

// To be called with one thread. `keep`: the descriptor above 2 that stays open.
// Afterwards a system call that is not needed kills the process; opening a file
// fails with EACCES. kPermission, kUnsupported: the process must end itself.
schema::Result<void> enter_jail(const JailLimits& limits, int keep);

}  // namespace backsight::probes
