#include "tests/query/shop.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight;               // NOLINT
using namespace backsight::query;        // NOLINT
using namespace backsight::query::test;  // NOLINT

namespace {

constexpr std::uint64_t kStats = 21, kLimit = 22;  // plans

// g_stats {low, high} was 1, 1, 2 at 1000, 2000, 3000, and changing at 4000.
FakeSource observed() {
  Shop shop = make_shop();
  Types types;
  const auto integer = types.integer("int", 4, true);
  const auto stats = types.structure("Stats", 8, {member("low", integer, 0), member("high", integer, 4)});
  const auto plan = [&](const std::string& name, schema::TypeId type) {
    schema::Plan p;
    p.probe = p.function = p.signature = "global:" + name;
    p.captures = {capture(name, type, {name})};
    p.types = types.table();
    return p;
  };
  shop.service.plans[{kStats}] = plan("g_stats", stats);
  shop.service.plans[{kLimit}] = plan("g_limit", integer);
  const auto row = [](std::int64_t at, std::uint64_t of) {
    return Row(schema::EventKind::kGlobal, at, 5, 0, of, 0);
  };
  const auto two = [](int low, int high) { return Bytes().i32(low).i32(high); };
  enter_reserve(shop, 500, 43, 7, 2);
  shop.service.add(row(1000, kStats).root(0, stats, two(1, 10)));
  shop.service.add(row(2000, kStats).root(0, stats, two(1, 10)));
  shop.service.add(row(2500, kLimit).root(0, integer, Bytes().i32(9)));
  shop.service.add(row(3000, kStats).root(0, stats, two(2, 20)));
  shop.service.add(row(4000, kStats).cut_root(0, stats, Bytes(), 0, schema::ItemStatus::kChanging));
  FakeSource source;
  source.services["shop"] = std::move(shop.service);
  return source;
}

boost::json::object first_process(FakeSource& source, std::int64_t at) {
  return ask(source, request("state", {}, {{"at", at_boot(at)}})).at("processes").at(0).as_object();
}

boost::json::array history(FakeSource& source, const std::string& what) {
  return ask(source, request("history", {what})).at("changes").as_array();
}

}  // namespace

TEST_CASE("state has the last observation of each global, and how old it is") {
  FakeSource source = observed();
  CHECK(first_process(source, 900).at("globals") == json("{}"));
  const auto process = first_process(source, 2700);
  CHECK(process.at("globals") == json(R"({
    "g_limit":{"value":9,"observed":"2026-11-22T10:03:00.000002500Z","age_ns":200,"unavailable":{}},
    "g_stats":{"value":{"low":1,"high":10},"observed":"2026-11-22T10:03:00.000002000Z","age_ns":700,
               "unavailable":{}}})"));
  CHECK(process.at("last").as_object().empty());
  CHECK(process.at("threads").at(0).at("calls").as_array().size() == 1);
}

TEST_CASE("a global that never rested is null, and says so") {
  FakeSource source = observed();
  CHECK(first_process(source, 5000).at("globals").at("g_stats") ==
        json(R"({"value":null,"observed":"2026-11-22T10:03:00.000004000Z","age_ns":1000,
                 "unavailable":{"g_stats":"changing"}})"));
}

TEST_CASE("history of a global: its changes, which no thread shows") {
  FakeSource source = observed();
  CHECK(boost::json::value(history(source, "global:g_stats.low")) == json(R"([
    {"at":"2026-11-22T10:03:00.000001000Z","old":null,"new":1,"first":true,"event":"shop:2",
     "function":"global:g_stats","thread":null,"process":{"pid":41},"service":"shop"},
    {"at":"2026-11-22T10:03:00.000003000Z","old":1,"new":2,"event":"shop:5",
     "function":"global:g_stats","thread":null,"process":{"pid":41},"service":"shop"}])"));
  CHECK(history(source, "global:g_limit").size() == 1);
  CHECK(ask(source, request("history", {"global:g_stats"})).at("undecided") == 1);
  const auto refused = answer_from(request("history", {"global:g_stat"}), source);
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().to_string(), Catch::Contains("did you mean 'g_stats'"));
}

TEST_CASE("globals are no functions") {
  FakeSource source = observed();
  const auto all = ask(source, request("calls", {"any"})).at("calls").as_array();
  CHECK(all.size() == 1);
  CHECK_FALSE(answer_from(request("calls", {"global:g_stats"}), source).has_value());
}
