// The mapping between boot time and wall time.
#include "schema/time.h"

#include <catch2/catch.hpp>

#include <cstdint>

namespace backsight::schema {
namespace {

ClockSeries series(std::initializer_list<ClockSample> samples) {
  ClockSeries out;
  for (const ClockSample& sample : samples) out.add(sample);
  return out;
}

TEST_CASE("an empty series maps times to themselves") {
  const ClockSeries empty;
  CHECK(empty.empty());
  CHECK(empty.to_wall({5}) == WallTime{5});
  CHECK(empty.to_boot({5}) == BootTime{5});
}

TEST_CASE("one sample maps both directions, before it too") {
  const ClockSeries clock = series({{{100}, {1'100}}});
  CHECK(clock.to_wall({150}) == WallTime{1'150});
  CHECK(clock.to_wall({50}) == WallTime{1'050});
  CHECK(clock.to_boot({1'150}) == BootTime{150});
  CHECK(clock.to_boot({1'050}) == BootTime{50});
}

TEST_CASE("a boot time belongs to the last sample at or before it") {
  const ClockSeries clock = series({{{100}, {1'100}}, {{200}, {5'000}}});
  CHECK(clock.to_wall({199}) == WallTime{1'199});
  CHECK(clock.to_wall({200}) == WallTime{5'000});
  CHECK(clock.to_wall({201}) == WallTime{5'001});
}

TEST_CASE("a wall time that a forward step skipped is the moment of the step") {
  const ClockSeries clock = series({{{100}, {1'100}}, {{200}, {5'000}}});
  CHECK(clock.to_boot({1'199}) == BootTime{199});
  CHECK(clock.to_boot({1'200}) == BootTime{200});
  CHECK(clock.to_boot({4'999}) == BootTime{200});
  CHECK(clock.to_boot({5'000}) == BootTime{200});
}

TEST_CASE("a wall time that occurs twice is the later boot time") {
  const ClockSeries clock = series({{{100}, {1'100}}, {{200}, {1'050}}});
  CHECK(clock.to_boot({1'120}) == BootTime{270});
  CHECK(clock.to_boot({1'049}) == BootTime{49});
}

TEST_CASE("a segment that contains the time is preferred to a step that skipped it") {
  const ClockSeries clock = series({{{100}, {1'000}}, {{200}, {500}}, {{230}, {3'000}}});
  CHECK(clock.to_boot({1'050}) == BootTime{150});
  CHECK(clock.to_boot({520}) == BootTime{220});
  CHECK(clock.to_boot({2'000}) == BootTime{230});
}

TEST_CASE("samples that are not newer are ignored") {
  const ClockSeries clock = series({{{100}, {1'100}}, {{100}, {9'000}}, {{90}, {9'000}}});
  CHECK(clock.samples().size() == 1);
  CHECK(clock.to_wall({100}) == WallTime{1'100});
}

TEST_CASE("times at the ends of the range saturate") {
  const ClockSeries clock = series({{{INT64_MIN}, {INT64_MAX}}, {{INT64_MAX}, {INT64_MIN}}});
  CHECK(clock.to_wall({0}) == WallTime{INT64_MAX});
  CHECK(clock.to_boot({0}) == BootTime{INT64_MAX});
}

TEST_CASE("both clocks are read together and move on") {
  const ClockSample first = read_clocks();
  const ClockSample second = read_clocks();
  CHECK(first.boot.ns > 0);
  CHECK(second.boot > first.boot);
  CHECK(first.wall.ns > 1'000'000'000'000'000'000);
}

}  // namespace
}  // namespace backsight::schema
