// What one instruction does to the frame of its function, and with addresses in it.
#pragma once

#include "probes/cfa.h"

#include <Zydis/Zydis.h>

#include <cstdint>

namespace backsight::probes {

struct FrameAccess {
  enum class Kind : std::uint8_t {
    kNone,
    kStore,    // to [CFA + offset, + size): of register `reg`, if that fills it with eight bytes
    kAddress,  // `reg` becomes CFA + offset
    kLoad,     // `reg` becomes the eight bytes at CFA + offset
    kCopy,     // `reg` becomes what `source` was, + offset
    kRead,     // the bytes at CFA + offset are used otherwise
  } kind = Kind::kNone;
  // Stores to memory that may be anywhere: where `source` >= 0, to [source + offset, + size).
  bool is_elsewhere = false;
  bool is_unknown = false;  // makes an address of which only that it is in the frame is known
  std::int64_t offset = 0;
  std::uint32_t size = 0;
  int reg = -1;  // DWARF number; -1: another value, or none
  int source = -1;
  std::uint32_t written = 0;  // general registers: bit = DWARF number
};

// `address`: link-time, of the instruction.
FrameAccess read_frame_access(const FrameTable& frames, std::uint64_t address,
                              const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands);

}  // namespace backsight::probes
