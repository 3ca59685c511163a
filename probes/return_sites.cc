#include "probes/return_sites.h"

#include <cstdio>

namespace backsight::probes {

using schema::ReturnVia;

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

}  // namespace

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
