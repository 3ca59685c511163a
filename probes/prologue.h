// What the straight-line code at a function's entry proves about parameters
// that live in its frame. Debug information of unoptimised code (and of
// parameters whose address is taken) names a stack slot for the whole function,
// although the slot is empty at the entry; the prologue then stores the register
// that brought the value. Following those stores gives the register, exactly.
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
  int reg = -1;            // DWARF number of a general register; -1: not an entry value
  bool is_vector = false;  // the value of an XMM register
};

struct Prologue {
  std::vector<Spill> spills;
  // RSP and RBP relative to CFA where the straight line ends.
  std::optional<std::int64_t> rsp;
  std::optional<std::int64_t> rbp;

  // The register whose low `size` bytes become [CFA + offset, + size).
  const Spill* find(std::int64_t offset, std::uint32_t size) const;
};

Prologue analyse_prologue(const ElfFile& binary, AddressRange range);

}  // namespace backsight::probes
