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

#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// The first store to [CFA + offset, + size): the entry value of a register.
struct Spill {
  std::int64_t offset = 0;
  std::uint32_t size = 0;
  std::uint64_t done_at = 0;  // address of the instruction behind the store
  int reg = -1;               // DWARF number of a general register; -1: not an entry value
  bool is_vector = false;     // the value of an XMM register
  bool is_push = false;       // perhaps only to make room
};

// One instruction of the straight line, and what holds right before it.
struct PrologueStep {
  std::uint64_t address = 0;
  std::optional<std::int64_t> rsp;  // relative to CFA
  std::optional<std::int64_t> rbp;
  std::uint32_t written = 0;  // registers, but RSP, that were written since entry: bit = DWARF number
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

  // The register whose low `size` bytes become [CFA + offset, + size).
  const Spill* find(std::int64_t offset, std::uint32_t size) const;
};

Prologue analyse_prologue(const ElfFile& binary, AddressRange range);

}  // namespace backsight::probes
