// Times. Events are ordered by boot time (never steps, counts suspend) and
// shown in wall-clock time; the mapping between the two is itself recorded as
// a series of ClockSamples, so that a clock step never reorders history.
#pragma once

#include "schema/result.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::schema {

// The order of a timeline: CLOCK_BOOTTIME in nanoseconds, plus an offset that is
// constant for one boot of the host and chosen by the store so that each boot
// follows the one before (StoreWriter::boot_base_ns). Never steps.
struct BootTime {
  std::int64_t ns = 0;
  constexpr auto operator<=>(const BootTime&) const = default;
};

// Nanoseconds since the epoch (CLOCK_REALTIME).
struct WallTime {
  std::int64_t ns = 0;
  constexpr auto operator<=>(const WallTime&) const = default;
};

// Both clocks, read at the same moment.
struct ClockSample {
  BootTime boot;
  WallTime wall;
  bool operator==(const ClockSample&) const = default;
};

// Piecewise mapping: a boot time belongs to the last sample at or before it
// (to the first sample when before all of them). Samples are in boot order. An
// empty series maps every time to itself.
class ClockSeries {
 public:
  void add(ClockSample sample);  // samples that are not newer than the last are ignored
  bool empty() const { return samples_.empty(); }
  const std::vector<ClockSample>& samples() const { return samples_; }
  WallTime to_wall(BootTime boot) const;
  // Where a clock step makes a wall time occur twice, the later boot time; where
  // it makes one not occur at all, the boot time of the step.
  BootTime to_boot(WallTime wall) const;

 private:
  std::vector<ClockSample> samples_;
};

// CLOCK_BOOTTIME (without a store's offset) and CLOCK_REALTIME now.
ClockSample read_clocks();

// "2026-11-22T10:03:00.500000000Z": UTC, always nine decimals.
std::string format_rfc3339(WallTime time);
// RFC 3339 with any number of decimals up to nine, 'Z' or an offset.
Result<WallTime> parse_rfc3339(std::string_view text);

// "250ms", "1h", "1.5s"; units ns us ms s m h d. Result in nanoseconds, >= 0.
Result<std::int64_t> parse_duration_ns(std::string_view text);
// "64KiB", "20GiB", "512"; units B KiB MiB GiB TiB. Result in bytes.
Result<std::uint64_t> parse_size_bytes(std::string_view text);
// "5000/s": events per second.
Result<double> parse_rate_per_s(std::string_view text);
// Shortest of ns/us/ms/s/m/h/d with at most three significant decimals: "5.32us".
std::string format_duration(std::int64_t ns);

}  // namespace backsight::schema
