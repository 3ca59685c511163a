#include "probes/inlined_copies.h"

#include "probes/language.h"
#include "probes/lines.h"

#include <algorithm>
#include <unordered_set>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxChain = 4;

// What an inlined copy is a copy of: its abstract origin, and what that refers to.
bool refers_to(const DwarfSession& session, const Die& copy, const std::unordered_set<DieKey>& wanted) {
  DieKey key = copy.reference(DW_AT_abstract_origin).value_or(0);
  for (int i = 0; i < kMaxChain && key != 0; ++i) {
    if (wanted.contains(key)) return true;
    const Die die = session.die(key);
    if (!die) return false;
    key = die.reference(DW_AT_abstract_origin).value_or(0);
  }
  return false;
}

class CopyFinder {
 public:
  CopyFinder(const DwarfSession& session, const std::vector<DieKey>& abstract, std::size_t limit)
      : session_(session), wanted_(abstract.begin(), abstract.end()), limit_(limit) {}

  void walk(const Die& parent, DieKey enclosing, int depth) {
    if (depth > kMaxDepth) return;
    for_each_child(parent, [&](Die&& die) {
      visit(die, enclosing, depth);
      return copies_.size() < limit_;
    });
  }
  std::vector<InlinedCopy> take() { return std::move(copies_); }

 private:
  void visit(const Die& die, DieKey enclosing, int depth) {
    switch (die.tag()) {
      case DW_TAG_inlined_subroutine:
        if (enclosing == 0) break;
        if (refers_to(session_, die, wanted_)) copies_.push_back({die.key(), enclosing});
        walk(die, enclosing, depth + 1);
        break;
      case DW_TAG_lexical_block:
        walk(die, enclosing, depth + 1);
        break;
      case DW_TAG_subprogram:
        // An abstract body has copies without code. Functions of its classes (lambdas) may have code.
        walk(die, die.has(DW_AT_low_pc) || die.has(DW_AT_ranges) ? die.key() : 0, depth + 1);
        break;
      case DW_TAG_namespace:
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
        walk(die, 0, depth + 1);
        break;
      default:
        break;
    }
  }

  const DwarfSession& session_;
  std::unordered_set<DieKey> wanted_;
  std::size_t limit_;
  std::vector<InlinedCopy> copies_;
};

bool covers(const std::vector<AddressRange>& ranges, std::uint64_t address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

}  // namespace

std::vector<InlinedCopy> find_inlined_copies(const DwarfSession& session, const std::vector<DieKey>& abstract,
                                             std::size_t limit) {
  if (abstract.empty()) return {};
  CopyFinder finder(session, abstract, limit);
  std::unordered_set<DieKey> units;
  for (const DieKey key : abstract) {
    if (const Unit* unit = session.unit_of(key)) units.insert(unit->die);
  }
  for (const Unit& unit : session.units()) {
    const Die top = session.die(unit.die);
    if (top && (units.contains(unit.die) || is_link_time_unit(top))) finder.walk(top, 0, 0);
  }
  return finder.take();
}

InlinedEntry find_inlined_entry(const DwarfSession& session, const LineTables& lines, const Die& copy,
                                const FunctionCode& code) {
  const std::vector<AddressRange> ranges = session.ranges(copy);
  if (ranges.empty()) return {0, "no code of its own is left of this copy"};
  std::uint64_t address = ranges.front().begin;
  // DWARF 5 also allows an offset from the first address.
  if (const auto entry = copy.address(DW_AT_entry_pc)) {
    address = *entry;
  } else if (const auto offset = copy.unsigned_value(DW_AT_entry_pc)) {
    address += *offset;
  }
  if (!code.at(address)) return {address, "its first address is not at an instruction"};
  if (!code.problem.empty()) return {address, code.problem};
  for (const Instruction& instruction : code.instructions) {
    const bool jumps =
        instruction.kind == InstructionKind::kJump || instruction.kind == InstructionKind::kConditionalJump;
    if (jumps && instruction.target == address && covers(ranges, instruction.address))
      return {address, "its first instruction is also the head of a loop inside it"};
  }
  if (std::binary_search(code.table_targets.begin(), code.table_targets.end(), address))
    return {address, "a jump table leads to its first instruction"};
  const Unit* unit = session.unit_of(copy.key());
  if (unit && is_repeated_place(lines.of_unit(unit->die), ranges, address))
    return {address, "its beginning stands at several places of the code (an unrolled or split loop)"};
  return {address, ""};
}

}  // namespace backsight::probes
