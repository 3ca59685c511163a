#include "probes/location_passed.h"

#include <algorithm>

namespace backsight::probes {

namespace {

using Kind = PrologueValue::Kind;

bool brings_argument(int reg) {
  constexpr int kArguments[] = {BS_RDI, BS_RSI, BS_RDX, BS_RCX, BS_R8, BS_R9};
  return std::find(std::begin(kArguments), std::end(kArguments), reg) != std::end(kArguments);
}

bool is_passed(const PrologueValue& value, std::uint64_t bytes) {
  const bool from_caller =
      (value.kind == Kind::kEntry && brings_argument(value.reg)) || value.kind == Kind::kStack;
  return from_caller && value.width >= bytes;
}

// [CFA + offset, + size): filled once, with what was passed; above the return
// address, not written at all.
bool is_memory_as_passed(const SiteFrame& frame, const Prologue& prologue, std::int64_t offset,
                         std::uint64_t size, std::uint32_t used) {
  const auto parts = offset < 0 ? prologue.cover(offset, static_cast<std::uint32_t>(size), used)
                                : std::vector<const Spill*>();
  if (offset < 0 && parts.empty()) return false;
  for (const Spill& spill : prologue.spills) {
    const bool overlaps =
        spill.offset < offset + static_cast<std::int64_t>(size) && offset < spill.offset + spill.size;
    const bool is_part = std::find(parts.begin(), parts.end(), &spill) != parts.end();
    if (overlaps && is_part != (spill.done_at <= frame.site)) return false;
  }
  return true;
}

}  // namespace

bool is_as_passed(const ValueSource& source, const SiteFrame& frame, const Prologue& prologue,
                  std::uint64_t size, std::uint32_t used) {
  const auto step = std::find_if(prologue.steps.begin(), prologue.steps.end(),
                                 [&](const PrologueStep& one) { return one.address == frame.site; });
  if (step == prologue.steps.end() || size == 0 || size > BS_MAX_OBJECT || source.ops.empty()) return false;
  if (source.in_memory) {
    const bs_op& op = source.ops[0];
    if (source.ops.size() != 1 || op.code != BS_OP_PUSH_REG || op.a > BS_R15) return false;
    const PrologueValue& base = step->registers[op.a];
    const auto distance = static_cast<std::int64_t>(op.d);
    if (base.kind == Kind::kFrame)
      return is_memory_as_passed(frame, prologue, base.offset + distance, size, used);
    return distance == 0 && is_passed(base, 8);  // by reference
  }
  return std::all_of(source.ops.begin(), source.ops.end(), [&](const bs_op& op) {
    const bool is_register = op.code == BS_OP_PUSH_REG && op.d == 0 && op.a <= BS_R15;
    return op.code == BS_OP_EXTEND ||
           (is_register && is_passed(step->registers[op.a], std::min<std::uint64_t>(size, 8)));
  });
}

}  // namespace backsight::probes
