#include "probes/disassembly.h"

#include "probes/instruction_class.h"
#include "probes/jump_tables.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace backsight::probes {

namespace {

constexpr std::size_t kTableLookBack = 6;  // instructions between a table's load and its jump

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

struct Decoded {
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

InstructionKind kind_of(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  switch (in.meta.category) {
    case ZYDIS_CATEGORY_RET:
      return in.mnemonic == ZYDIS_MNEMONIC_RET ? InstructionKind::kReturn : InstructionKind::kTrap;
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_SYSCALL:
      return InstructionKind::kCall;
    case ZYDIS_CATEGORY_COND_BR:
      return InstructionKind::kConditionalJump;
    case ZYDIS_CATEGORY_UNCOND_BR:
      if (in.mnemonic == ZYDIS_MNEMONIC_XBEGIN) return InstructionKind::kConditionalJump;
      return operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? InstructionKind::kJump
                                                              : InstructionKind::kIndirectJump;
    default:
      break;
  }
  const bool is_trap = in.mnemonic == ZYDIS_MNEMONIC_INT3 || in.mnemonic == ZYDIS_MNEMONIC_INT ||
                       in.mnemonic == ZYDIS_MNEMONIC_UD2 || in.mnemonic == ZYDIS_MNEMONIC_HLT;
  return is_trap ? InstructionKind::kTrap : InstructionKind::kOther;
}

// A position-independent jump table: "movsxd offset, [table + index*4]; add
// offset, table; jmp offset" shortly before.
bool follows_table_load(const std::vector<Decoded>& recent, ZydisRegister target) {
  bool is_added = false;
  for (std::size_t i = recent.size(); i-- > 0;) {
    const auto& [in, operands] = recent[i];
    if (in.operand_count == 0 || operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    const ZydisRegister written =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operands[0].reg.value);
    if (in.mnemonic == ZYDIS_MNEMONIC_ADD && written == target) is_added = true;
    const bool indexed = in.operand_count > 1 && operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                         operands[1].mem.index != ZYDIS_REGISTER_NONE;
    if (in.mnemonic == ZYDIS_MNEMONIC_MOVSXD && indexed && operands[1].mem.scale == 4 && is_added)
      return true;
    if (in.mnemonic == ZYDIS_MNEMONIC_MOV && indexed && operands[1].mem.scale == 8 && written == target)
      return true;
  }
  return false;
}

void classify_indirect(Instruction& result, const ZydisDecodedInstruction& in,
                       const ZydisDecodedOperand& operand, const std::vector<Decoded>& recent) {
  if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    // Indexed by 8: a table of addresses. Relative to the instruction: the
    // global offset table. Others wait for resolve_indirect_jumps.
    result.is_table_jump = operand.mem.index != ZYDIS_REGISTER_NONE && operand.mem.scale == 8;
    result.is_indirect_tail_call = operand.mem.base == ZYDIS_REGISTER_RIP;
  } else if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    // gcc marks table jumps notrack where the program is built for CET.
    result.is_table_jump =
        (in.attributes & ZYDIS_ATTRIB_HAS_NOTRACK) != 0 || follows_table_load(recent, operand.reg.value);
  }
}

// For each register, the address in the file that "lea register, [rip + …]" last
// gave it, in the order of the code; 0: something else.
using Addresses = std::array<std::uint64_t, 16>;

std::optional<std::size_t> general_register(ZydisRegister reg) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15) return std::nullopt;
  return static_cast<std::size_t>(whole - ZYDIS_REGISTER_RAX);
}

void note_address(const Decoded& decoded, std::uint64_t address, Addresses& addresses) {
  const auto& [in, operands] = decoded;
  for (int i = 0; i < in.operand_count; ++i) {
    if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    if (!(operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) continue;
    if (const auto reg = general_register(operands[i].reg.value)) addresses[*reg] = 0;
  }
  if (in.mnemonic != ZYDIS_MNEMONIC_LEA || operands[1].mem.base != ZYDIS_REGISTER_RIP) return;
  const auto reg = general_register(operands[0].reg.value);
  if (reg) addresses[*reg] = address + in.length + static_cast<std::uint64_t>(operands[1].mem.disp.value);
}

struct IndirectJump {
  std::uint64_t address = 0;
  std::optional<JumpTable> table;
};

// The table that an indirect jump reads: "jmp [table + index*8]", the same with
// the load apart, or offsets added to the table's address.
std::optional<JumpTable> table_of(const Decoded& jump, const std::vector<Decoded>& recent,
                                  const Addresses& addresses) {
  const auto indexed = [&](const ZydisDecodedOperand& operand) -> std::optional<JumpTable> {
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.index == ZYDIS_REGISTER_NONE)
      return std::nullopt;
    if (operand.mem.scale != 4 && operand.mem.scale != 8) return std::nullopt;
    std::uint64_t base = 0;
    if (operand.mem.base != ZYDIS_REGISTER_NONE) {
      const auto reg = general_register(operand.mem.base);
      if (!reg || addresses[*reg] == 0) return std::nullopt;
      base = addresses[*reg];
    }
    const auto offset = operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
    return JumpTable{base + static_cast<std::uint64_t>(offset), operand.mem.scale};
  };
  if (jump.operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) return indexed(jump.operands[0]);
  for (std::size_t i = recent.size(); i-- > 0;) {
    const auto& [in, operands] = recent[i];
    const bool loads = in.mnemonic == ZYDIS_MNEMONIC_MOVSXD || in.mnemonic == ZYDIS_MNEMONIC_MOV;
    if (!loads || in.operand_count < 2 || operands[1].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    if (const auto table = indexed(operands[1])) return table;
  }
  return std::nullopt;
}

void read_tables(const ElfFile& binary, const std::vector<IndirectJump>& jumps, FunctionCode& code) {
  for (const IndirectJump& jump : jumps) {
    const Instruction* instruction = code.at(jump.address);
    if (!instruction || !instruction->is_table_jump) continue;
    const auto targets =
        jump.table ? read_jump_table(binary, *jump.table, code.ranges) : std::vector<std::uint64_t>{};
    code.has_unread_table |= targets.empty();
    code.table_targets.insert(code.table_targets.end(), targets.begin(), targets.end());
  }
}

// Conservative: integer instructions on registers, RSP's memory and constants of
// the file cannot.
bool may_trap(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  if (in.mnemonic == ZYDIS_MNEMONIC_NOP || in.mnemonic == ZYDIS_MNEMONIC_ENDBR64) return false;
  const ZydisISAExt set = in.meta.isa_ext;
  const bool is_plain = set == ZYDIS_ISA_EXT_BASE || set == ZYDIS_ISA_EXT_LONGMODE ||
                        set == ZYDIS_ISA_EXT_BMI1 || set == ZYDIS_ISA_EXT_BMI2 || set == ZYDIS_ISA_EXT_LZCNT;
  if (!is_plain || in.mnemonic == ZYDIS_MNEMONIC_DIV || in.mnemonic == ZYDIS_MNEMONIC_IDIV) return true;
  for (int i = 0; i < in.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) continue;
    if (operand.mem.index != ZYDIS_REGISTER_NONE) return true;
    if (operand.mem.base != ZYDIS_REGISTER_RSP && operand.mem.base != ZYDIS_REGISTER_RIP) return true;
  }
  return false;
}

bool undoes_frame(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  if (in.mnemonic == ZYDIS_MNEMONIC_POP || in.mnemonic == ZYDIS_MNEMONIC_LEAVE) return true;
  return in.mnemonic == ZYDIS_MNEMONIC_ADD && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
         operands[0].reg.value == ZYDIS_REGISTER_RSP;
}

bool changes_stack(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  if (in.meta.category == ZYDIS_CATEGORY_CALL || in.meta.category == ZYDIS_CATEGORY_RET) return false;
  for (int i = 0; i < in.operand_count; ++i) {
    const bool is_rsp = operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operands[i].reg.value) ==
                            ZYDIS_REGISTER_RSP;
    if (is_rsp && (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return true;
  }
  return false;
}

// Registers, displacements and constants differ between copies; addresses do not.
std::uint32_t shape_of(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  auto shape = static_cast<std::uint32_t>(in.mnemonic);
  for (int i = 0; i < in.operand_count_visible; ++i) {
    shape = shape * 31 + static_cast<std::uint32_t>(operands[i].type) * 1024u + operands[i].size;
    const bool is_absolute =
        operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY && operands[i].mem.base == ZYDIS_REGISTER_RIP;
    if (is_absolute) shape = shape * 31 + 1;
  }
  return shape;
}

// Does direct control flow from the entry reach every instruction of the first
// range? Blocks that only an indirect jump can reach (labels of a computed goto)
// are then excluded.
bool all_reached(const std::vector<Instruction>& code, const AddressRange& range) {
  std::vector<bool> reached(code.size());
  std::vector<std::size_t> work = {0};
  const auto index_of = [&](std::uint64_t address) {
    const auto it =
        std::lower_bound(code.begin(), code.end(), address,
                         [](const Instruction& a, std::uint64_t value) { return a.address < value; });
    return static_cast<std::size_t>(it - code.begin());
  };
  while (!work.empty()) {
    const std::size_t i = work.back();
    work.pop_back();
    if (i >= code.size() || reached[i]) continue;
    reached[i] = true;
    const InstructionKind kind = code[i].kind;
    const bool branches = kind == InstructionKind::kJump || kind == InstructionKind::kConditionalJump;
    if (branches && code[i].target && range.contains(*code[i].target))
      work.push_back(index_of(*code[i].target));
    const bool ends = kind == InstructionKind::kJump || kind == InstructionKind::kReturn ||
                      kind == InstructionKind::kIndirectJump || kind == InstructionKind::kTrap;
    if (!ends) work.push_back(i + 1);
  }
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (!reached[i] && !code[i].is_nop && code[i].kind != InstructionKind::kTrap) return false;
  }
  return true;
}

// Every path through the function begins with a push.
bool pushes_at_entry(const FunctionCode& code) {
  const std::size_t first = code.instructions.front().is_endbr64 ? 1 : 0;
  return first < code.instructions.size() && code.instructions[first].is_push;
}

// An indirect jump that is not known to be a table's is a tail call where the
// frame is undone right before it, or where there is nothing else in the
// function it could lead to. With a frame that is still up, it cannot be one.
void resolve_indirect_jumps(FunctionCode& code) {
  constexpr std::size_t kEpilogue = 16;
  std::optional<bool> closed;
  for (std::size_t i = 0; i < code.instructions.size(); ++i) {
    Instruction& jump = code.instructions[i];
    if (jump.kind != InstructionKind::kIndirectJump || jump.is_table_jump || jump.is_indirect_tail_call)
      continue;
    for (std::size_t back = 1; back <= kEpilogue && back <= i; ++back) {
      const Instruction& before = code.instructions[i - back];
      if (before.kind != InstructionKind::kOther) break;
      jump.is_indirect_tail_call |= before.undoes_frame;
    }
    if (jump.is_indirect_tail_call) continue;
    if (pushes_at_entry(code)) {
      jump.is_table_jump = true;
    } else if (code.ranges.size() == 1) {
      if (!closed) closed = all_reached(code.instructions, code.ranges.front());
      jump.is_indirect_tail_call = *closed;
    }
  }
}

}  // namespace

bool FunctionCode::contains(std::uint64_t address) const {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

const Instruction* FunctionCode::at(std::uint64_t address) const {
  for (const Instruction& instruction : instructions) {
    if (instruction.address == address) return &instruction;
  }
  return nullptr;
}

FunctionCode disassemble(const ElfFile& binary, const std::vector<AddressRange>& ranges) {
  FunctionCode result;
  result.ranges = ranges;
  std::vector<IndirectJump> jumps;
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  for (const AddressRange& range : ranges) {
    const std::vector<std::uint8_t> bytes = binary.code(range);
    if (bytes.empty()) {
      result.problem = "no code at " + hex(range.begin);
      return result;
    }
    std::vector<Decoded> recent;
    Addresses addresses{};
    for (std::uint64_t at = 0; at < bytes.size();) {
      Decoded decoded;
      if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data() + at, bytes.size() - at,
                                               &decoded.instruction, decoded.operands))) {
        result.problem = "cannot decode the instruction at " + hex(range.begin + at);
        return result;
      }
      const auto& in = decoded.instruction;
      Instruction instruction;
      instruction.address = range.begin + at;
      instruction.length = in.length;
      instruction.shape = shape_of(in, decoded.operands);
      instruction.kind = kind_of(in, decoded.operands);
      const InstructionClass kernel =
          classify_instruction(in, decoded.operands, bytes.data() + at, instruction.address);
      instruction.site_class = kernel.site_class;
      instruction.is_refused = kernel.is_refused;
      instruction.is_nop5 = kernel.is_nop5;
      instruction.undoes_frame = undoes_frame(in, decoded.operands);
      instruction.may_trap = may_trap(in, decoded.operands);
      instruction.is_push = in.mnemonic == ZYDIS_MNEMONIC_PUSH;
      instruction.is_nop = in.mnemonic == ZYDIS_MNEMONIC_NOP;
      instruction.is_endbr64 = in.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
      if (in.operand_count > 0 && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
          decoded.operands[0].imm.is_relative) {
        instruction.target =
            instruction.address + in.length + static_cast<std::uint64_t>(decoded.operands[0].imm.value.s);
      }
      if (instruction.kind == InstructionKind::kIndirectJump) {
        classify_indirect(instruction, in, decoded.operands[0], recent);
        jumps.push_back({instruction.address, table_of(decoded, recent, addresses)});
      }
      instruction.changes_stack = changes_stack(in, decoded.operands);
      if (instruction.changes_stack) result.keeps_stack = false;
      result.instructions.push_back(instruction);
      at += in.length;
      note_address(decoded, instruction.address, addresses);
      recent.push_back(decoded);
      if (recent.size() > kTableLookBack) recent.erase(recent.begin());
    }
  }
  resolve_indirect_jumps(result);
  read_tables(binary, jumps, result);
  return result;
}

}  // namespace backsight::probes
