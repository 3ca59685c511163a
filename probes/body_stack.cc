#include "probes/body_stack.h"

#include "probes/lines.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::int64_t kAtEntry = -8;  // RSP relative to CFA

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
  if (end == prologue_ends_.end() || !range.contains(*end)) return std::nullopt;
  const PrologueStep* step = prologue.step_at(*end);
  return step && step->rsp && *step->rsp < kAtEntry ? step->rsp : std::nullopt;
}

}  // namespace backsight::probes
