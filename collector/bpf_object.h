// The compiled BPF programs, embedded in the executable.
#pragma once

#include <cstddef>
#include <span>

namespace backsight::collector {

// ELF objects for libbpf.
std::span<const std::byte> capture_object();
std::span<const std::byte> capture_no_loop_object();    // the same for kernels without bpf_loop
std::span<const std::byte> capture_sleepable_object();  // its reads fault pages in; Linux 6.0

}  // namespace backsight::collector
