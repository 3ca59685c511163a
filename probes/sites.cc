#include "probes/sites.h"

#include <cstdio>

namespace backsight::probes {

using schema::ReturnVia;
using schema::SiteClass;

namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::optional<Site> make_site(const ElfFile& binary, const Instruction& at, bs_site_kind kind) {
  const auto offset = binary.file_offset(at.address);
  if (!offset) return std::nullopt;
  Site site;
  site.address = at.address;
  site.file_offset = *offset;
  site.kind = kind;
  site.site_class = at.site_class;
  return site;
}

int cost_rank(SiteClass site_class) {
  return site_class == SiteClass::kNop5 ? 0 : site_class == SiteClass::kEmulated ? 1 : 2;
}

// A branch of the function itself to an address in [begin, end].
const Instruction* branch_into(const FunctionCode& code, std::uint64_t begin, std::uint64_t end) {
  for (const Instruction& instruction : code.instructions) {
    const bool jumps =
        instruction.kind == InstructionKind::kJump || instruction.kind == InstructionKind::kConditionalJump;
    if (jumps && instruction.target && *instruction.target >= begin && *instruction.target <= end) {
      return &instruction;
    }
  }
  return nullptr;
}

const char* describe(SiteClass site_class) {
  switch (site_class) {
    case SiteClass::kNop5:
      return "a 5-byte nop";
    case SiteClass::kEmulated:
      return "emulated by the kernel";
    case SiteClass::kSingleStep:
      return "single-stepped";
  }
  return "";
}

}  // namespace

EntrySite choose_entry_site(const ElfFile& binary, const FunctionCode& code) {
  if (code.instructions.empty()) return {std::nullopt, "its entry cannot be decoded: " + code.problem};
  const Instruction& entry = code.instructions.front();
  if (entry.kind == InstructionKind::kTrap) return {std::nullopt, "its entry is a trap instruction"};
  if (const Instruction* branch = branch_into(code, entry.address, entry.address)) {
    return {std::nullopt, "its entry is also the head of a loop (jump at " + hex(branch->address) +
                              "), so that entries could not be told from repetitions"};
  }
  const auto at_entry = make_site(binary, entry, BS_SITE_ENTRY);
  if (!at_entry) return {std::nullopt, "its entry is not in the file"};
  const std::string plain = std::string("entry instruction, ") + describe(entry.site_class);
  if (!entry.is_endbr64 || code.instructions.size() < 2) return {at_entry, plain};
  const Instruction& second = code.instructions[1];
  if (second.kind == InstructionKind::kTrap || second.address != entry.address + entry.length ||
      !code.ranges.front().contains(second.address)) {
    return {at_entry, plain};
  }
  if (cost_rank(second.site_class) >= cost_rank(entry.site_class)) return {at_entry, plain};
  if (!code.problem.empty()) return {at_entry, plain + " (the code was not wholly decoded)"};
  if (branch_into(code, entry.address + 1, second.address)) {
    return {at_entry, plain + " (a branch leads to the instruction behind its endbr64)"};
  }
  for (const Instruction& instruction : code.instructions) {
    const bool unclear = instruction.kind == InstructionKind::kIndirectJump && !instruction.is_table_jump &&
                         !instruction.is_indirect_tail_call;
    if (unclear) return {at_entry, plain + " (an indirect jump could lead behind its endbr64)"};
  }
  return {make_site(binary, second, BS_SITE_ENTRY),
          std::string("behind endbr64 at entry+4, ") + describe(second.site_class)};
}

ReturnSites choose_return_sites(const ElfFile& binary, const FunctionCode& code, bool is_c) {
  ReturnSites result;
  if (!code.problem.empty()) {
    result.reason = code.problem;
    return result;
  }
  std::size_t returns = 0;
  std::size_t tail_calls = 0;
  bool leaf = true;
  for (const Instruction& instruction : code.instructions) {
    const bool leaves = instruction.target && !code.contains(*instruction.target);
    switch (instruction.kind) {
      case InstructionKind::kCall:
        leaf = false;
        break;
      case InstructionKind::kConditionalJump:
        if (!leaves) break;
        return {
            ReturnVia::kNone, {}, "a conditional jump leaves the function at " + hex(instruction.address)};
      case InstructionKind::kIndirectJump:
        leaf = false;
        if (instruction.is_table_jump) break;
        if (!instruction.is_indirect_tail_call) {
          return {ReturnVia::kNone,
                  {},
                  "the indirect jump at " + hex(instruction.address) + " may or may not leave the function"};
        }
        [[fallthrough]];
      case InstructionKind::kJump:
        if (instruction.kind == InstructionKind::kJump && !leaves) break;
        leaf = false;
        if (const auto site = make_site(binary, instruction, BS_SITE_TAIL_CALL))
          result.sites.push_back(*site);
        ++tail_calls;
        break;
      case InstructionKind::kReturn:
        if (const auto site = make_site(binary, instruction, BS_SITE_RETURN)) result.sites.push_back(*site);
        ++returns;
        break;
      default:
        break;
    }
  }
  if (result.sites.size() != returns + tail_calls)
    return {ReturnVia::kNone, {}, "its code is not in the file"};
  if (result.sites.empty()) return {ReturnVia::kNone, {}, "the function never returns"};
  if (is_c && leaf) {
    const auto site = make_site(binary, code.instructions.front(), BS_SITE_RETURN);
    if (!site) return {ReturnVia::kNone, {}, "its code is not in the file"};
    result.via = ReturnVia::kUretprobe;
    result.sites = {*site};
    result.sites.front().is_uretprobe = true;
    result.sites.front().frame_adjust = -8;  // the return address is already popped
    result.reason = "a C function that calls nothing: nothing can unwind through it";
    return result;
  }
  result.via = ReturnVia::kRetSites;
  result.reason = std::to_string(returns) + " return instruction" + (returns == 1 ? "" : "s");
  if (tail_calls) {
    result.reason += " and " + std::to_string(tail_calls) + " tail call" + (tail_calls == 1 ? "" : "s");
  }
  result.reason += "; the return address is never replaced, so that unwinding is safe";
  return result;
}

}  // namespace backsight::probes
