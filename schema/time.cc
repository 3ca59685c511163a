#include "schema/time.h"

#include <time.h>

#include <algorithm>
#include <optional>

namespace backsight::schema {
namespace {

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? INT64_MAX : INT64_MIN;
}

std::int64_t saturating_sub(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? INT64_MAX : INT64_MIN;
}

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void ClockSeries::add(ClockSample sample) {
  if (!samples_.empty() && sample.boot <= samples_.back().boot) return;
  samples_.push_back(sample);
}

WallTime ClockSeries::to_wall(BootTime boot) const {
  if (samples_.empty()) return {boot.ns};
  auto after = std::upper_bound(samples_.begin(), samples_.end(), boot,
                                [](BootTime t, const ClockSample& sample) { return t < sample.boot; });
  const ClockSample& base = after == samples_.begin() ? *after : *(after - 1);
  return {saturating_add(base.wall.ns, saturating_sub(boot.ns, base.boot.ns))};
}

BootTime ClockSeries::to_boot(WallTime wall) const {
  if (samples_.empty()) return {wall.ns};
  // The latest segment that contains the wall time, if any does.
  std::optional<BootTime> after_step;
  for (std::size_t i = samples_.size(); i-- > 0;) {
    const ClockSample& base = samples_[i];
    if (wall < base.wall && i > 0) continue;
    const BootTime boot{saturating_add(base.boot.ns, saturating_sub(wall.ns, base.wall.ns))};
    if (i + 1 == samples_.size() || boot < samples_[i + 1].boot) return boot;
    if (!after_step) after_step = samples_[i + 1].boot;
  }
  // A wall time that a forward step skipped belongs to the moment of the step.
  return *after_step;
}

ClockSample read_clocks() {
  // Wall time is bracketed by two readings of boot time; the narrowest of a
  // few brackets is the one that no interrupt has fallen into.
  ClockSample best;
  std::int64_t best_width = INT64_MAX;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const std::int64_t before = clock_ns(CLOCK_BOOTTIME);
    const std::int64_t wall = clock_ns(CLOCK_REALTIME);
    const std::int64_t after = clock_ns(CLOCK_BOOTTIME);
    if (after - before >= best_width) continue;
    best_width = after - before;
    best = {{before + best_width / 2}, {wall}};
  }
  return best;
}

}  // namespace backsight::schema
