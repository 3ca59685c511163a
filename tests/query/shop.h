// A small recorded service for the tests of answers: one process, two threads,
// two functions, a few calls that end in every way.
#pragma once

#include "tests/query/sample.h"

namespace backsight::query::test {

inline constexpr std::int64_t kBootWall = 1'795'341'780'000'000'000;  // wall time of boot time 0
inline constexpr std::uint64_t kReserve = 11, kTake = 12;             // plans

struct Shop {
  FakeService service;
  schema::TypeId integer;
};

// reserve(id, qty) → int at frames 0x7100, calling take(left) at 0x7000.
inline Shop make_shop() {
  Shop shop;
  FakeService& s = shop.service;
  s.clock.add({{0}, {kBootWall}});
  schema::Process process;
  process.id = {5};
  process.pid = 41;
  process.exe = "/opt/shop/bin/shop";
  process.build_id = "abcd";
  process.host = "h1";
  process.cmdline = {"shop", "--port=1"};
  process.started = {100};
  s.processes[process.id] = process;
  s.thread_names = {{43, "worker-1"}, {44, "worker-2"}};
  Types types;
  shop.integer = types.integer("int", 4, true);
  const auto plan = [&](const std::string& function, std::vector<schema::Capture> captures) {
    schema::Plan p;
    p.probe = p.function = function;
    p.signature = function + "(int)";
    p.source = {"shop.cc", 120};
    p.captures = std::move(captures);
    p.types = types.table();
    return p;
  };
  s.plans[{kReserve}] =
      plan("shop::Checkout::reserve", {capture("order.id", shop.integer, {"order", "id"}),
                                       capture("qty", shop.integer, {"qty"}), returned(shop.integer)});
  s.plans[{kTake}] = plan("shop::Stock::take", {capture("left", shop.integer, {"left"})});
  return shop;
}

inline schema::Sequence enter_reserve(Shop& shop, std::int64_t at, std::uint32_t tid, int id, int qty) {
  return shop.service.add(Row(schema::EventKind::kEntry, at, 5, tid, kReserve, 0x7100)
                              .root(0, shop.integer, Bytes().i32(id))
                              .root(1, shop.integer, Bytes().i32(qty)));
}
inline schema::Sequence leave_reserve(Shop& shop, std::int64_t at, std::uint32_t tid, int result) {
  return shop.service.add(Row(schema::EventKind::kReturn, at, 5, tid, kReserve, 0x7100)
                              .root(2, shop.integer, Bytes().i32(result)));
}
inline schema::Sequence enter_take(Shop& shop, std::int64_t at, std::uint32_t tid, int left) {
  return shop.service.add(
      Row(schema::EventKind::kEntry, at, 5, tid, kTake, 0x7000).root(0, shop.integer, Bytes().i32(left)));
}
inline schema::Sequence leave_take(Shop& shop, std::int64_t at, std::uint32_t tid) {
  return shop.service.add(Row(schema::EventKind::kReturn, at, 5, tid, kTake, 0x7000));
}

// "@…" for a boot time of the shop.
inline std::string at_boot(std::int64_t ns) {
  return schema::format_rfc3339({kBootWall + ns});
}

inline boost::json::value json_time(std::int64_t ns) {
  return boost::json::value(boost::json::string(at_boot(ns)));
}

inline boost::json::object ask(Source& source, const Request& r) {
  auto answer = answer_from(r, source);
  if (!answer) throw std::runtime_error(answer.error().to_string());
  return std::move(*answer);
}

}  // namespace backsight::query::test
