#include "probes/scopes.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxVisible = 256;
constexpr std::size_t kMaxScopes = 64;

bool contains(const std::vector<AddressRange>& ranges, std::uint64_t address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

bool covers(const DwarfSession& session, const Die& die, std::uint64_t address) {
  return contains(session.ranges(die), address);
}

// Functions in namespaces and classes too. `local`: those of classes inside of
// functions (lambdas are such), which takes longer.
DieKey function_below(const DwarfSession& session, const Die& parent, std::uint64_t address, bool local,
                      int depth) {
  DieKey found = 0;
  if (depth > kMaxDepth) return 0;
  for_each_child(parent, [&](Die&& die) {
    switch (die.tag()) {
      case DW_TAG_subprogram:
        if (covers(session, die, address))
          found = die.key();
        else if (local)
          found = function_below(session, die, address, local, depth + 1);
        break;
      case DW_TAG_lexical_block:
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
        found = function_below(session, die, address, local, depth + 1);
        break;
      default:
        break;
    }
    return found == 0;
  });
  return found;
}

class ScopeWalk {
 public:
  ScopeWalk(const DwarfSession& session, std::uint64_t address, std::uint32_t view)
      : session_(session), address_(address), view_(view) {}

  void enter_function(const Die& function, bool is_certain, int depth) {
    const std::size_t index = scopes_.size();
    scopes_.push_back({function.key(), {}, is_certain});
    enter_block(function, index, depth);
  }
  std::vector<Scope> take() { return std::move(scopes_); }

 private:
  // Variables of inner blocks come first.
  void enter_block(const Die& block, std::size_t index, int depth) {
    std::vector<DieKey> own;
    if (depth > kMaxDepth) return;
    for_each_child(block, [&](Die&& die) {
      switch (die.tag()) {
        case DW_TAG_formal_parameter:
        case DW_TAG_variable:
          if (own.size() < kMaxVisible) own.push_back(die.key());
          break;
        case DW_TAG_inlined_subroutine:
          enter_copy(die, depth + 1);
          break;
        case DW_TAG_lexical_block:
          if (covers(session_, die, address_)) enter_block(die, index, depth + 1);
          break;
        default:
          break;
      }
      return true;
    });
    if (!scopes_[index].is_certain) return;
    std::vector<DieKey>& visible = scopes_[index].visible;
    visible.insert(visible.end(), own.begin(), own.end());
  }

  void enter_copy(const Die& copy, int depth) {
    if (scopes_.size() >= kMaxScopes) return;
    const auto entry = copy.address(DW_AT_entry_pc);
    const auto view = copy.unsigned_value(DW_AT_GNU_entry_view);
    const bool is_entered = entry == address_ && view;
    if (is_entered && *view > view_) return;  // later
    std::uint64_t low = ~std::uint64_t{0};
    std::uint64_t high = 0;
    for (const AddressRange& range : session_.ranges(copy)) {
      low = std::min(low, range.begin);
      high = std::max(high, range.end);
    }
    const bool is_certain = is_entered || covers(session_, copy, address_);
    if (is_certain || (address_ >= low && address_ <= high)) enter_function(copy, is_certain, depth);
  }

  const DwarfSession& session_;
  std::uint64_t address_;
  std::uint32_t view_;
  std::vector<Scope> scopes_;
};

}  // namespace

DieKey find_function_at(const DwarfSession& session, std::uint64_t address) {
  for (const Unit& unit : session.units()) {
    if (!contains(session.code_of(unit), address)) continue;
    if (const DieKey found = find_function_in(session, unit, address)) return found;
  }
  return 0;
}

DieKey find_function_in(const DwarfSession& session, const Unit& unit, std::uint64_t address) {
  const Die top = session.die(unit.die);
  for (const bool local : {false, true}) {
    if (const DieKey found = function_below(session, top, address, local, 0)) return found;
  }
  return 0;
}

std::vector<Scope> find_scopes(const DwarfSession& session, std::uint64_t address, std::uint32_t view) {
  return find_scopes_in(session, find_function_at(session, address), address, view);
}

std::vector<Scope> find_scopes_in(const DwarfSession& session, DieKey function, std::uint64_t address,
                                  std::uint32_t view) {
  ScopeWalk walk(session, address, view);
  if (const Die die = session.die(function)) walk.enter_function(die, true, 0);
  return walk.take();
}

}  // namespace backsight::probes
