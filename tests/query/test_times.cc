#include "query/times.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::WallTime;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'795'341'780 * kSecond;

TimeNames names() {
  return {{kNow}, [](std::string_view kind, const std::string& name) -> schema::Result<WallTime> {
            const std::map<std::string, std::int64_t> known = {
                {"alert:latest", 100 * kSecond},     {"alert:ab12", 200 * kSecond},
                {"mark:deploy-5m", 300 * kSecond},   {"mark:deploy", 400 * kSecond},
                {"event:shop-eu:17", 500 * kSecond}, {"mark:a+b", 600 * kSecond}};
            const auto found = known.find(std::string(kind) + ":" + name);
            if (found == known.end()) return schema::make_error(schema::ErrorCode::kNotFound, "no " + name);
            return WallTime{found->second};
          }};
}

}  // namespace

TEST_CASE("every form of a time") {
  struct Case {
    const char* text;
    std::int64_t ns;
  };
  for (const Case& c : {Case{"now", kNow},
                        Case{"-5m", kNow - 300 * kSecond},
                        Case{"-5m-10s", kNow - 310 * kSecond},
                        Case{"-500ms", kNow - kSecond / 2},
                        Case{"now-1h", kNow - 3600 * kSecond},
                        Case{"now+1s", kNow + kSecond},
                        Case{"@1700000000", 1'700'000'000 * kSecond},
                        Case{"@1700000000.5", 1'700'000'000 * kSecond + kSecond / 2},
                        Case{"@1700000000.000000001", 1'700'000'000 * kSecond + 1},
                        Case{"@1700000000.5-500ms", 1'700'000'000 * kSecond},
                        Case{"1970-01-01T00:00:10Z", 10 * kSecond},
                        Case{"1970-01-01T00:00:10.25Z", 10 * kSecond + kSecond / 4},
                        Case{"1970-01-01T01:00:10+01:00", 10 * kSecond},
                        Case{"1970-01-01T00:00:10Z-1s", 9 * kSecond},
                        Case{"1970-01-01T01:00:10+01:00+5s", 15 * kSecond},
                        Case{"alert:latest", 100 * kSecond},
                        Case{"alert:latest-500ms", 100 * kSecond - kSecond / 2},
                        Case{"alert:ab12+1m", 260 * kSecond},
                        Case{"mark:deploy-5m", 300 * kSecond},  // the name itself wins
                        Case{"mark:deploy-6m", 40 * kSecond},
                        Case{"mark:deploy-5m-1s", 299 * kSecond},
                        Case{"mark:a+b", 600 * kSecond},
                        Case{"event:shop-eu:17", 500 * kSecond},
                        Case{"event:shop-eu:17-5s", 495 * kSecond}}) {
    CAPTURE(c.text);
    const auto time = resolve_time(c.text, names());
    REQUIRE(time.has_value());
    CHECK(time->ns == c.ns);
  }
}

TEST_CASE("what is not a time says so") {
  for (const char* text :
       {"", "yesterday", "5m", "+5m", "-", "-5", "@", "@x", "@1.", "@1.0000000001", "@99999999999", "now-",
        "now-5", "2026-11-22", "1970-01-01T00:00:10", "@-5", "now-99999999999d"}) {
    CAPTURE(text);
    const auto time = resolve_time(text, names());
    REQUIRE_FALSE(time.has_value());
    CHECK(time.error().code == schema::ErrorCode::kInvalid);
  }
  const auto unknown = resolve_time("mark:nope-5m", names());
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == schema::ErrorCode::kNotFound);
}
