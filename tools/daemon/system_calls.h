// The system calls that backsightd's threads may make; any other fails with
// EPERM and is noted in the kernel's audit log.
#pragma once

#include "schema/result.h"

#include <cstdint>

namespace backsight::tools {

enum class ThreadKind : std::uint8_t {
  kAttaching,  // attaches, looks at other processes, starts the planning process (which inherits this)
  kPlain,      // files, its sockets, memory, time, threads
};

// False in builds with sanitizers, which make system calls of their own.
bool can_filter_system_calls();

// For the calling thread and those that it starts, for ever. A second filter
// adds to the first: what either refuses is refused. Does nothing where filters
// cannot be.
schema::Result<void> filter_system_calls(ThreadKind kind);

}  // namespace backsight::tools
