#include "tests/query/shop.h"

#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <random>

using namespace backsight;               // NOLINT
using namespace backsight::query;        // NOLINT
using namespace backsight::query::test;  // NOLINT

namespace {

FakeSource source_of(Shop shop) {
  FakeSource source;
  source.services["shop"] = std::move(shop.service);
  return source;
}

boost::json::array history(FakeSource& source, const std::string& what,
                           std::map<std::string, std::string> options = {}) {
  return ask(source, request("history", {what}, std::move(options))).at("changes").as_array();
}

boost::json::array last(FakeSource& source, const std::string& what, std::int64_t before) {
  return ask(source, request("last", {what}, {{"before", at_boot(before)}})).at("changes").as_array();
}

schema::Error error_of(FakeSource& source, const std::string& what) {
  const auto answer = answer_from(request("history", {what}), source);
  REQUIRE_FALSE(answer.has_value());
  return answer.error();
}

}  // namespace

TEST_CASE("history: each change with the call that shows it") {
  Shop shop = make_shop();
  enter_take(shop, 1000, 43, 5);
  leave_take(shop, 1100, 43);
  enter_take(shop, 2000, 43, 5);
  leave_take(shop, 2100, 43);
  enter_take(shop, 3000, 44, 4);
  FakeSource source = source_of(std::move(shop));
  CHECK(boost::json::value(history(source, "shop::Stock::take:left")) == json(R"([
    {"at":"2026-11-22T10:03:00.000001000Z","old":null,"new":5,"first":true,"event":"shop:1",
     "function":"shop::Stock::take","thread":{"tid":43,"name":"worker-1"},"process":{"pid":41},"service":"shop"},
    {"at":"2026-11-22T10:03:00.000003000Z","old":5,"new":4,"event":"shop:5",
     "function":"shop::Stock::take","thread":{"tid":44,"name":"worker-2"},"process":{"pid":41},"service":"shop"}])"));
  CHECK(history(source, "shop::Stock::take:left % 2 == 1").size() == 2);
  CHECK(history(source, "shop::Stock::take:left", {{"from", at_boot(1500)}, {"to", at_boot(3000)}}).size() ==
        1);
  CHECK(history(source, "shop::Stock::take:left", {{"limit", "1"}}).size() == 1);
  CHECK(history(source, "shop::Stock::take:left", {{"thread", "44"}}).at(0).at("new") == 4);
}

TEST_CASE("history: what the return shows is observed when the call ends") {
  Shop shop = make_shop();
  enter_reserve(shop, 1000, 43, 7, 2);  // 1
  enter_reserve(shop, 1500, 44, 8, 2);  // 2
  leave_reserve(shop, 2000, 44, 0);     // 3
  leave_reserve(shop, 3000, 43, -1);    // 4
  enter_reserve(shop, 4000, 43, 9, 2);  // 5, open
  FakeSource source = source_of(std::move(shop));
  const auto rows = history(source, "shop::Checkout::reserve:ret + order.id");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("at") == json_time(2000));
  CHECK(rows[0].at("new") == 8);
  CHECK(rows[0].at("event") == "shop:2");
  CHECK(rows[1].at("at") == json_time(3000));
  CHECK(rows[1].at("new") == 6);
  CHECK(history(source, "shop::Checkout::reserve:duration").size() == 2);
}

TEST_CASE("history of an object by its address") {
  Shop shop = make_shop();
  schema::Plan& plan = shop.service.plans[{kTake}];
  Types types;
  const auto i = types.integer("int", 4, true);
  const auto stock = types.structure("shop::Stock", 8, {member("id", i, 0), member("left", i, 4)});
  const auto p = types.pointer(stock);
  plan.types = types.table();
  plan.captures = {capture("this", p, {"this"})};
  const auto take = [&](std::int64_t at, std::uint64_t address, int left) {
    shop.service.add(Row(schema::EventKind::kEntry, at, 5, 43, kTake, 0x7000)
                         .root(0, p, Bytes().u64(address))
                         .item(1, stock, address, Bytes().i32(1).i32(left)));
  };
  take(1000, 0x100, 5);
  take(2000, 0x200, 9);
  take(3000, 0x100, 4);
  FakeSource source = source_of(std::move(shop));
  const auto rows = history(source, "shop::Stock@0x100:left");
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].at("old") == 5);
  CHECK(rows[1].at("new") == 4);
  CHECK(rows[1].at("event") == "shop:3");
  CHECK(error_of(source, "shop::Nothing@0x100:left").code == schema::ErrorCode::kNotFound);
  CHECK(error_of(source, "shop::Stock@100:left").code == schema::ErrorCode::kInvalid);
}

TEST_CASE("history: bad questions") {
  FakeSource source = source_of(make_shop());
  CHECK_THAT(error_of(source, "shop::Stock::take").to_string(), Catch::Contains("is not FUNCTION:expr"));
  CHECK_THAT(error_of(source, "shop::Stock::take:lft").to_string(), Catch::Contains("did you mean 'left'"));
  CHECK_THAT(error_of(source, "shop::Stock::tke:left").to_string(),
             Catch::Contains("did you mean 'shop::Stock::take'"));
  CHECK_THAT(error_of(source, "shop::Stock::take:left >").to_string(), Catch::Contains("column"));
  CHECK_THAT(error_of(source, "global:g_stats").to_string(), Catch::Contains("globals: ["));
}

TEST_CASE("last: the change before a moment, however far back") {
  constexpr std::int64_t kHour = 3'600'000'000'000;
  Shop shop = make_shop();
  enter_take(shop, 1000, 43, 5);
  leave_take(shop, 1100, 43);
  enter_take(shop, 2000, 43, 4);
  leave_take(shop, 2100, 43);
  for (int i = 0; i < 50; ++i) {
    enter_take(shop, kHour + i * 1000, 43, 4);
    leave_take(shop, kHour + i * 1000 + 10, 43);
  }
  FakeSource source = source_of(std::move(shop));
  const auto rows = last(source, "shop::Stock::take:left", 2 * kHour);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].at("at") == json_time(2000));
  CHECK(rows[0].at("old") == 5);
  CHECK(rows[0].at("new") == 4);
  CHECK(rows[0].at("call").at("event") == "shop:3");
  CHECK(rows[0].at("call").at("exit") == json_time(2100));
  CHECK(last(source, "shop::Stock::take:left", 2000).at(0).at("first") == true);
  CHECK(last(source, "shop::Stock::take:left", 2001).at(0).at("new") == 4);
  CHECK(last(source, "shop::Stock::take:left", 1000).empty());
  CHECK(last(source, "shop::Stock::take:left", 1).empty());
}

// Random streams: history is the naive fold over the observations, and last is
// its last row.
TEST_CASE("history and last agree with a plain walk over random streams") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Shop shop = make_shop();
    schema::Process second = shop.service.processes[{5}];
    second.id = {6};
    second.pid = 42;
    shop.service.processes[second.id] = second;
    struct Seen {
      std::int64_t at;
      std::uint64_t process;
      int value;
    };
    std::vector<Seen> seen;
    std::int64_t now = 1000;
    for (int i = 0; i < 300; ++i) {
      now += 1 + static_cast<std::int64_t>(random() % (random() % 20 == 0 ? 30'000'000'000 : 50'000'000));
      const std::uint64_t process = 5 + random() % 2;
      const int value = static_cast<int>(random() % 8 == 0 ? random() % 5 : 1);
      shop.service.add(Row(schema::EventKind::kEntry, now, process, 43, kTake, 0x7000)
                           .root(0, shop.integer, Bytes().i32(value)));
      shop.service.add(Row(schema::EventKind::kReturn, now, process, 43, kTake, 0x7000));
      seen.push_back({now, process, value});
    }
    FakeSource source = source_of(std::move(shop));
    const auto fold = [&](std::int64_t before) {
      std::map<std::uint64_t, int> current;
      std::vector<Seen> changes;
      for (const Seen& s : seen) {
        if (s.at >= before) break;
        const auto [place, is_new] = current.emplace(s.process, s.value);
        if (is_new || place->second != s.value) changes.push_back(s);
        place->second = s.value;
      }
      return changes;
    };
    const auto rows = history(source, "*take:left");
    const auto expected = fold(now + 1);
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i].at("at") == json_time(expected[i].at));
      CHECK(rows[i].at("new") == expected[i].value);
      CHECK(rows[i].at("process").at("pid") == 36 + expected[i].process);
    }
    for (int i = 0; i < 10; ++i) {
      const std::int64_t before =
          1000 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(now));
      const auto changes = fold(before);
      const auto row = last(source, "*take:left", before);
      REQUIRE(row.size() == (changes.empty() ? 0 : 1));
      if (!changes.empty()) {
        CHECK(row[0].at("at") == json_time(changes.back().at));
        CHECK(row[0].at("new") == changes.back().value);
      }
    }
  }
}
