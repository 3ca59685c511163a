// Who called: the stack of a hit as the timeline keeps it. A row names its stack by
// id, in an item of its own (docs/format/event.md); the stack is stored once.
#pragma once

#include "schema/ids.h"
#include "schema/plan.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace backsight::schema {

// Where a stack ends, and why. The same values as bpf/abi/event.h.
enum class StackEnd : std::uint8_t {
  kOutermost = 0,    // nothing called that frame
  kDepthLimit = 1,   // more frames than are kept
  kByteLimit = 2,    // beyond the part of the stack that was copied
  kNotResident = 3,  // the page is not in memory
  kBadAddress = 4,   // what should lead to the caller does not
  kUndefined = 5,    // nothing says how that code is unwound
  kMemoryLimit = 6,  // the collector was too busy to unwind it
  kRedacted = 7,     // more might show what the probe redacts
  kLast = kRedacted,
};
// The reason in `unavailable`; "" for kOutermost.
const char* to_string(StackEnd end);

inline constexpr std::size_t kMaxStackFrames = 1024;

struct Stack {
  ProcessId process;
  StackEnd end = StackEnd::kOutermost;
  // Innermost first: of the instruction that was probed, then a byte of each call instruction.
  std::vector<std::uint64_t> addresses;
  bool operator==(const Stack&) const = default;
};

// Code in a stack has its name, and where it is in the source, as a code symbol
// (schema/facts.h) under its address with this bit set. Its name has one line for
// each function that is inlined there, innermost first; empty: it is no code.
inline constexpr std::uint64_t kStackAddress = 1ull << 63;
// It is code only if a call ends behind that byte: frame pointers may lead anywhere.
inline constexpr std::uint64_t kStackCallAddress = 1ull << 62;
inline std::uint64_t stack_code_address(StackKind kind, std::size_t frame, std::uint64_t address) {
  const bool is_unproven = kind == StackKind::kFramePointers && frame > 0;
  return (address & ~kStackCallAddress) | kStackAddress | (is_unproven ? kStackCallAddress : 0);
}

// An item with a stack in place of a capture's value.
inline constexpr std::uint32_t kStackItemType = 0xffffffff;
inline constexpr std::uint16_t kStackItemRoot = 0xffff;
// ItemHeader::depth of it, what its bytes are.
inline constexpr std::uint8_t kStackIsAddresses = 1;  // ItemHeader::address: StackEnd
inline constexpr std::uint8_t kStackIsCopy = 2;       // bs_stack_registers, then bytes of the stack
inline constexpr std::uint8_t kStackIsId = 3;         // StackId: the only one that is stored

}  // namespace backsight::schema
