// Registers of decoded instructions, as debug information numbers them.
#pragma once

#include <Zydis/Zydis.h>

namespace backsight::probes {

// DWARF number of the 64-bit register that `reg` is all or a part of (System V ABI,
// figure 3.36); -1 for others.
int dwarf_register(ZydisRegister reg);

}  // namespace backsight::probes
