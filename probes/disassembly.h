// The machine code of one function, decoded linearly from the beginning of each
// of its ranges, so that every probe is known to lie on an instruction
// boundary. Where decoding fails, the rest of the function is not trusted.
#pragma once

#include "probes/elf_file.h"
#include "schema/plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

enum class InstructionKind : std::uint8_t {
  kOther,
  kReturn,
  kJump,             // direct, unconditional
  kConditionalJump,  // also loop, jrcxz and xbegin
  kCall,             // also indirect; system calls
  kIndirectJump,     // through a register or memory: see table_jump
  kTrap,             // int3, ud2, hlt: never a place for a probe
};

struct Instruction {
  std::uint64_t address = 0;
  std::uint8_t length = 0;
  // What it does to which kinds of operands: a copy of an instruction has the same.
  std::uint32_t shape = 0;
  InstructionKind kind = InstructionKind::kOther;
  std::optional<std::uint64_t> target;  // of direct jumps and calls
  schema::SiteClass site_class = schema::SiteClass::kSingleStep;
  // The kernel refuses a probe on it, or would not do what the instruction does.
  bool is_refused = false;
  bool is_nop5 = false;   // of five bytes, in any form: only safe where no red zone is in use
  bool may_trap = false;  // can fault, whatever its operands hold: all but its own frame's memory
  bool is_endbr64 = false;
  bool is_nop = false;
  bool is_push = false;
  bool changes_stack = false;          // writes RSP, other than by calling and returning
  bool undoes_frame = false;           // pop, leave, add rsp
  bool is_table_jump = false;          // kIndirectJump: proven to be a jump table's
  bool is_indirect_tail_call = false;  // kIndirectJump: proven to leave the function
};

struct FunctionCode {
  std::vector<AddressRange> ranges;  // the first one begins at the entry
  std::vector<Instruction> instructions;
  bool keeps_stack = true;                   // nothing but calls and returns changes RSP
  std::string problem;                       // empty: all of it was decoded
  std::vector<std::uint64_t> table_targets;  // of all jump tables, and perhaps more than those
  bool has_unread_table = false;             // a jump table that was not found

  bool contains(std::uint64_t address) const;
  const Instruction* at(std::uint64_t address) const;
};

FunctionCode disassemble(const ElfFile& binary, const std::vector<AddressRange>& ranges);

}  // namespace backsight::probes
