#include "probes/body_stack.h"

#include "probes/lines.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::int64_t kAtEntry = -8;  // RSP relative to CFA

using Value = PrologueValue;

// In a realigned frame: where it is right behind the rounding and what follows it to
// make room. Compilers other than clang do not mark the prologue's end.
std::optional<std::int64_t> behind_rounding(const Prologue& prologue) {
  const auto is_slot = [](const PrologueStep& step) { return step.registers[7].kind == Value::Kind::kSlot; };
  const auto first = std::find_if(prologue.steps.begin(), prologue.steps.end(), is_slot);
  if (first == prologue.steps.end() || first + 1 == prologue.steps.end()) return std::nullopt;
  const auto second = first + 1;
  return is_slot(*second) ? std::optional(second->registers[7].offset) : std::nullopt;
}

}  // namespace

void BodyStack::read(DieKey unit) {
  if (unit == unit_) return;
  unit_ = unit;
  prologue_ends_.clear();
  const LineTables tables(session_);
  for (const LineRow& row : tables.of_unit(unit).rows) {
    if (row.ends_prologue && !row.ends_sequence) prologue_ends_.push_back(row.address);
  }
  std::sort(prologue_ends_.begin(), prologue_ends_.end());
}

std::optional<std::int64_t> BodyStack::rsp(DieKey function, const FunctionCode& code,
                                           const Prologue& prologue) {
  if (code.problem.empty() && code.keeps_stack) return kAtEntry;
  const Unit* unit = session_.unit_of(function);
  if (!unit || code.ranges.empty()) return std::nullopt;
  read(unit->die);
  const AddressRange& range = code.ranges.front();
  const auto end = std::lower_bound(prologue_ends_.begin(), prologue_ends_.end(), range.begin);
  if (end == prologue_ends_.end() || !range.contains(*end)) return behind_rounding(prologue);
  const PrologueStep* step = prologue.step_at(*end);
  if (step && step->registers[7].kind == Value::Kind::kSlot) return step->registers[7].offset;
  return step && step->rsp && *step->rsp < kAtEntry ? step->rsp : std::nullopt;
}

}  // namespace backsight::probes
