// What the kernel makes of a probe on one instruction (arch/x86/kernel/uprobes.c):
// whether it emulates it, steps over a copy of it, or takes no probe there.
#pragma once

#include "schema/plan.h"

#include <Zydis/Zydis.h>

#include <cstdint>

namespace backsight::probes {

struct InstructionClass {
  schema::SiteClass site_class = schema::SiteClass::kSingleStep;
  bool is_refused = false;  // see Instruction
  bool is_nop5 = false;
};

// `bytes`: the instruction's, at its link-time `address`.
InstructionClass classify_instruction(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands,
                                      const std::uint8_t* bytes, std::uint64_t address);

}  // namespace backsight::probes
