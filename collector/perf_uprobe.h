// Attaching one program to one offset of a file by a perf event with a cookie:
// the way of Linux 5.15 to 6.5.
#pragma once

#include "collector/descriptor.h"
#include "schema/result.h"

#include <cstdint>
#include <string>

namespace backsight::collector {

// Detached when both are closed. That waits for grace periods of the kernel, about
// 0.1 s for each probe, one after the other.
struct PerfUprobe {
  Descriptor event;
  Descriptor link;
};

schema::Result<PerfUprobe> link_perf_uprobe(int program_fd, const std::string& path, std::uint64_t offset,
                                            bool is_return, std::uint64_t cookie);

}  // namespace backsight::collector
