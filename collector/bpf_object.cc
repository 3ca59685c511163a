#include "collector/bpf_object.h"

// The directory is given by CMake.
#define EMBED(symbol, file)                                \
  asm(".section .rodata.backsight_bpf, \"a\", @progbits\n" \
      ".balign 16\n" symbol                                \
      "_begin:\n"                                          \
      ".incbin \"" BACKSIGHT_BPF_DIR file "\"\n" symbol    \
      "_end:\n"                                            \
      ".previous\n")

EMBED("backsight_capture_object", "capture.bpf.o");
EMBED("backsight_no_loop_object", "capture_no_loop.bpf.o");
EMBED("backsight_sleepable_object", "capture_sleepable.bpf.o");

extern "C" {
extern const std::byte backsight_capture_object_begin[], backsight_capture_object_end[];
extern const std::byte backsight_no_loop_object_begin[], backsight_no_loop_object_end[];
extern const std::byte backsight_sleepable_object_begin[], backsight_sleepable_object_end[];
}

namespace backsight::collector {

std::span<const std::byte> capture_object() {
  return {backsight_capture_object_begin, backsight_capture_object_end};
}

std::span<const std::byte> capture_no_loop_object() {
  return {backsight_no_loop_object_begin, backsight_no_loop_object_end};
}

std::span<const std::byte> capture_sleepable_object() {
  return {backsight_sleepable_object_begin, backsight_sleepable_object_end};
}

}  // namespace backsight::collector
