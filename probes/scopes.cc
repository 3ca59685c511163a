#include "probes/scopes.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxVisible = 256;

bool covers(const DwarfSession& session, const Die& die, std::uint64_t address) {
  const std::vector<AddressRange> ranges = session.ranges(die);
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

// Functions in namespaces and classes too.
DieKey function_below(const DwarfSession& session, const Die& parent, std::uint64_t address, int depth) {
  DieKey found = 0;
  if (depth > kMaxDepth) return 0;
  for_each_child(parent, [&](Die&& die) {
    switch (die.tag()) {
      case DW_TAG_subprogram:
        if (covers(session, die, address)) found = die.key();
        break;
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
        found = function_below(session, die, address, depth + 1);
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
  ScopeWalk(const DwarfSession& session, std::uint64_t address) : session_(session), address_(address) {}

  // Variables of inner scopes come first.
  void enter(const Die& scope, ScopeAt& at, int depth) {
    std::vector<DieKey> own;
    for_each_child(scope, [&](Die&& die) {
      switch (die.tag()) {
        case DW_TAG_formal_parameter:
        case DW_TAG_variable:
          if (own.size() < kMaxVisible) own.push_back(die.key());
          break;
        case DW_TAG_inlined_subroutine:
          if (depth >= kMaxDepth || !covers(session_, die, address_)) break;
          at = {at.function, die.key(), {}};
          is_hidden_ = false;
          enter(die, at, depth + 1);
          is_hidden_ = true;  // what is outside of a copy cannot be named in it
          break;
        case DW_TAG_lexical_block:
          if (depth < kMaxDepth && covers(session_, die, address_)) enter(die, at, depth + 1);
          break;
        default:
          break;
      }
      return true;
    });
    if (!is_hidden_) at.visible.insert(at.visible.end(), own.begin(), own.end());
  }

 private:
  const DwarfSession& session_;
  std::uint64_t address_;
  bool is_hidden_ = false;
};

}  // namespace

DieKey find_function_at(const DwarfSession& session, std::uint64_t address) {
  for (const Unit& unit : session.units()) {
    const Die top = session.die(unit.die);
    if (!top || !covers(session, top, address)) continue;
    if (const DieKey found = function_below(session, top, address, 0)) return found;
  }
  return 0;
}

std::optional<ScopeAt> find_scope(const DwarfSession& session, std::uint64_t address) {
  ScopeAt at;
  at.function = at.innermost = find_function_at(session, address);
  const Die function = session.die(at.function);
  if (!function) return std::nullopt;
  ScopeWalk(session, address).enter(function, at, 0);
  return at;
}

}  // namespace backsight::probes
