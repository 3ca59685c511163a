#include "probes/instruction_class.h"

#include <algorithm>

namespace backsight::probes {

using schema::SiteClass;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint8_t kNop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

bool has_prefix(const ZydisDecodedInstruction& in, std::initializer_list<std::uint8_t> wanted) {
  for (int i = 0; i < in.raw.prefix_count; ++i) {
    if (std::find(wanted.begin(), wanted.end(), in.raw.prefixes[i].value) != wanted.end()) return true;
  }
  return false;
}

bool is_branch(const ZydisDecodedInstruction& in) {
  if (in.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
    return in.opcode == 0xeb || in.opcode == 0xe9 || in.opcode == 0xe8 ||
           (in.opcode >= 0x70 && in.opcode <= 0x7f);
  }
  return in.opcode_map == ZYDIS_OPCODE_MAP_0F && in.opcode >= 0x80 && in.opcode <= 0x8f;
}

bool is_push(const ZydisDecodedInstruction& in, const std::uint8_t* bytes) {
  if (in.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || in.opcode < 0x50 || in.opcode > 0x57) return false;
  return in.length == 1 || (in.length == 2 && bytes[0] == 0x41);
}

// Everything that does nothing: "lea rsi, [rsi + 0]" and "mov rdi, rdi" too.
bool does_nothing(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  if (in.mnemonic == ZYDIS_MNEMONIC_NOP) return true;
  if (in.operand_count < 2 || operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
  if (in.mnemonic == ZYDIS_MNEMONIC_LEA) {
    return operands[1].mem.base == operands[0].reg.value && operands[1].mem.index == ZYDIS_REGISTER_NONE &&
           operands[1].mem.disp.value == 0;
  }
  return (in.mnemonic == ZYDIS_MNEMONIC_MOV || in.mnemonic == ZYDIS_MNEMONIC_XCHG) &&
         operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER && operands[1].reg.value == operands[0].reg.value;
}

bool is_refused(const ZydisDecodedInstruction& in) {
  // Segment overrides but FS and GS (a notrack prefix is one, too), and LOCK.
  if (has_prefix(in, {0x26, 0x2e, 0x36, 0x3e, 0xf0})) return true;
  if (is_branch(in) && has_prefix(in, {0x66})) return true;
  if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) return true;
  // "xchg r8, rax" has the opcode of nop, and is taken for one by most kernels.
  return in.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in.opcode == 0x90 &&
         in.mnemonic != ZYDIS_MNEMONIC_NOP && in.mnemonic != ZYDIS_MNEMONIC_PAUSE;
}

}  // namespace

InstructionClass classify_instruction(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands,
                                      const std::uint8_t* bytes, std::uint64_t address) {
  InstructionClass result;
  result.is_refused = is_refused(in);
  result.is_nop5 = in.length == 5 && does_nothing(in, operands);
  if (result.is_nop5 && std::equal(kNop5, kNop5 + 5, bytes)) {
    // It is replaced by a call in one write, which must not cross a page.
    const bool fits = address % kPage + 5 <= kPage;
    result.site_class = fits ? SiteClass::kNop5 : SiteClass::kEmulated;
  } else if (is_branch(in) || is_push(in, bytes) ||
             (in.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in.opcode == 0x90 && !result.is_refused)) {
    result.site_class = SiteClass::kEmulated;
  }
  return result;
}

}  // namespace backsight::probes
