#include "probes/prologue.h"

#include "probes/argument_registers.h"

#include <algorithm>

namespace backsight::probes {

const Spill* Prologue::find(std::int64_t offset, std::uint32_t size) const {
  const Spill* first = nullptr;
  for (const Spill& spill : spills) {
    if (!spill.overlaps(offset, size)) continue;
    if (first) return first->is_push ? nullptr : first;  // which of the two it was is not known
    first = &spill;
    // Only the first store into the slot brings the parameter, and only whole.
    const bool is_known =
        (spill.value.kind == PrologueValue::Kind::kEntry && brings_argument(spill.value.reg)) ||
        spill.value.kind == PrologueValue::Kind::kStack || spill.is_vector();
    if (spill.offset != offset || spill.size < size || !is_known) return nullptr;
  }
  return first;
}

std::vector<const Spill*> Prologue::cover(std::int64_t offset, std::uint32_t size, std::uint32_t used) const {
  std::vector<const Spill*> parts;
  for (std::uint32_t at = 0; at < size;) {
    const Spill* part = find(offset + at, 1);
    const bool is_padding = at < 32 && (used >> at & 1) == 0;
    if (!part && is_padding) {
      ++at;
      continue;
    }
    if (!part) return {};
    const std::uint32_t bytes = std::min(part->size, size - at);
    if (find(offset + at, bytes) != part) return {};
    parts.push_back(part);
    at += bytes;
  }
  return parts;
}

bool Prologue::holds(const Spill& stored, std::uint64_t address) const {
  return stored.done_at <= address && std::none_of(spills.begin(), spills.end(), [&](const Spill& other) {
           return &other != &stored && other.done_at <= address && other.overlaps(stored.offset, stored.size);
         });
}

bool Prologue::is_untouched(std::int64_t offset, std::uint64_t size, std::uint64_t address) const {
  return std::none_of(spills.begin(), spills.end(), [&](const Spill& spill) {
    return spill.done_at <= address && spill.overlaps(offset, size);
  });
}

const PrologueStep* Prologue::step_at(std::uint64_t address) const {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const PrologueStep& step) { return step.address == address; });
  return found == steps.end() ? nullptr : &*found;
}

}  // namespace backsight::probes
