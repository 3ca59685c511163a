// The compiled BPF programs, embedded in the executable.
#pragma once

#include <cstddef>
#include <span>

namespace backsight::collector {

// An ELF object for libbpf.
std::span<const std::byte> capture_object();

}  // namespace backsight::collector
