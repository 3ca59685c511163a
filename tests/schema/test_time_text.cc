// RFC 3339, durations, sizes and rates as text.
#include "schema/time.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <random>
#include <string>

namespace backsight::schema {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t parsed(std::string_view text) {
  auto time = parse_rfc3339(text);
  INFO(text);
  REQUIRE(time.has_value());
  return time->ns;
}

TEST_CASE("RFC 3339 is read to the nanosecond") {
  CHECK(parsed("1970-01-01T00:00:00Z") == 0);
  CHECK(parsed("1970-01-01T00:00:00.000000001Z") == 1);
  CHECK(parsed("1969-12-31T23:59:59.5Z") == -kSecond / 2);
  CHECK(parsed("2026-11-22T10:03:00.5Z") == 1'795'341'780 * kSecond + kSecond / 2);
  CHECK(parsed("2026-11-22t10:03:00z") == 1'795'341'780 * kSecond);
}

TEST_CASE("offsets are applied") {
  CHECK(parsed("2026-11-22T12:03:00+02:00") == parsed("2026-11-22T10:03:00Z"));
  CHECK(parsed("2026-11-22T00:33:00-09:30") == parsed("2026-11-22T10:03:00Z"));
  CHECK(parsed("2026-01-01T00:30:00+01:00") == parsed("2025-12-31T23:30:00Z"));
}

TEST_CASE("leap years and leap seconds") {
  CHECK(parsed("2024-02-29T00:00:00Z") + 86'400 * kSecond == parsed("2024-03-01T00:00:00Z"));
  CHECK(parsed("2000-02-29T00:00:00Z") > 0);
  CHECK_FALSE(parse_rfc3339("2023-02-29T00:00:00Z"));
  CHECK_FALSE(parse_rfc3339("2100-02-29T00:00:00Z"));
  CHECK(parsed("2016-12-31T23:59:60Z") == parsed("2017-01-01T00:00:00Z"));
  CHECK(parsed("2017-01-01T01:59:60+02:00") == parsed("2017-01-01T00:00:00Z"));
  CHECK_FALSE(parse_rfc3339("2016-12-31T12:00:60Z"));
}

TEST_CASE("what is not a time is refused") {
  for (const char* text : {"",
                           "2026",
                           "2026-11-22",
                           "2026-11-22T10:03:00",
                           "2026-11-22 10:03:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:61Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00.1234567890Z",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00+00:60",
                           "2026-01-01T00:00:00+0000",
                           "2026-01-01T00:00:00Zx",
                           "2026-1-01T00:00:00Z",
                           "+026-01-01T00:00:00Z",
                           "9999-01-01T00:00:00Z",
                           "0001-01-01T00:00:00Z",
                           "2026-01-01T00:00:00"}) {
    INFO(text);
    const auto time = parse_rfc3339(text);
    REQUIRE_FALSE(time);
    CHECK(time.error().code == ErrorCode::kInvalid);
    CHECK_FALSE(time.error().hint.empty());
  }
  CHECK_FALSE(parse_rfc3339(std::string_view("2026-01-01T00:00:00Z\0", 21)));
}

TEST_CASE("times are written with nine decimals in UTC") {
  CHECK(format_rfc3339({0}) == "1970-01-01T00:00:00.000000000Z");
  CHECK(format_rfc3339({-1}) == "1969-12-31T23:59:59.999999999Z");
  CHECK(format_rfc3339({1'795'341'780 * kSecond + 5}) == "2026-11-22T10:03:00.000000005Z");
}

TEST_CASE("every time reads back as it was written") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000; ++i) {
    const auto ns = static_cast<std::int64_t>(random());
    CHECK(parsed(format_rfc3339({ns})) == ns);
  }
  CHECK(parsed(format_rfc3339({INT64_MAX})) == INT64_MAX);
  CHECK(parsed(format_rfc3339({INT64_MIN})) == INT64_MIN);
}

TEST_CASE("durations") {
  CHECK(parse_duration_ns("0s").value() == 0);
  CHECK(parse_duration_ns("17ns").value() == 17);
  CHECK(parse_duration_ns("3us").value() == 3'000);
  CHECK(parse_duration_ns("250ms").value() == 250'000'000);
  CHECK(parse_duration_ns("1.5s").value() == 1'500'000'000);
  CHECK(parse_duration_ns("2m").value() == 120 * kSecond);
  CHECK(parse_duration_ns("1h").value() == 3'600 * kSecond);
  CHECK(parse_duration_ns("7d").value() == 7 * 86'400 * kSecond);
  CHECK(parse_duration_ns("0.1s").value() == 100'000'000);
  for (const char* text : {"", "5", "s", "-5s", "1.s", ".5s", "1 s", "1S", "1e3s", "1w", "999999999999d",
                           "99999999999999999999s", "1.2.3s", "106752d"}) {
    INFO(text);
    CHECK_FALSE(parse_duration_ns(text));
  }
}

TEST_CASE("sizes") {
  CHECK(parse_size_bytes("512").value() == 512);
  CHECK(parse_size_bytes("512B").value() == 512);
  CHECK(parse_size_bytes("64KiB").value() == 65'536);
  CHECK(parse_size_bytes("1.5MiB").value() == 1'572'864);
  CHECK(parse_size_bytes("20GiB").value() == 20ull << 30);
  CHECK(parse_size_bytes("2TiB").value() == 2ull << 40);
  for (const char* text : {"", "KiB", "64KB", "64k", "64 KiB", "-1", "9999999999TiB", "5%"}) {
    INFO(text);
    CHECK_FALSE(parse_size_bytes(text));
  }
}

TEST_CASE("rates") {
  CHECK(parse_rate_per_s("5000/s").value() == 5'000);
  CHECK(parse_rate_per_s("0.5/s").value() == 0.5);
  for (const char* text : {"", "/s", "5000", "5000/m", "-1/s", "inf/s", "nan/s", "1e9/s", "5 /s", "0x5/s"}) {
    INFO(text);
    CHECK_FALSE(parse_rate_per_s(text));
  }
}

TEST_CASE("durations for people have three digits at most") {
  CHECK(format_duration(0) == "0ns");
  CHECK(format_duration(999) == "999ns");
  CHECK(format_duration(1'000) == "1us");
  CHECK(format_duration(5'321) == "5.32us");
  CHECK(format_duration(53'210) == "53.2us");
  CHECK(format_duration(412'000) == "412us");
  CHECK(format_duration(999'999) == "1ms");
  CHECK(format_duration(250'000'000) == "250ms");
  CHECK(format_duration(1'500'000'000) == "1.5s");
  CHECK(format_duration(59'999'000'000) == "1m");
  CHECK(format_duration(90 * kSecond) == "1.5m");
  CHECK(format_duration(3'600 * kSecond) == "1h");
  CHECK(format_duration(86'400 * kSecond * 1'234) == "1234d");
  CHECK(format_duration(-5'321) == "-5.32us");
  CHECK(format_duration(INT64_MIN) == "-106752d");
}

}  // namespace
}  // namespace backsight::schema
