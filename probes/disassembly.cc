#include "probes/disassembly.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <cstdio>

namespace backsight::probes {

using schema::SiteClass;

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

// The kernel emulates nop, push of a 64-bit register, direct jumps, near
// conditional jumps and direct calls (arch/x86/kernel/uprobes.c, *_setup_xol_ops).
SiteClass classify(const ZydisDecodedInstruction& in, const std::uint8_t* bytes) {
  static constexpr std::uint8_t kNop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
  if (in.length == 5 && std::equal(kNop5, kNop5 + 5, bytes)) return SiteClass::kNop5;
  const bool has_prefix = in.raw.prefix_count > 0;
  const bool has_rex_only =
      in.raw.prefix_count == 0 || (in.raw.prefix_count == 1 && (bytes[0] & 0xf0) == 0x40);
  if (in.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
    if (in.opcode == 0x90 && in.mnemonic == ZYDIS_MNEMONIC_NOP) return SiteClass::kEmulated;
    if (in.opcode >= 0x50 && in.opcode <= 0x57 && has_rex_only) return SiteClass::kEmulated;
    if (has_prefix) return SiteClass::kSingleStep;
    if (in.opcode == 0xeb || in.opcode == 0xe9 || in.opcode == 0xe8) return SiteClass::kEmulated;
    if (in.opcode >= 0x70 && in.opcode <= 0x7f) return SiteClass::kEmulated;
  } else if (in.opcode_map == ZYDIS_OPCODE_MAP_0F && !has_prefix && in.opcode >= 0x80 && in.opcode <= 0x8f) {
    return SiteClass::kEmulated;
  }
  return SiteClass::kSingleStep;
}

InstructionKind kind_of(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  switch (in.meta.category) {
    case ZYDIS_CATEGORY_RET:
      return in.mnemonic == ZYDIS_MNEMONIC_RET ? InstructionKind::kReturn : InstructionKind::kTrap;
    case ZYDIS_CATEGORY_CALL:
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
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  for (const AddressRange& range : ranges) {
    const std::vector<std::uint8_t> bytes = binary.code(range);
    if (bytes.empty()) {
      result.problem = "no code at " + hex(range.begin);
      return result;
    }
    std::vector<Decoded> recent;
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
      instruction.kind = kind_of(in, decoded.operands);
      instruction.site_class = classify(in, bytes.data() + at);
      instruction.undoes_frame = undoes_frame(in, decoded.operands);
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
      }
      if (changes_stack(in, decoded.operands)) result.keeps_stack = false;
      result.instructions.push_back(instruction);
      at += in.length;
      recent.push_back(decoded);
      if (recent.size() > kTableLookBack) recent.erase(recent.begin());
    }
  }
  resolve_indirect_jumps(result);
  return result;
}

}  // namespace backsight::probes
