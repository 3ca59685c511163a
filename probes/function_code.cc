#include "probes/function_code.h"

#include <algorithm>
#include <cstdio>

namespace backsight::probes {

namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

bool is_one_of(std::span<const std::uint64_t> addresses, std::optional<std::uint64_t> address) {
  return address && std::find(addresses.begin(), addresses.end(), *address) != addresses.end();
}

bool leads_into(const FunctionCode& code, const AddressRange& part) {
  return std::any_of(code.instructions.begin(), code.instructions.end(), [&](const Instruction& instruction) {
    const bool jumps =
        instruction.kind == InstructionKind::kJump || instruction.kind == InstructionKind::kConditionalJump;
    return jumps && instruction.target && part.contains(*instruction.target);
  });
}

// "jmp __x86_return_thunk" is a return, "jmp __x86_indirect_thunk_rax" is "jmp rax".
void see_through_thunks(FunctionCode& code, const CodeLandmarks& landmarks) {
  for (Instruction& instruction : code.instructions) {
    if (instruction.kind != InstructionKind::kJump) continue;
    if (is_one_of(landmarks.return_thunks, instruction.target)) {
      instruction.kind = InstructionKind::kReturn;
      instruction.target.reset();
    } else if (is_one_of(landmarks.indirect_thunks, instruction.target)) {
      instruction.kind = InstructionKind::kIndirectJump;
      instruction.target.reset();
    }
  }
}

}  // namespace

FunctionCode read_function_code(const ElfFile& binary, std::vector<AddressRange> ranges,
                                const CodeLandmarks& landmarks) {
  FunctionCode code = disassemble(binary, ranges);
  // Several functions may have parts of the same name: those that this one jumps to are its own.
  bool has_more = false;
  for (const AddressRange& part : landmarks.split_parts) {
    if (!leads_into(code, part)) continue;
    ranges.push_back(part);
    has_more = true;
  }
  if (has_more) code = disassemble(binary, ranges);
  see_through_thunks(code, landmarks);
  return code;
}

std::string unclear_jump(const FunctionCode& code) {
  if (!code.problem.empty()) return "the code was not wholly decoded";
  if (code.has_unread_table) return "a jump table could not be read";
  for (const Instruction& instruction : code.instructions) {
    const bool unclear = instruction.kind == InstructionKind::kIndirectJump && !instruction.is_table_jump &&
                         !instruction.is_indirect_tail_call;
    if (unclear) return "the indirect jump at " + hex(instruction.address) + " could lead there";
  }
  return {};
}

}  // namespace backsight::probes
