#include "probes/slot_claims.h"

#include "probes/location_list.h"

#include <algorithm>
#include <optional>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxClaims = 100'000;
constexpr int kMaxChain = 4;
constexpr std::int64_t kWord = 8;  // what may be there of a variable, at least

bool is_destructor(const DwarfSession& session, const Die& copy) {
  DieKey key = copy.reference(DW_AT_abstract_origin).value_or(0);
  for (int i = 0; i < kMaxChain && key != 0; ++i) {
    const Die die = session.die(key);
    if (!die) return false;
    if (const char* name = die.name()) return name[0] == '~';
    key = die.reference(DW_AT_abstract_origin).value_or(die.reference(DW_AT_specification).value_or(0));
  }
  return false;
}

}  // namespace

SlotClaims::SlotClaims(const DwarfSession& session, const FrameTable& frames, const Die& function)
    : session_(session), frames_(frames), frame_base_(function.block(DW_AT_frame_base)) {
  enter(function, session.ranges(function), 0);
}

void SlotClaims::enter(const Die& scope, const std::vector<AddressRange>& ranges, int depth) {
  if (depth > kMaxDepth) return;
  for_each_child(scope, [&](Die&& die) {
    switch (die.tag()) {
      case DW_TAG_formal_parameter:
      case DW_TAG_variable:
        add(die, ranges);
        break;
      case DW_TAG_inlined_subroutine:
      case DW_TAG_lexical_block: {
        const std::vector<AddressRange> own = session_.ranges(die);
        if (is_destructor(session_, die)) destructions_.insert(destructions_.end(), own.begin(), own.end());
        enter(die, own.empty() ? ranges : own, depth + 1);
        break;
      }
      default:
        break;
    }
    return claims_.size() < kMaxClaims;
  });
}

void SlotClaims::add(const Die& variable, const std::vector<AddressRange>& ranges) {
  const DieAttribute attribute(variable, DW_AT_location);
  if (!attribute) return;
  const LocationList list(session_, attribute);
  for (Dwarf_Unsigned i = 0; i < list.size(); ++i) add(list, i, ranges, variable.key());
}

void SlotClaims::add(const LocationList& list, Dwarf_Unsigned index, const std::vector<AddressRange>& ranges,
                     DieKey variable) {
  const auto row = list.row(index);
  if (!row || (!row->entry.whole_function && !row->has_range())) return;
  const std::vector<AddressRange> own =
      row->entry.whole_function ? ranges : std::vector<AddressRange>{{row->low, row->high}};
  const bool is_by_cfa = frame_base_.size() == 1 && frame_base_[0] == DW_OP_call_frame_cfa;
  const std::size_t first = claims_.size();
  for (Dwarf_Unsigned i = 0; i < row->entry.operations; ++i) {
    const auto operation = read_operation(session_, row->entry.expression, i);
    if (!operation) return;
    const bool by_base = operation->atom == DW_OP_fbreg && frame_base_.size() == 1;
    int reg = by_base && !is_by_cfa ? frame_base_[0] - DW_OP_reg0 : -1;
    if (operation->atom == DW_OP_breg0 + BS_RBP || operation->atom == DW_OP_breg0 + BS_RSP)
      reg = operation->atom - DW_OP_breg0;
    if (operation->atom == DW_OP_stack_value || operation->atom == DW_OP_deref) {
      for (std::size_t j = first; j < claims_.size(); ++j) claims_[j].is_there = false;
    }
    for (const AddressRange& range : own) {
      const auto offset = static_cast<std::int64_t>(operation->operands[0]);
      const auto cfa = reg >= 0 ? frames_.at(range.begin) : std::nullopt;
      if (by_base && is_by_cfa) claims_.push_back({range, offset, variable, true});
      if (cfa && cfa->reg == reg) claims_.push_back({range, offset - cfa->offset, variable, true});
    }
  }
}

bool SlotClaims::is_destruction(std::uint64_t address) const {
  return std::any_of(destructions_.begin(), destructions_.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

DieKey SlotClaims::owner(std::int64_t offset, std::uint64_t address) const {
  const auto found = std::find_if(claims_.begin(), claims_.end(), [&](const Claim& claim) {
    return claim.is_there && claim.offset == offset && claim.range.contains(address);
  });
  return found == claims_.end() ? 0 : found->variable;
}

bool SlotClaims::is_claimed(std::int64_t offset, std::uint64_t size, std::uint64_t address,
                            DieKey variable) const {
  return std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) {
    return claim.variable != variable && claim.range.contains(address) &&
           claim.offset < offset + static_cast<std::int64_t>(size) && offset < claim.offset + kWord;
  });
}

bool SlotClaims::is_owned(std::int64_t offset, std::uint64_t address, DieKey variable) const {
  return std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) {
    return claim.variable == variable && claim.is_there && claim.offset == offset &&
           claim.range.contains(address);
  });
}

}  // namespace backsight::probes
