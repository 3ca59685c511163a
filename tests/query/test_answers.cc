#include "tests/query/shop.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>

using namespace backsight;               // NOLINT
using namespace backsight::query;        // NOLINT
using namespace backsight::query::test;  // NOLINT

namespace {

// 43: reserve [1000, 5000) = -1 around take [2000, 3000); reserve [10000, open)
// 44: take [4000, unwound at 6000) in reserve [3500, 6000 = 0]
Shop sample() {
  Shop shop = make_shop();
  enter_reserve(shop, 1000, 43, 7, 2);   // 1
  enter_take(shop, 2000, 43, 5);         // 2
  leave_take(shop, 3000, 43);            // 3
  enter_reserve(shop, 3500, 44, 8, 1);   // 4
  enter_take(shop, 4000, 44, 3);         // 5
  leave_reserve(shop, 5000, 43, -1);     // 6
  leave_reserve(shop, 6000, 44, 0);      // 7
  enter_reserve(shop, 10000, 43, 9, 1);  // 8
  return shop;
}

FakeSource source_of(Shop shop) {
  FakeSource source;
  source.services["shop"] = std::move(shop.service);
  return source;
}

std::vector<std::string> events_of(const boost::json::object& answer) {
  std::vector<std::string> events;
  for (const auto& row : answer.at("calls").as_array()) events.emplace_back(row.at("event").as_string());
  return events;
}

std::vector<std::string> calls(FakeSource& source, const std::string& function,
                               std::map<std::string, std::string> options = {}) {
  return events_of(ask(source, request("calls", {function}, std::move(options))));
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("calls: the row of the contract") {
  FakeSource source = source_of(sample());
  const auto answer = ask(source, request("calls", {"shop::Checkout::reserve"}, {{"limit", "1"}}));
  CHECK(answer.at("schema_version") == 1);
  CHECK(answer.at("complete") == true);
  CHECK(answer.at("gaps") == json("[]"));
  CHECK_FALSE(answer.contains("undecided"));
  CHECK(answer.at("calls") == json(R"j([{"event":"shop:1","service":"shop","host":"h1",
    "process":{"pid":41,"started":"2026-11-22T10:03:00.000000100Z"},
    "thread":{"tid":43,"name":"worker-1","goroutine":null},"function":"shop::Checkout::reserve",
    "signature":"shop::Checkout::reserve(int)","source":{"file":"shop.cc","line":120},
    "entry":"2026-11-22T10:03:00.000001000Z","exit":"2026-11-22T10:03:00.000005000Z","duration_ns":4000,
    "exit_kind":"return","args":{"order":{"id":7},"qty":2},"return":-1,"unavailable":{},"stack":null
}])j"));
}

TEST_CASE("calls end by return, unwinding, or not at all") {
  FakeSource source = source_of(sample());
  const auto takes = ask(source, request("calls", {"*take"})).at("calls").as_array();
  REQUIRE(takes.size() == 2);
  CHECK(takes[0].at("exit_kind") == "return");
  CHECK(takes[1].at("exit_kind") == "unwound");
  CHECK(takes[1].at("exit") == json_time(6000));
  CHECK(takes[1].at("duration_ns").is_null());
  const auto reserves = ask(source, request("calls", {"shop::Checkout::reserve"})).at("calls").as_array();
  REQUIRE(reserves.size() == 3);
  CHECK(reserves[2].at("exit_kind") == "open");
  CHECK(reserves[2].at("exit").is_null());
  CHECK(reserves[2].at("return").is_null());
}

TEST_CASE("a process that ended ends its calls") {
  Shop shop = sample();
  shop.service.processes[{5}].ended = schema::BootTime{20000};
  FakeSource source = source_of(std::move(shop));
  const auto reserves = ask(source, request("calls", {"shop::Checkout::reserve"})).at("calls").as_array();
  CHECK(reserves[2].at("exit_kind") == "unknown");
  CHECK(reserves[2].at("exit") == json_time(20000));
}

TEST_CASE("a return whose entry was lost is a call all the same") {
  Shop shop = make_shop();
  leave_reserve(shop, 500, 43, 3);
  FakeSource source = source_of(std::move(shop));
  const auto rows = ask(source, request("calls", {"any"})).at("calls").as_array();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].at("event") == "shop:1");
  CHECK(rows[0].at("entry").is_null());
  CHECK(rows[0].at("return") == 3);
  CHECK(rows[0].at("duration_ns").is_null());
}

TEST_CASE("calls belong to a span that they intersect") {
  FakeSource source = source_of(sample());
  const auto in = [&](std::int64_t from, std::int64_t to) {
    return calls(source, "any", {{"from", at_boot(from)}, {"to", at_boot(to)}});
  };
  CHECK(in(0, 1000).empty());
  CHECK(in(0, 1001) == Names{"shop:1"});
  CHECK(in(2500, 2600) == Names{"shop:1", "shop:2"});
  CHECK(in(3000, 3500) == Names{"shop:1"});  // take left at 3000
  CHECK(in(4500, 4600) == Names{"shop:1", "shop:4", "shop:5"});
  CHECK(in(6000, 9999).empty());
  CHECK(in(12000, 13000) == Names{"shop:8"});
  // A call that ends behind the span is shown with its end.
  const auto answer = ask(source, request("calls", {"*reserve"}, {{"to", at_boot(1500)}}));
  CHECK(answer.at("calls").at(0).at("exit_kind") == "return");
}

TEST_CASE("calls: filters, limit, where") {
  FakeSource source = source_of(sample());
  CHECK(calls(source, "any", {{"thread", "44"}}) == Names{"shop:4", "shop:5"});
  CHECK(calls(source, "any", {{"process", "42"}}).empty());
  CHECK(calls(source, "any", {{"host", "h1"}, {"limit", "2"}}) == Names{"shop:1", "shop:2"});
  CHECK(calls(source, "*reserve", {{"where", "order.id >= 8"}}) == Names{"shop:4", "shop:8"});
  CHECK(calls(source, "*reserve",
              {{"where", "order.id == 7 && ret < 0 && duration == 4000 && thread =~ \"^work\""}}) ==
        Names{"shop:1"});
  const auto answer = ask(source, request("calls", {"*reserve"}, {{"where", "ret == 0"}}));
  CHECK(events_of(answer) == Names{"shop:4"});
  CHECK(answer.at("undecided") == 1);  // still open
}

TEST_CASE("calls: errors name what there is") {
  FakeSource source = source_of(sample());
  const auto error = [&](const Request& r) {
    const auto answer = answer_from(r, source);
    REQUIRE_FALSE(answer.has_value());
    return answer.error();
  };
  CHECK(error(request("calls", {"shop::Checkout::reserv"})).code == schema::ErrorCode::kNotFound);
  CHECK_THAT(error(request("calls", {"shop::Checkout::reserv"})).hint,
             Catch::Contains("shop::Checkout::reserve"));
  CHECK_THAT(error(request("calls", {"any"}, {{"service", "shp"}})).to_string(),
             Catch::Contains("did you mean 'shop'"));
  CHECK_THAT(error(request("calls", {"*reserve"}, {{"where", "order.idd == 1"}})).to_string(),
             Catch::Contains("unknown member 'idd'"));
  CHECK_THAT(error(request("calls", {"*reserve"}, {{"wher", "1"}})).to_string(),
             Catch::Contains("no option --wher"));
  CHECK_THAT(error(request("calls")).to_string(), Catch::Contains("FUNCTION is missing"));
  CHECK_THAT(error(request("calls", {"a", "b"})).to_string(), Catch::Contains("unexpected 'b'"));
  CHECK_THAT(error(request("call", {"a"})).to_string(), Catch::Contains("did you mean 'calls'"));
  CHECK_THAT(error(request("calls", {"any"}, {{"limit", "0"}})).to_string(), Catch::Contains("--limit"));
  CHECK_THAT(error(request("calls", {"any"}, {{"from", "soon"}})).to_string(),
             Catch::Contains("--from: 'soon' is not a time"));
  CHECK_THAT(error(request("calls", {"any"}, {{"from", "now"}, {"to", "-5m"}})).to_string(),
             Catch::Contains("is before --from"));
  CHECK_THAT(error(request("state", {}, {{"at", "alert:latest"}})).to_string(), Catch::Contains("no alert"));
}

TEST_CASE("a probe without an event has an empty answer") {
  Shop shop = sample();
  schema::ProbeStatus status;
  status.probe = "shop::*::cancel";
  status.function = "shop::Checkout::cancel";
  shop.service.statuses = {status};
  FakeSource source = source_of(std::move(shop));
  CHECK(calls(source, "shop::Checkout::cancel").empty());
}

TEST_CASE("calls are found by what the configuration calls their function") {
  Shop shop = make_shop();
  shop.service.plans[{kReserve}].probe = "reserve";
  enter_reserve(shop, 1000, 43, 7, 1);
  enter_take(shop, 1100, 43, 1);
  FakeSource source = source_of(std::move(shop));
  CHECK(calls(source, "reserve").size() == 1);
  CHECK(calls(source, "shop::Stock::take").size() == 1);
}

TEST_CASE("a question can be cancelled") {
  Shop shop = make_shop();
  for (int i = 0; i < 5000; ++i) enter_take(shop, 1000 + i, 43, i);
  FakeSource source = source_of(std::move(shop));
  std::atomic<bool> cancelled{true};
  Request r = request("calls", {"any"});
  r.cancelled = &cancelled;
  const auto answer = answer_from(r, source);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().message == "cancelled");
}

TEST_CASE("losses and damage that touch an answer are in it") {
  Shop shop = sample();
  shop.service.gaps = {{{2000}, {2500}, schema::LossReason::kRingFull, 3, "shop::Stock::take", {}},
                       {{8000}, {9000}, schema::LossReason::kCollectorDown, 0, "", {}}};
  FakeSource source = source_of(std::move(shop));
  const auto of = [&](const std::string& function, std::int64_t from, std::int64_t to) {
    return ask(source, request("calls", {function}, {{"from", at_boot(from)}, {"to", at_boot(to)}}));
  };
  CHECK(
      of("*take", 1000, 5000).at("gaps") ==
      json(
          R"([{"from":"2026-11-22T10:03:00.000002000Z","to":"2026-11-22T10:03:00.000002500Z","reason":"ring_full",
                  "lost":3,"probe":"shop::Stock::take","process":null,"service":"shop"}])"));
  CHECK(of("*take", 1000, 5000).at("complete") == false);
  CHECK(of("*reserve", 1000, 5000).at("complete") == true);
  CHECK(of("*take", 3000, 5000).at("complete") == true);
  CHECK(of("*reserve", 1000, 8500).at("gaps").at(0).at("reason") == "collector_down");
  CHECK(ask(source, request("gaps")).at("gaps").as_array().size() == 2);
  CHECK(ask(source, request("gaps", {}, {{"limit", "1"}})).at("gaps").as_array().size() == 1);
  CHECK(ask(source, request("gaps", {}, {{"from", at_boot(3000)}})).at("gaps").as_array().size() == 1);
  source.services["shop"].damage = {{"shop/1", "frame 8: checksum differs"}};
  const auto damaged = of("*take", 3000, 5000);
  CHECK(damaged.at("complete") == false);
  CHECK(damaged.at("damage") == json(R"([{"file":"shop/1","what":"frame 8: checksum differs"}])"));
}

TEST_CASE("state: open calls, outermost first, and the last completed ones") {
  FakeSource source = source_of(sample());
  const auto answer = ask(source, request("state", {}, {{"at", at_boot(4500)}}));
  CHECK(answer.at("service") == "shop");
  CHECK(answer.at("at") == json_time(4500));
  CHECK(answer.at("complete") == true);
  CHECK(answer.at("processes") == json(R"([{"pid":41,"started":"2026-11-22T10:03:00.000000100Z",
    "exe":"/opt/shop/bin/shop","build_id":"abcd","host":"h1","alive":true,
    "threads":[
      {"tid":43,"name":"worker-1","goroutine":null,"calls":[
        {"event":"shop:1","function":"shop::Checkout::reserve","entry":"2026-11-22T10:03:00.000001000Z",
         "args":{"order":{"id":7},"qty":2},"unavailable":{}}]},
      {"tid":44,"name":"worker-2","goroutine":null,"calls":[
        {"event":"shop:4","function":"shop::Checkout::reserve","entry":"2026-11-22T10:03:00.000003500Z",
         "args":{"order":{"id":8},"qty":1},"unavailable":{}},
        {"event":"shop:5","function":"shop::Stock::take","entry":"2026-11-22T10:03:00.000004000Z",
         "args":{"left":3},"unavailable":{}}]}],
    "globals":{},
    "last":{"shop::Stock::take":{"event":"shop:2","entry":"2026-11-22T10:03:00.000002000Z",
      "exit":"2026-11-22T10:03:00.000003000Z","thread":{"tid":43},"args":{"left":5},"return":null,"unavailable":{}}}}])"));
}

TEST_CASE("state before, between and after") {
  Shop shop = sample();
  shop.service.processes[{5}].ended = schema::BootTime{20000};
  FakeSource source = source_of(std::move(shop));
  const auto at = [&](std::int64_t ns) {
    return ask(source, request("state", {}, {{"at", at_boot(ns)}})).at("processes").as_array();
  };
  CHECK(at(50).empty());
  CHECK(at(999).at(0).at("threads") == json("[]"));
  CHECK(at(1000).at(0).at("threads").at(0).at("calls").as_array().size() == 1);  // open in [entry, exit)
  CHECK(at(6000).at(0).at("threads") == json("[]"));
  CHECK(at(19999).at(0).at("alive") == true);
  const auto gone = at(21000);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].at("alive") == false);
  CHECK(gone[0].at("threads") == json("[]"));
  CHECK(gone[0].at("last").as_object().contains("shop::Checkout::reserve"));
  CHECK(at(20000 + 61'000'000'000).empty());
}

TEST_CASE("several services: one must be chosen, or all answer") {
  FakeSource source = source_of(sample());
  source.services["other"] = source.services["shop"];
  const auto state = answer_from(request("state"), source);
  REQUIRE_FALSE(state.has_value());
  CHECK_THAT(state.error().to_string(), Catch::Contains("other, shop") && Catch::Contains("--service"));
  CHECK(calls(source, "*reserve").size() == 6);
  CHECK(calls(source, "*reserve", {{"service", "other"}}) == Names{"other:1", "other:4", "other:8"});
  CHECK(ask(source, request("services")).at("services").as_array().size() == 2);
}

TEST_CASE("services, processes and probes") {
  Shop shop = sample();
  schema::ProbeStatus status;
  status.probe = status.function = "shop::Stock::take";
  status.plan = {kTake};
  status.state = schema::ProbeState::kActive;
  status.hits = 12;
  status.kept = 10;
  status.lost.assign(schema::kLossReasonCount, 0);
  status.lost[0] = 2;
  // The row from before its function was known.
  schema::ProbeStatus unresolved;
  unresolved.probe = status.probe;
  unresolved.state = schema::ProbeState::kActive;
  unresolved.at = {status.at.ns + 5};
  shop.service.plans[{kTake}].site = 0x1234;
  shop.service.statuses = {unresolved, status};
  FakeSource source = source_of(std::move(shop));
  const auto services = ask(source, request("services")).at("services");
  CHECK(services.at(0).at("events") == 8);
  CHECK(services.at(0).at("oldest") == json_time(1000));
  CHECK(services.at(0).at("newest") == json_time(10000));
  const auto processes = ask(source, request("processes")).at("processes");
  CHECK(processes.at(0).at("pid") == 41);
  CHECK(processes.at(0).at("cmdline") == json(R"(["shop","--port=1"])"));
  CHECK(processes.at(0).at("ended").is_null());
  CHECK(ask(source, request("processes", {}, {{"to", at_boot(50)}})).at("processes").as_array().empty());
  const auto probes = ask(source, request("probes")).at("probes");
  CHECK(probes.as_array().size() == 1);
  CHECK(probes.at(0).at("state") == "active");
  CHECK(probes.at(0).at("site") == "0x1234");
  CHECK(probes.at(0).at("lost") == json(R"({"ring_full":2})"));
}

TEST_CASE("marks, moments and pins") {
  FakeSource source = source_of(sample());
  CHECK(ask(source, request("mark", {"deploy"}, {{"at", at_boot(4500)}, {"text", "release 41"}}))
            .at("moments")
            .at(0)
            .at("name") == "deploy");
  CHECK(ask(source, request("state", {}, {{"at", "mark:deploy"}})).at("at") == json_time(4500));
  CHECK(ask(source, request("state", {}, {{"at", "event:shop:5"}})).at("at") == json_time(4000));
  schema::Moment alert;
  alert.kind = schema::MomentKind::kAlert;
  alert.name = "f00";
  alert.at = {kBootWall + 9000};
  alert.labels_json = R"({"alertname":"Oversold"})";
  source.moments.push_back(alert);
  CHECK(ask(source, request("state", {}, {{"at", "alert:latest-4500ns"}})).at("at") == json_time(4500));
  const auto moments = ask(source, request("moments")).at("moments").as_array();
  REQUIRE(moments.size() == 2);
  CHECK(moments[1].at("labels").at("alertname") == "Oversold");
  CHECK(moments[0].at("labels").is_null());
  CHECK_FALSE(answer_from(request("pin", {"p"}, {{"from", "now"}, {"to", "-5m"}}), source).has_value());
  ask(source, request("pin", {"p"}, {{"from", "alert:latest-1s"}, {"to", "alert:latest"}}));
  REQUIRE(source.pins.size() == 1);
  CHECK(ask(source, request("moments")).at("pins").at(0).at("name") == "p");
  CHECK(answer_from(request("unpin", {"q"}), source).error().code == schema::ErrorCode::kNotFound);
  ask(source, request("unpin", {"p"}));
  CHECK(source.pins.empty());
}

TEST_CASE("store stats and verify") {
  FakeSource source = source_of(sample());
  const auto stats = ask(source, request("store stats"));
  CHECK(stats.at("events") == 8);
  CHECK(stats.at("ratio").as_double() == Approx(4.0).epsilon(0.01));
  CHECK(stats.at("oldest").is_null());
  CHECK(ask(source, request("store verify")).at("ok") == true);
  source.damage = {{"shop/1/000012.sst", "block 3: checksum differs"}};
  const auto verified = ask(source, request("store verify"));
  CHECK(verified.at("ok") == false);
  CHECK(verified.at("damage").at(0).at("file") == "shop/1/000012.sst");
}

TEST_CASE("the table of verbs is usable for help") {
  for (const VerbSpec& verb : verbs()) {
    CAPTURE(verb.name);
    CHECK(find_verb(verb.name) == &verb);
    CHECK(verb.usage.starts_with(verb.name));
    CHECK_FALSE(verb.help.empty());
    CHECK_FALSE(verb.examples.empty());
  }
  CHECK(find_verb("nothing") == nullptr);
}
