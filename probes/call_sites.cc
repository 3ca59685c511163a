#include "probes/call_sites.h"

#include "probes/scopes.h"

#include <dwarf.h>

#include <algorithm>
#include <cstring>

namespace backsight::probes {

namespace {

constexpr std::uint64_t kMostCode = 64u << 20;
constexpr std::uint8_t kCall = 0xe8;
constexpr int kMaxDepth = 64;

// After a jump out of the function, its entry may be reached again with the same
// return address on the stack, and other arguments.
bool is_left_by_returns_only(const FunctionCode& function) {
  if (!function.problem.empty() || function.ranges.empty()) return false;
  const std::uint64_t entry = function.ranges.front().begin;
  return std::none_of(function.instructions.begin(), function.instructions.end(),
                      [&](const Instruction& instruction) {
                        if (instruction.kind == InstructionKind::kIndirectJump)
                          return !instruction.is_table_jump;
                        const bool jumps = instruction.kind == InstructionKind::kJump ||
                                           instruction.kind == InstructionKind::kConditionalJump;
                        return jumps && (!instruction.target || *instruction.target == entry ||
                                         !function.contains(*instruction.target));
                      });
}

bool is_call_site(const Die& die) {
  return die.tag() == DW_TAG_call_site || die.tag() == DW_TAG_GNU_call_site;
}

DieKey call_returning_to(const Die& parent, std::uint64_t address, int depth) {
  DieKey found = 0;
  if (depth > kMaxDepth) return 0;
  for_each_child(parent, [&](Die&& die) {
    if (is_call_site(die)) {
      auto returns = die.address(DW_AT_call_return_pc);
      if (!returns) returns = die.address(DW_AT_low_pc);
      if (returns == address) found = die.key();
    } else if (die.tag() == DW_TAG_lexical_block || die.tag() == DW_TAG_inlined_subroutine) {
      found = call_returning_to(die, address, depth + 1);
    }
    return found == 0;
  });
  return found;
}

}  // namespace

void CallSites::read_code() {
  has_read_ = true;
  std::uint64_t total = 0;
  for (const Section& section : binary_.sections()) {
    if (section.size == 0 || !binary_.is_code(section.address)) continue;
    total += section.size;
    if (total > kMostCode) return code_.clear();
    code_.push_back({section.address, binary_.code({section.address, section.address + section.size})});
  }
}

// Bytes that look like a call and are none are not described as one.
std::vector<std::uint64_t> CallSites::returns_of_calls(std::uint64_t entry) {
  if (!has_read_) read_code();
  std::vector<std::uint64_t> returns;
  for (const Code& code : code_) {
    for (std::size_t i = 1; i + 4 <= code.bytes.size(); ++i) {
      std::int32_t offset = 0;
      std::memcpy(&offset, &code.bytes[i], sizeof offset);
      const std::uint64_t next = code.address + i + 4;
      if (next + static_cast<std::uint64_t>(std::int64_t{offset}) == entry && code.bytes[i - 1] == kCall)
        returns.push_back(next);
    }
  }
  return returns;
}

std::vector<CallSite> CallSites::of(const FunctionCode& function) {
  if (!is_left_by_returns_only(function)) return {};
  const std::uint64_t entry = function.ranges.front().begin;
  if (entry != entry_) sites_ = described_calls(entry);
  entry_ = entry;
  return sites_;
}

std::vector<CallSite> CallSites::described_calls(std::uint64_t entry) {
  std::vector<CallSite> sites;
  for (const std::uint64_t address : returns_of_calls(entry)) {
    if (sites.size() == kMaxCallers) break;
    CallSite site;
    site.return_address = address;
    site.caller = find_function_at(session_, address - 1);
    site.die = site.caller ? call_returning_to(session_.die(site.caller), address, 0) : 0;
    const auto cfa = frames_.at(address - 1);
    if (site.die == 0 || !cfa) continue;
    site.cfa = *cfa;
    const FunctionCode code = disassemble(binary_, session_.ranges(session_.die(site.caller)));
    site.has_bottom = bottom_below_pushes(frames_, code).has_value();
    sites.push_back(site);
  }
  return sites;
}

Die call_parameter(const DwarfSession& session, const CallSite& site, DieKey parameter) {
  Die found;
  for_each_child(session.die(site.die), [&](Die&& die) {
    auto named = die.reference(DW_AT_call_parameter);
    if (!named) named = die.reference(DW_AT_abstract_origin);
    if (named == parameter) found = std::move(die);
    return !found;
  });
  return found;
}

}  // namespace backsight::probes
