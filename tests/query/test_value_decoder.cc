#include "query/args.h"
#include "query/value_decoder.h"
#include "tests/query/sample.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::EventKind;
using schema::ItemStatus;
using schema::TypeId;
using schema::TypeKind;
using test::Bytes;
using test::json;
using test::Row;
using test::Types;

namespace {

struct Shown {
  boost::json::value value;
  UnavailableMap unavailable;
};

// One capture `v` of `type`, decoded from `row`.
Shown show(const Types& types, TypeId type, const Row& row, std::uint32_t depth = 3, bool is_range = false,
           std::vector<std::string> projection = {}, const DecodeOptions& options = {}) {
  schema::Plan plan;
  plan.types = types.table();
  plan.limits.depth = depth;
  plan.captures = {test::capture("v", type, {"v"})};
  plan.captures[0].is_range = is_range;
  plan.captures[0].projection = std::move(projection);
  const auto bytes = row.finish();
  const auto event = schema::EventView::parse(bytes).value();
  Shown shown;
  ValueDecoder decoder(event, plan, options, shown.unavailable);
  shown.value = decoder.capture(0, "v");
  return shown;
}

Row entry() {
  return Row(EventKind::kEntry, 1, 1, 1, 1, 0x7000);
}

Shown scalar(TypeKind kind, std::uint64_t size, const Bytes& bytes, bool is_signed = false,
             const std::string& name = "t") {
  Types types;
  const TypeId id = types.scalar(kind, name, size);
  types.at(id).is_signed = is_signed;
  return show(types, id, entry().root(0, id, bytes));
}

}  // namespace

TEST_CASE("scalars are natural JSON values") {
  struct Case {
    TypeKind kind;
    std::uint64_t size;
    bool is_signed;
    Bytes bytes;
    const char* expected;
  };
  const long double exact = 1.5L;
  const Case cases[] = {
      {TypeKind::kInteger, 1, true, Bytes().u8(0xff), "-1"},
      {TypeKind::kInteger, 1, false, Bytes().u8(0xff), "255"},
      {TypeKind::kInteger, 2, true, Bytes().u16(0x8000), "-32768"},
      {TypeKind::kInteger, 4, true, Bytes().i32(-2), "-2"},
      {TypeKind::kInteger, 4, false, Bytes().i32(-2), "4294967294"},
      {TypeKind::kInteger, 8, true, Bytes().u64(1ull << 63), "-9223372036854775808"},
      {TypeKind::kInteger, 8, false, Bytes().u64(~0ull), "18446744073709551615"},
      {TypeKind::kInteger, 16, false, Bytes().u64(7).u64(0), "7"},
      {TypeKind::kInteger, 16, true, Bytes().u64(~0ull).u64(~0ull), "-1"},
      {TypeKind::kBool, 1, false, Bytes().u8(1), "true"},
      {TypeKind::kBool, 1, false, Bytes().u8(0), "false"},
      {TypeKind::kChar, 1, true, Bytes().text("x"), "\"x\""},
      {TypeKind::kChar, 1, true, Bytes().u8(0xe9), "{\"$bytes\":\"e9\"}"},
      {TypeKind::kFloat, 4, true, Bytes().raw(0.5F), "0.5"},
      {TypeKind::kFloat, 8, true, Bytes().raw(-2.25), "-2.25"},
      {TypeKind::kFloat, 8, true, Bytes().raw(std::nan("")), "\"NaN\""},
      {TypeKind::kFloat, 8, true, Bytes().raw(std::numeric_limits<double>::infinity()), "\"Infinity\""},
      {TypeKind::kFloat, 4, true, Bytes().raw(-std::numeric_limits<float>::infinity()), "\"-Infinity\""},
      {TypeKind::kFloat, 16, true, Bytes().raw(exact), "1.5"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.expected);
    const Shown shown = scalar(c.kind, c.size, c.bytes, c.is_signed);
    CHECK(shown.value == json(c.expected));
    CHECK(shown.unavailable.empty());
  }
}

TEST_CASE("a scalar that JSON cannot hold is not shown") {
  const long double inexact = 1.0L / 3;
  for (const auto& [kind, size, bytes] : {std::tuple(TypeKind::kFloat, 16, Bytes().raw(inexact)),
                                          std::tuple(TypeKind::kInteger, 16, Bytes().u64(1).u64(1)),
                                          std::tuple(TypeKind::kInteger, 3, Bytes().u16(1).u8(1)),
                                          std::tuple(TypeKind::kUnsupported, 4, Bytes().u32(1))}) {
    const Shown shown = scalar(kind, static_cast<std::uint64_t>(size), bytes, true);
    CHECK(shown.value.is_null());
    CHECK(shown.unavailable == UnavailableMap{{"v", "unsupported_type"}});
  }
  const Shown undefined = scalar(TypeKind::kUndefined, 0, Bytes());
  CHECK(undefined.unavailable == UnavailableMap{{"v", "undefined_type"}});
}

TEST_CASE("enumerations are names, or numbers without one") {
  Types types;
  const TypeId id = types.enumeration("State", {{"kOpen", 1}, {"kBad", -1}});
  types.at(id).is_signed = true;
  CHECK(show(types, id, entry().root(0, id, Bytes().i32(1))).value == json("\"kOpen\""));
  CHECK(show(types, id, entry().root(0, id, Bytes().i32(-1))).value == json("\"kBad\""));
  CHECK(show(types, id, entry().root(0, id, Bytes().i32(7))).value == json("7"));
}

TEST_CASE("bit-fields are cut out of their bytes") {
  Types types;
  const TypeId i = types.integer("int", 4, true), u = types.integer("unsigned", 4, false);
  const TypeId u64 = types.integer("unsigned long", 8, false);
  auto bits = [](const std::string& name, TypeId type, std::uint64_t offset, std::uint32_t bit,
                 std::uint32_t size) {
    schema::Member m = test::member(name, type, offset);
    m.bit_offset = bit;
    m.bit_size = size;
    return m;
  };
  const TypeId s = types.structure("S", 16,
                                   {bits("a", u, 0, 0, 3), bits("b", i, 0, 3, 5), bits("c", u, 0, 8, 12),
                                    bits("wide", u64, 7, 4, 64), bits("outside", u, 15, 4, 12)});
  const Bytes bytes = Bytes().u32(0b11111'101 | 0xabc << 8).u32(0xf000'0000).u64(0x0fff'ffff'ffff'fff7);
  const Shown shown = show(types, s, entry().root(0, s, bytes));
  CHECK(shown.value.at("a") == 5);
  CHECK(shown.value.at("b") == -1);
  CHECK(shown.value.at("c") == 0xabc);
  CHECK(shown.value.at("wide").to_number<std::uint64_t>() == 0xffff'ffff'ffff'ff7full);
  CHECK(shown.value.at("outside").is_null());
  CHECK(shown.unavailable.at("v.outside") == "byte_limit");
}

TEST_CASE("structs: bases merged, clashes kept apart, anonymous parts merged, vptr left out") {
  Types types;
  const TypeId i = types.integer("int", 4, true);
  const TypeId a = types.structure("A", 8, {test::member("id", i, 0), test::member("x", i, 4)});
  const TypeId b = types.structure("B", 8, {test::member("id", i, 0), test::member("y", i, 4)});
  const TypeId anonymous = types.structure("", 4, {test::member("inner", i, 0)});
  const TypeId u = types.structure("", 4, {test::member("as_int", i, 0)});
  types.at(u).kind = TypeKind::kUnion;
  const TypeId d =
      types.structure("D", 40,
                      {test::base("A", a, 8), test::base("B", b, 16), test::member("_vptr.D", i, 0),
                       test::member("y", i, 24), test::member("", anonymous, 28), test::member("", u, 32)});
  const Bytes bytes = Bytes().u64(0xdead).i32(1).i32(2).i32(3).i32(4).i32(5).i32(6).i32(7).u32(0);
  const Shown shown = show(types, d, entry().root(0, d, bytes));
  CHECK(shown.value == json(R"({"id":1,"x":2,"B::":{"id":3,"y":4},"y":5,"inner":6,"as_int":7})"));
  CHECK(shown.unavailable.empty());
}

TEST_CASE("pointers show what they point to") {
  Types types;
  const TypeId i = types.integer("int", 4, true);
  const TypeId node = types.structure("Node", 16, {test::member("n", i, 0)});
  const TypeId node_pointer = types.pointer(node);
  types.at(node).members.push_back(test::member("next", node_pointer, 8));

  SECTION("null") {
    const Shown shown = show(types, node_pointer, entry().root(0, node_pointer, Bytes().u64(0)));
    CHECK(shown.value.is_null());
    CHECK(shown.unavailable.empty());
  }
  SECTION("a list that ends in itself") {
    const Row row = entry()
                        .root(0, node_pointer, Bytes().u64(0x100))
                        .item(1, node, 0x100, Bytes().i32(1).u32(0).u64(0x200))
                        .item(2, node, 0x200, Bytes().i32(2).u32(0).u64(0x100));
    CHECK(show(types, node_pointer, row).value == json(R"({"n":1,"next":{"n":2,"next":{"$ref":"0x100"}}})"));
  }
  SECTION("beyond the depth") {
    const Row row = entry()
                        .root(0, node_pointer, Bytes().u64(0x100))
                        .item(1, node, 0x100, Bytes().i32(1).u32(0).u64(0x200));
    const Shown shown = show(types, node_pointer, row, 1);
    CHECK(shown.value == json(R"({"n":1,"next":{"$ptr":"0x200"}})"));
    CHECK(shown.unavailable == UnavailableMap{{"v.next", "depth_limit"}});
  }
  SECTION("beyond the bytes") {
    const Shown shown =
        show(types, node_pointer,
             entry().flags(schema::kEventByteLimit).root(0, node_pointer, Bytes().u64(0x100)));
    CHECK(shown.value == json(R"({"$ptr":"0x100"})"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "byte_limit"}});
  }
  SECTION("not readable") {
    for (const auto& [status, reason] : {std::pair(ItemStatus::kBadAddress, "bad_address"),
                                         std::pair(ItemStatus::kNotResident, "not_resident"),
                                         std::pair(ItemStatus::kByteLimit, "byte_limit")}) {
      const Shown shown =
          show(types, node_pointer,
               entry().root(0, node_pointer, Bytes().u64(0x100)).cut(1, node, 0x100, Bytes(), 16, status));
      CHECK(shown.value == json(R"({"$ptr":"0x100"})"));
      CHECK(shown.unavailable == UnavailableMap{{"v", reason}});
    }
  }
  SECTION("to void, functions and types that are not shown") {
    const TypeId target = types.scalar(TypeKind::kVoid, "void", 0), p = types.pointer(target);
    const auto shown = [&](TypeKind kind) {
      types.at(target).kind = kind;
      return show(types, p, entry().root(0, p, Bytes().u64(0xabc)));
    };
    CHECK(shown(TypeKind::kVoid).value == json(R"({"$ptr":"0xabc"})"));
    CHECK(shown(TypeKind::kVoid).unavailable.empty());
    CHECK(shown(TypeKind::kFunction).unavailable.empty());
    CHECK(shown(TypeKind::kUndefined).unavailable == UnavailableMap{{"v", "undefined_type"}});
    CHECK(shown(TypeKind::kUnion).unavailable == UnavailableMap{{"v", "unsupported_type"}});
  }
  SECTION("shared objects are repeated only where asked") {
    const TypeId pair =
        types.structure("Pair", 16, {test::member("a", node_pointer, 0), test::member("b", node_pointer, 8)});
    const Row row = entry()
                        .root(0, pair, Bytes().u64(0x100).u64(0x100))
                        .item(1, node, 0x100, Bytes().i32(1).u32(0).u64(0));
    CHECK(show(types, pair, row).value == json(R"({"a":{"n":1,"next":null},"b":{"$ref":"0x100"}})"));
    CHECK(show(types, pair, row, 3, false, {}, {.repeat_objects = true}).value ==
          json(R"({"a":{"n":1,"next":null},"b":{"n":1,"next":null}})"));
  }
}

TEST_CASE("C strings") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), p = types.pointer(c);
  const auto pointing = [&](const Bytes& bytes, std::uint32_t length, ItemStatus status) {
    return show(types, p, entry().root(0, p, Bytes().u64(0x500)).cut(1, c, 0x500, bytes, length, status));
  };
  CHECK(pointing(Bytes().text("hello"), 5, ItemStatus::kOk).value == "hello");
  CHECK(pointing(Bytes(), 0, ItemStatus::kOk).value == "");
  CHECK(pointing(Bytes().text("caf\xc3\xa9"), 5, ItemStatus::kOk).value == "caf\xc3\xa9");
  CHECK(pointing(Bytes().text("\xff\x01"), 2, ItemStatus::kOk).value == json(R"({"$bytes":"ff01"})"));
  const Shown cut = pointing(Bytes().text("abc"), 3, ItemStatus::kStringLimit);
  CHECK(cut.value == "abc");
  CHECK(cut.unavailable == UnavailableMap{{"v", "string_limit 3"}});
  const Shown unreadable = pointing(Bytes(), 0, ItemStatus::kBadAddress);
  CHECK(unreadable.value == json(R"({"$ptr":"0x500"})"));
  CHECK(unreadable.unavailable == UnavailableMap{{"v", "bad_address"}});
  // A root may be the text itself.
  CHECK(show(types, c, entry().root(0, c, Bytes().text("key:7"), 0x500)).value == "key:7");
  // An array of char ends at its NUL.
  const TypeId name = types.array(c, 8);
  CHECK(show(types, name, entry().root(0, name, Bytes().text("ab").pad_to(8))).value == "ab");
  CHECK(show(types, name, entry().root(0, name, Bytes().text("abcdefgh"))).value == "abcdefgh");
}

TEST_CASE("std::string") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), s = types.string(c), r = types.reference(s);
  const auto at = [&](const Bytes& object) {
    return entry().root(0, r, Bytes().u64(0x900)).item(1, s, 0x900, object);
  };
  SECTION("kept inside the object") {
    const Bytes object = Bytes().u64(0x910).u64(5).text("small").pad_to(32);
    CHECK(show(types, r, at(object)).value == "small");
  }
  SECTION("a length that leaves the object is not believed") {
    const Bytes object = Bytes().u64(0x910).u64(17).text("small").pad_to(32);
    const Shown shown = show(types, r, at(object));
    CHECK(shown.value.is_null());
    CHECK(shown.unavailable == UnavailableMap{{"v", "bad_address"}});
  }
  SECTION("on the heap") {
    const Bytes object = Bytes().u64(0x5000).u64(20).u64(30).pad_to(32);
    CHECK(show(types, r, at(object).item(2, c, 0x5000, Bytes().text("twenty characters ok"))).value ==
          "twenty characters ok");
    const Shown cut =
        show(types, r, at(object).cut(2, c, 0x5000, Bytes().text("twenty"), 20, ItemStatus::kStringLimit));
    CHECK(cut.value == "twenty");
    CHECK(cut.unavailable == UnavailableMap{{"v", "string_limit 6 of 20"}});
    const Shown none = show(types, r, at(object), 1);
    CHECK(none.value.is_null());
    CHECK(none.unavailable == UnavailableMap{{"v", "depth_limit"}});
    const Shown lost = show(types, r, at(object).cut(2, c, 0x5000, Bytes(), 20, ItemStatus::kNotResident));
    CHECK(lost.unavailable == UnavailableMap{{"v", "not_resident"}});
  }
  SECTION("empty, and null with a length") {
    CHECK(show(types, r, at(Bytes().u64(0).u64(0).pad_to(32))).value == "");
    CHECK(show(types, r, at(Bytes().u64(0).u64(9).pad_to(32))).unavailable ==
          UnavailableMap{{"v", "bad_address"}});
  }
  SECTION("the longest item at an address is the one") {
    const Bytes object = Bytes().u64(0x5000).u64(4).pad_to(32);
    const Row row = at(object)
                        .cut(2, c, 0x5000, Bytes().text("lo"), 2, ItemStatus::kStringLimit)
                        .item(2, c, 0x5000, Bytes().text("longer"));
    const Shown shown = show(types, r, row);
    CHECK(shown.value == "long");
    CHECK(shown.unavailable.empty());
  }
  SECTION("the same string twice is shown twice") {
    const TypeId pair = types.structure("Pair", 16, {test::member("a", r, 0), test::member("b", r, 8)});
    const Row row = entry()
                        .root(0, pair, Bytes().u64(0x900).u64(0x900))
                        .item(1, s, 0x900, Bytes().u64(0x910).u64(1).text("x").pad_to(32));
    CHECK(show(types, pair, row).value == json(R"({"a":"x","b":"x"})"));
  }
}

TEST_CASE("vectors, arrays and ranges") {
  Types types;
  const TypeId i = types.integer("int", 4, true), v = types.vector(i);
  const auto vector_of = [&](std::uint64_t begin, std::uint64_t end) {
    return entry().root(0, v, Bytes().u64(begin).u64(end).u64(end), 0x900);
  };
  CHECK(show(types, v, vector_of(0, 0)).value == json("[]"));
  CHECK(show(types, v, vector_of(0x100, 0x108).item(1, i, 0x100, Bytes().i32(1).i32(2))).value ==
        json("[1,2]"));
  const Shown cut =
      show(types, v,
           vector_of(0x100, 0x110).cut(1, i, 0x100, Bytes().i32(1).i32(2), 16, ItemStatus::kElementLimit));
  CHECK(cut.value == json("[1,2]"));
  CHECK(cut.unavailable == UnavailableMap{{"v", "element_limit 2 of 4"}});
  CHECK(show(types, v, vector_of(0x110, 0x100)).unavailable == UnavailableMap{{"v", "bad_address"}});
  CHECK(show(types, v, vector_of(0x100, 0x103)).unavailable == UnavailableMap{{"v", "bad_address"}});

  const TypeId matrix = types.array(types.array(i, 2), 2);
  CHECK(show(types, matrix, entry().root(0, matrix, Bytes().i32(1).i32(2).i32(3).i32(4))).value ==
        json("[[1,2],[3,4]]"));
  const TypeId flexible = types.array(i, 0);
  CHECK(show(types, flexible, entry().root(0, flexible, Bytes())).unavailable ==
        UnavailableMap{{"v", "element_limit"}});

  CHECK(show(types, i, entry().root(0, i, Bytes().i32(7).i32(8)), 3, true).value == json("[7,8]"));
  CHECK(show(types, i, entry().root(0, i, Bytes()), 3, true).value == json("[]"));
  const Shown range =
      show(types, i, entry().cut_root(0, i, Bytes().i32(7), 12, ItemStatus::kElementLimit), 3, true);
  CHECK(range.value == json("[7]"));
  CHECK(range.unavailable == UnavailableMap{{"v", "element_limit 1 of 3"}});
  const Shown absurd =
      show(types, i, entry().cut_root(0, i, Bytes(), 0, ItemStatus::kNegativeLength), 3, true);
  CHECK(absurd.unavailable == UnavailableMap{{"v", "bad_address"}});
}

TEST_CASE("a range projects its elements to a member") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), p = types.pointer(c),
               i = types.integer("int", 4, true);
  const TypeId inner = types.structure("Inner", 16, {test::member("n", i, 0), test::member("s", p, 8)});
  const TypeId item = types.structure("Item", 24, {test::base("Inner", inner, 8), test::member("q", i, 0)});
  const Bytes bytes = Bytes().u64(1).u64(11).u64(0x100).u64(2).u64(12).u64(0);
  const Row row = entry().root(0, item, bytes).item(1, c, 0x100, Bytes().text("A1"));
  CHECK(show(types, item, row, 3, true, {"s"}).value == json(R"(["A1",null])"));
  CHECK(show(types, item, row, 3, true, {"q"}).value == json("[1,2]"));
  const TypeId pp = types.pointer(item);
  const Row pointers =
      entry().root(0, pp, Bytes().u64(0x900).u64(0)).item(1, item, 0x900, Bytes().u64(1).u64(11).u64(0));
  CHECK(show(types, pp, pointers, 3, true, {"n"}).value == json("[11,null]"));
}

TEST_CASE("what the plan or the event says about a capture") {
  Types types;
  const TypeId i = types.integer("int", 4, true);
  schema::Plan plan;
  plan.types = types.table();
  plan.captures = {test::capture("order.id", i, {"order", "id"}),
                   test::capture("order.qty", i, {"order", "qty"}), test::capture("f(x)", i),
                   test::returned(i)};
  plan.captures[1].unavailable = schema::Unavailable::kInVectorRegister;
  plan.captures[2].name = "named";
  const auto entry_row = entry().root(0, i, Bytes().i32(7)).root(2, i, Bytes().i32(8)).finish();
  const auto exit_row = Row(EventKind::kReturn, 2, 1, 1, 1, 0x7000).root(3, i, Bytes().i32(-1)).finish();
  CallValues values;
  add_event(values, schema::EventView::parse(entry_row).value(), plan, nullptr, {});
  CHECK_FALSE(values.has_result);
  add_event(values, schema::EventView::parse(exit_row).value(), plan, nullptr, {});
  CHECK(boost::json::value(values.args) == json(R"({"order":{"id":7,"qty":null},"named":8})"));
  CHECK(values.has_result);
  CHECK(values.result == -1);
  CHECK(values.unavailable == UnavailableMap{{"order.qty", "in_vector_register"}});
  SECTION("a root that the kernel did not get to") {
    CallValues short_values;
    const auto row = entry().flags(schema::kEventByteLimit).finish();
    add_event(short_values, schema::EventView::parse(row).value(), plan, nullptr, {});
    CHECK(short_values.unavailable.at("order.id") == "byte_limit");
    CHECK(short_values.args.at("order").at("id").is_null());
  }
}

TEST_CASE("a capture that was refused is null, with the reason") {
  Types types;
  const TypeId i = types.integer("int", 4, true);
  const TypeId order = types.structure("Order", 8, {test::member("id", i, 0), test::member("flags", i, 4)});
  schema::Plan plan;
  plan.types = types.table();
  plan.captures = {test::capture("order.flags", schema::kNoType, {"order", "flags"}),
                   test::capture("v[0]", schema::kNoType), test::capture("order.id", i, {"order", "id"})};
  plan.captures[0].unavailable = plan.captures[1].unavailable = schema::Unavailable::kUnsupportedType;
  const auto values_of = [&](const Row& row) {
    CallValues values;
    const auto bytes = row.finish();
    add_event(values, schema::EventView::parse(bytes).value(), plan, nullptr, {});
    return values;
  };
  const CallValues refused = values_of(entry().root(2, i, Bytes().i32(7)));
  CHECK(boost::json::value(refused.args) == json(R"({"order":{"flags":null,"id":7},"v[0]":null})"));
  CHECK(refused.unavailable ==
        UnavailableMap{{"order.flags", "unsupported_type"}, {"v[0]", "unsupported_type"}});
  // What holds the member shows it: no reason.
  plan.captures[2] = test::capture("order", order, {"order"});
  const CallValues held = values_of(entry().root(2, order, Bytes().i32(7).i32(3)));
  CHECK(boost::json::value(held.args) == json(R"({"order":{"flags":3,"id":7},"v[0]":null})"));
  CHECK(held.unavailable == UnavailableMap{{"v[0]", "unsupported_type"}});
}

TEST_CASE("hostile rows and plans end, and show nothing that was not captured") {
  SECTION("a type that contains itself") {
    Types types;
    const TypeId s = types.structure("S", 8, {});
    for (int n = 0; n < 4; ++n) types.at(s).members.push_back(test::member("m" + std::to_string(n), s, 0));
    const Shown shown = show(types, s, entry().root(0, s, Bytes().u64(1)));
    CHECK(shown.value.is_object());
    CHECK_FALSE(shown.unavailable.empty());
  }
  SECTION("a base of itself") {
    Types types;
    const TypeId s = types.structure("S", 8, {});
    types.at(s).members = {test::base("S", s, 0), test::base("S", s, 0)};
    CHECK(show(types, s, entry().root(0, s, Bytes().u64(1))).value.is_object());
  }
  SECTION("elements without size") {
    Types types;
    const TypeId empty = types.structure("Empty", 0, {}), many = types.array(empty, 1ull << 60);
    CHECK(show(types, many, entry().root(0, many, Bytes().u64(0))).value == json("[]"));
  }
  SECTION("type numbers outside the table, sizes beyond the bytes") {
    Types types;
    const TypeId i = types.integer("int", 4, true);
    const TypeId s = types.structure("S", 1ull << 40,
                                     {test::member("far", i, 1ull << 39), test::member("none", {999}, 0)});
    const Shown shown = show(types, s, entry().root(0, s, Bytes().u64(1)));
    CHECK(shown.value == json(R"({"far":null,"none":null})"));
    CHECK(shown.unavailable.at("v.far") == "byte_limit");
    CHECK(show(types, {77}, entry().root(0, i, Bytes().u64(1))).value.is_null());
  }
  SECTION("a pointer chain deeper than any limit") {
    Types types;
    const TypeId node = types.structure("Node", 8, {}), p = types.pointer(node);
    types.at(node).members = {test::member("next", p, 0)};
    Row row = entry().root(0, p, Bytes().u64(0x1000));
    for (std::uint64_t n = 0; n < 500; ++n) row.item(1, node, 0x1000 + n * 8, Bytes().u64(0x1008 + n * 8));
    CHECK(show(types, p, row, 1000).value.is_object());
  }
}
