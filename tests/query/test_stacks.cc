// `stack` of a call: frames, inlined ones too, where it ends and why.
#include "schema/codec.h"
#include "tests/query/shop.h"

#include <catch2/catch.hpp>

namespace backsight::query::test {
namespace {

using schema::StackEnd;
using schema::StackKind;

schema::ItemHeader stack_item() {
  schema::ItemHeader item;
  item.type = schema::kStackItemType;
  item.root = schema::kStackItemRoot;
  item.depth = schema::kStackIsId;
  item.length = sizeof(schema::StackId);
  return item;
}

// One call whose stack has these addresses.
boost::json::object call_with(StackKind kind, std::vector<std::uint64_t> addresses, StackEnd end,
                              std::map<std::uint64_t, std::string> names) {
  Shop shop = make_shop();
  shop.service.plans[{kTake}].stack = kind;
  const schema::Stack stack{{5}, end, std::move(addresses)};
  const auto id = schema::stack_id(schema::encode(stack));
  shop.service.stacks[id] = stack;
  shop.service.code_names = std::move(names);
  enter_take(shop, 1000, 43, 7);
  auto& row = shop.service.rows.back();
  const auto event = schema::EventView::parse(row).value();
  schema::EventBuilder builder(event.header());
  for (const auto& item : event.items()) builder.add_item(item.header, item.bytes);
  row = builder.add_item(stack_item(), std::as_bytes(std::span(&id, 1))).finish();
  leave_take(shop, 2000, 43);
  FakeSource source;
  source.services["shop"] = shop.service;
  const auto answer = ask(source, request("calls", {"*take"}));
  return answer.at("calls").as_array().at(0).as_object();
}

constexpr std::uint64_t kIn = schema::kStackAddress;
constexpr std::uint64_t kCall = schema::kStackAddress | schema::kStackCallAddress;

}  // namespace

TEST_CASE("stack: innermost first, a line for each inlined function, the whole of it") {
  const auto call = call_with(StackKind::kDwarf, {0x10, 0x20}, StackEnd::kOutermost,
                              {{kIn | 0x10, "take shop.cc:3"}, {kIn | 0x20, "inner a.cc:1\nouter a.cc:9"}});
  CHECK(call.at("stack") == json(R"(["take shop.cc:3","inner a.cc:1","outer a.cc:9"])"));
  CHECK(call.at("unavailable") == json("{}"));
  CHECK(call.at("args") == json(R"({"left":7})"));
}

TEST_CASE("stack: where it is not whole, it ends in three dots and says why") {
  auto call = call_with(StackKind::kDwarf, {0x10, 0x20}, StackEnd::kByteLimit, {{kIn | 0x10, "take"}});
  CHECK(call.at("stack") == json(R"(["take","0x20","…"])"));
  CHECK(call.at("unavailable") == json(R"({"stack":"byte_limit"})"));
  call = call_with(StackKind::kDwarf, {}, StackEnd::kMemoryLimit, {});
  CHECK(call.at("stack").is_null());
  CHECK(call.at("unavailable") == json(R"({"stack":"memory_limit"})"));
}

TEST_CASE("stack: nothing behind what is no code is believed") {
  const auto call = call_with(StackKind::kFramePointers, {0x10, 0x20, 0x30}, StackEnd::kOutermost,
                              {{kIn | 0x10, "take"}, {kCall | 0x20, ""}, {kCall | 0x30, "wrong"}});
  CHECK(call.at("stack") == json(R"(["take","…"])"));
  CHECK(call.at("unavailable") == json(R"({"stack":"bad_address"})"));
}

}  // namespace backsight::query::test
