// What the straight-line code at a function's entry proves.
//
// About parameters that live in its frame: debug information of unoptimised code
// (and of parameters whose address is taken) names a stack slot for the whole
// function, although the slot is empty at the entry; the prologue then stores the
// register that brought the value. Following those stores gives the register,
// exactly.
//
// About sites behind the entry: where RSP and RBP are, and how far nothing has
// happened that the world outside the frame could have seen.
#pragma once

#include "probes/elf_file.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// Where the prologue rounds RSP down (for alignas(64) locals), its distance to CFA is
// not known any more. Slots below are told apart all the same, by offsets that count
// from RSP as it was rounded, which has the offset kRealigned. They are names of
// slots, not addresses: nothing can be read by them.
constexpr std::int64_t kRealigned = -(std::int64_t{1} << 40);
constexpr bool is_realigned(std::int64_t offset) {
  return offset <= kRealigned / 2;
}

// What a register or a slot of the frame holds, as far as it is known.
struct PrologueValue {
  enum class Kind {
    kUnknown,
    kEntry,   // what general register `reg` held at the entry
    kVector,  // what an argument's XMM register held at the entry
    kStack,   // what the caller put at CFA + offset
    kFrame,   // the address CFA + offset
    kSlot,    // the address of a slot of the realigned frame
  } kind = Kind::kUnknown;
  int reg = -1;             // kEntry: DWARF number; kVector: number of the XMM register
  std::uint32_t from = 0;   // kEntry, kVector: the byte of the register that is its lowest
  std::uint32_t width = 8;  // kEntry, kStack: its low bytes that are still there
  bool is_extended = true;  // what is above them is 0; else not known
  std::int64_t offset = 0;  // kFrame, kStack; kSlot: from kRealigned
};

// A store to [CFA + offset, + size).
struct Spill {
  std::int64_t offset = 0;
  std::uint32_t size = 0;
  std::uint64_t done_at = 0;  // address of the instruction behind the store
  PrologueValue value;
  bool is_push = false;  // perhaps only to make room

  bool overlaps(std::int64_t from, std::uint64_t bytes) const {
    return offset < from + static_cast<std::int64_t>(bytes) && from < offset + size;
  }
  bool is_vector() const { return value.kind == PrologueValue::Kind::kVector; }
  // The general register whose entry value fills all of it; -1: none.
  int whole_register() const {
    const bool is_whole = value.kind == PrologueValue::Kind::kEntry && value.from == 0;
    return is_whole && value.width >= size ? value.reg : -1;
  }
};

// One instruction of the straight line, and what holds right before it.
struct PrologueStep {
  std::uint64_t address = 0;
  std::optional<std::int64_t> rsp;  // relative to CFA
  std::optional<std::int64_t> rbp;
  std::uint32_t written = 0;  // registers, but RSP, that were written since entry: bit = DWARF number
  std::array<PrologueValue, 16> registers = {};
  // All before it only computed in registers and stored to the function's own
  // frame, and cannot fault: an event here is as good as one at entry.
  bool is_quiet = false;
};

struct Prologue {
  std::vector<Spill> spills;
  std::vector<PrologueStep> steps;  // the last one may be a jump, call or return
  // RSP and RBP relative to CFA where the straight line ends.
  std::optional<std::int64_t> rsp;
  std::optional<std::int64_t> rbp;

  // The store that is the first into [CFA + offset, + size), and fills all of it.
  const Spill* find(std::int64_t offset, std::uint32_t size) const;
  // The stores that are the first into it, one behind the other; empty where they are not
  // known. Of the first 32 bytes only those must be covered that have their bit in `used`.
  std::vector<const Spill*> cover(std::int64_t offset, std::uint32_t size, std::uint32_t used) const;
  // Whether what was stored there stands there right before the instruction at `address`.
  bool holds(const Spill& stored, std::uint64_t address) const;
  // Whether nothing was stored to [CFA + offset, + size) before the instruction at `address`.
  bool is_untouched(std::int64_t offset, std::uint64_t size, std::uint64_t address) const;
  // Null: the straight line does not come there.
  const PrologueStep* step_at(std::uint64_t address) const;
};

Prologue analyse_prologue(const ElfFile& binary, AddressRange range);

}  // namespace backsight::probes
