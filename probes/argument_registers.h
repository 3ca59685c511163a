// The general registers that bring integers and pointers, in order (System V ABI
// for x86-64, 3.2.3).
#pragma once

#include "bpf/abi/plan.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace backsight::probes {

inline constexpr bs_register kArgumentRegisters[] = {BS_RDI, BS_RSI, BS_RDX, BS_RCX, BS_R8, BS_R9};

// `reg`: DWARF number, or anything else for none.
inline bool brings_argument(std::int64_t reg) {
  return std::find(std::begin(kArgumentRegisters), std::end(kArgumentRegisters), reg) !=
         std::end(kArgumentRegisters);
}

}  // namespace backsight::probes
