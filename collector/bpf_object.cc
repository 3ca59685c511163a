#include "collector/bpf_object.h"

// The path is given by CMake.
asm(".section .rodata.backsight_bpf, \"a\", @progbits\n"
    ".balign 16\n"
    "backsight_capture_object_begin:\n"
    ".incbin \"" BACKSIGHT_CAPTURE_OBJECT
    "\"\n"
    "backsight_capture_object_end:\n"
    ".previous\n");

extern "C" {
extern const std::byte backsight_capture_object_begin[];
extern const std::byte backsight_capture_object_end[];
}

namespace backsight::collector {

std::span<const std::byte> capture_object() {
  return {backsight_capture_object_begin, backsight_capture_object_end};
}

}  // namespace backsight::collector
