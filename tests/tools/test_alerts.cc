#include "tests/support/result.h"
#include "tools/http/alerts.h"

#include <catch2/catch.hpp>

namespace backsight::tools {
namespace {

// As Alertmanager 0.25 sends it.
std::string webhook(const std::string& alerts) {
  return R"({"receiver":"backsight","status":"firing","alerts":[)" + alerts +
         R"(],"groupLabels":{"alertname":"Oversold"},"commonLabels":{},"commonAnnotations":{},
             "externalURL":"http://h:9093","version":"4","groupKey":"{}:{}","truncatedAlerts":0})";
}

std::string alert(const std::string& status, const std::string& starts, const std::string& ends,
                  const std::string& fingerprint = "ab12") {
  return R"({"status":")" + status + R"(","labels":{"alertname":"Oversold","job":"shop"},
     "annotations":{"summary":"stock below zero"},"startsAt":")" +
         starts + R"(","endsAt":")" + ends + R"(","generatorURL":"http://p","fingerprint":")" + fingerprint +
         R"("})";
}

const std::string kNever = "0001-01-01T00:00:00Z";
constexpr std::int64_t kSecond = 1'000'000'000;

struct FakeMoments {
  std::vector<schema::Moment> moments;
  std::vector<schema::Pin> pins;
  int writes = 0;

  MomentPort port() {
    return {[this]() -> schema::Result<std::vector<schema::Moment>> { return moments; },
            [this](const schema::Moment& moment) -> schema::Result<void> {
              ++writes;
              std::erase_if(moments, [&](const auto& old) { return old.name == moment.name; });
              moments.push_back(moment);
              return {};
            },
            [this](const schema::Pin& pin) -> schema::Result<void> {
              ++writes;
              std::erase_if(pins, [&](const auto& old) { return old.name == pin.name; });
              pins.push_back(pin);
              return {};
            }};
  }

  void take(const std::string& body) {
    const auto alerts = parse_alerts(body);
    REQUIRE(alerts);
    REQUIRE(record_alerts(*alerts, port(), 60 * kSecond));
  }
};

TEST_CASE("a firing alert becomes a moment and a pin, and resolves") {
  FakeMoments store;
  store.take(webhook(alert("firing", "2026-11-22T10:03:00.5Z", kNever)));
  REQUIRE(store.moments.size() == 1);
  const schema::WallTime start = *schema::parse_rfc3339("2026-11-22T10:03:00.5Z");
  CHECK(store.moments[0].kind == schema::MomentKind::kAlert);
  CHECK(store.moments[0].name == "ab12");
  CHECK(store.moments[0].at == start);
  CHECK(store.moments[0].text == "Oversold: stock below zero");
  CHECK_FALSE(store.moments[0].resolved_at);
  CHECK(store.moments[0].labels_json ==
        R"({"labels":{"alertname":"Oversold","job":"shop"},"annotations":{"summary":"stock below zero"}})");
  REQUIRE(store.pins.size() == 1);
  CHECK(store.pins[0] == schema::Pin{"alert:ab12", {start.ns - 60 * kSecond}, {start.ns + 10 * kSecond}});

  store.take(webhook(alert("resolved", "2026-11-22T10:03:00.5Z", "2026-11-22T10:05:00Z")));
  CHECK(store.moments[0].resolved_at == *schema::parse_rfc3339("2026-11-22T10:05:00Z"));
  CHECK(store.pins.size() == 1);
}

TEST_CASE("a repeated delivery writes nothing, and does not pin what was unpinned") {
  FakeMoments store;
  const std::string body = webhook(alert("firing", "2026-11-22T10:03:00Z", kNever));
  store.take(body);
  store.pins.clear();  // unpin
  const int writes = store.writes;
  store.take(body);
  CHECK(store.writes == writes);
  CHECK(store.pins.empty());
}

TEST_CASE("a late or repeated firing does not undo a resolution or a newer firing") {
  FakeMoments store;
  store.take(webhook(alert("resolved", "2026-11-22T10:03:00Z", "2026-11-22T10:05:00Z")));
  store.take(webhook(alert("firing", "2026-11-22T10:03:00Z", kNever)));
  CHECK(store.moments[0].resolved_at);
  store.take(webhook(alert("firing", "2026-11-22T11:00:00Z", kNever)));
  CHECK_FALSE(store.moments[0].resolved_at);
  store.take(webhook(alert("resolved", "2026-11-22T10:03:00Z", "2026-11-22T10:05:00Z")));
  CHECK(store.moments[0].at == *schema::parse_rfc3339("2026-11-22T11:00:00Z"));
  CHECK_FALSE(store.moments[0].resolved_at);
}

TEST_CASE("several alerts of one delivery, the same one twice") {
  FakeMoments store;
  store.take(webhook(alert("firing", "2026-11-22T10:03:00Z", kNever, "a") + "," +
                     alert("firing", "2026-11-22T10:03:01Z", kNever, "b") + "," +
                     alert("firing", "2026-11-22T10:03:00Z", kNever, "a")));
  CHECK(store.moments.size() == 2);
  CHECK(store.writes == 4);
}

TEST_CASE("a delivery without alerts is accepted") {
  FakeMoments store;
  store.take(webhook(""));
  CHECK(store.writes == 0);
}

TEST_CASE("what is malformed is refused as a whole and named") {
  const std::string good = alert("firing", "2026-11-22T10:03:00Z", kNever);
  static const std::vector<std::pair<std::string, std::string>> kCases = {
      {"", "not JSON"},
      {"[1]", "not a JSON object"},
      {"{}", "'version' is missing"},
      {R"({"version":"3","alerts":[]})", "'version' is \"3\""},
      {R"({"version":4,"alerts":[]})", "'version' is 4"},
      {R"({"version":"4"})", "no array 'alerts'"},
      {webhook("7"), "alerts[0] is not an object"},
      {webhook(good + ",{}"), "alerts[1] has no string 'fingerprint'"},
      {webhook(alert("firing", "yesterday", kNever)), "alerts[0].startsAt is not a time after 1970"},
      {webhook(alert("firing", kNever, kNever)), "alerts[0].startsAt"},
      {webhook(alert("burning", "2026-11-22T10:03:00Z", kNever)), "alerts[0].status is \"burning\""},
      {webhook(alert("resolved", "2026-11-22T10:03:00Z", kNever)), "alerts[0].endsAt"},
      {webhook(alert("firing", "2026-11-22T10:03:00Z", kNever, "../../x")), "fingerprint cannot be a name"},
      {webhook(alert("firing", "2026-11-22T10:03:00Z", kNever, std::string(65, 'a'))), "fingerprint"},
      {std::string(100000, '['), "not JSON"},
  };
  for (const auto& [body, message] : kCases) {
    CAPTURE(body.substr(0, 200));
    const auto alerts = parse_alerts(body);
    REQUIRE_FALSE(alerts);
    CHECK(alerts.error().code == schema::ErrorCode::kInvalid);
    CHECK(alerts.error().message.find(message) != std::string::npos);
    CHECK_FALSE(alerts.error().hint.empty());
  }
}

TEST_CASE("a failing store is reported") {
  FakeMoments store;
  MomentPort port = store.port();
  port.put_pin = [](const schema::Pin&) -> schema::Result<void> {
    return schema::make_error(schema::ErrorCode::kNoSpace, "disk full");
  };
  const auto alerts = parse_alerts(webhook(alert("firing", "2026-11-22T10:03:00Z", kNever)));
  const auto recorded = record_alerts(*alerts, port, 0);
  REQUIRE_FALSE(recorded);
  CHECK(recorded.error().code == schema::ErrorCode::kNoSpace);
  CHECK(store.moments.empty());  // so that the next delivery pins again
}

}  // namespace
}  // namespace backsight::tools
