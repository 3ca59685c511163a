// Attaching one program to many offsets of a file by one link (Linux 6.6). The
// libbpf of Debian 12 has no wrapper, so the system call is made here.
#pragma once

#include "collector/descriptor.h"
#include "schema/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace backsight::collector {

// BPF_TRACE_UPROBE_MULTI of enum bpf_attach_type; the program must be loaded
// with it as its expected attach type.
inline constexpr std::uint32_t kUprobeMultiAttachType = 48;

struct UprobeMultiRequest {
  std::string path;
  std::vector<std::uint64_t> offsets;  // in the file
  std::vector<std::uint64_t> cookies;  // one for each offset
  bool is_return = false;              // uretprobes
};

// Errors carry the system's reason; negative errno is in `error_number` if given.
schema::Result<Descriptor> link_uprobe_multi(int program_fd, const UprobeMultiRequest& request,
                                             int* error_number = nullptr);

}  // namespace backsight::collector
