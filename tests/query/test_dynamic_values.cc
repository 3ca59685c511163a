// Objects of classes with virtual functions: shown as what they are.
#include "tests/query/shown.h"

#include <catch2/catch.hpp>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::ItemStatus;
using schema::TypeId;
using schema::TypeKind;
using test::Bytes;
using test::entry_row;
using test::json;
using test::Row;
using test::show;
using test::Shown;
using test::Types;

namespace {

// struct Other { … }; struct Shape { vptr; int id; }; struct Circle : Other, Shape { int r; };
struct Shapes {
  Types types;
  TypeId integer = types.integer("int", 4, true);
  TypeId other = types.structure("Other", 16, {test::member("id", integer, 8)});
  TypeId shape = types.structure("Shape", 16, {test::member("id", integer, 8)});
  TypeId circle = types.structure(
      "Circle", 40,
      {test::base("Other", other, 0), test::base("Shape", shape, 16), test::member("r", integer, 32)});
  TypeId link = types.scalar(TypeKind::kDynamicLink, "", 16);
  TypeId pointer = types.pointer(shape);

  Shapes() {
    for (const TypeId id : {shape, circle, other}) types.at(id).is_polymorphic = true;
    types.at(shape).dynamic = link;
    types.at(link).target = shape;
  }
  static Bytes circle_bytes() { return Bytes().u64(0).i32(1).u32(0).u64(0).i32(2).u32(0).i32(3).u32(0); }
  Row at(std::uint64_t address) const { return entry_row().root(0, pointer, Bytes().u64(address)); }
};

}  // namespace

TEST_CASE("a pointer to a base shows the whole object") {
  const Shapes s;
  const Row row = s.at(0x110)
                      .item(1, s.link, 0x110, Bytes().u64(0x100).u64(s.circle.value))
                      .item(1, s.circle, 0x100, s.circle_bytes());
  const Shown shown = show(s.types.table(), s.pointer, row);
  CHECK(boost::json::serialize(shown.value) == R"({"$type":"Circle","id":1,"Shape::":{"id":2},"r":3})");
  CHECK(shown.unavailable.empty());
}

TEST_CASE("reasons of a base's members that clash are named as the members are") {
  const Shapes s;
  const Row row = s.at(0x110)
                      .item(1, s.link, 0x110, Bytes().u64(0x100).u64(s.circle.value))
                      .cut(1, s.circle, 0x100, Bytes().u64(0).i32(1).u32(0), 40, ItemStatus::kByteLimit);
  const Shown shown = show(s.types.table(), s.pointer, row);
  CHECK(shown.value == json(R"({"$type":"Circle","id":1,"Shape::":{"id":null},"r":null})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.Shape::.id", "byte_limit"}, {"v.r", "byte_limit"}});
}

TEST_CASE("a class that is not known: the static type's members") {
  const Shapes s;
  const Row row = s.at(0x110).item(1, s.shape, 0x110, Bytes().u64(0).i32(2).u32(0));
  const Shown shown = show(s.types.table(), s.pointer, row);
  CHECK(shown.value == json(R"({"$type":null,"id":2})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.$type", "undefined_type"}});
}

TEST_CASE("where no class is known to the plan, an object's may still be another module's") {
  const Shapes s;
  auto types = s.types.table();
  for (auto& type : types) type.dynamic = schema::kNoType;
  const Row row = s.at(0x110).item(1, s.shape, 0x110, Bytes().u64(0).i32(2).u32(0));
  const Shown shown = show(types, s.pointer, row);
  CHECK(shown.value == json(R"({"$type":null,"id":2})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.$type", "undefined_type"}});
}

TEST_CASE("the class is known, the object was not captured") {
  const Shapes s;
  const Row row = s.at(0x110).item(1, s.link, 0x110, Bytes().u64(0x100).u64(s.circle.value));
  const Shown failed = show(s.types.table(), s.pointer,
                            Row(row).cut(1, s.circle, 0x100, Bytes(), 40, ItemStatus::kNotResident));
  CHECK(failed.value == json(R"({"$ptr":"0x110"})"));
  CHECK(failed.unavailable == UnavailableMap{{"v", "not_resident"}});
  CHECK(show(s.types.table(), s.pointer, row, {.depth = 0}).unavailable ==
        UnavailableMap{{"v", "depth_limit"}});
}

TEST_CASE("links that cannot be are not followed") {
  const Shapes s;
  for (const std::uint64_t type : {std::uint64_t{999}, std::uint64_t{1} << 32 | s.circle.value}) {
    const Row row = s.at(0x110)
                        .item(1, s.link, 0x110, Bytes().u64(0x100).u64(type))
                        .item(1, s.circle, 0x100, s.circle_bytes());
    CHECK(show(s.types.table(), s.pointer, row).value == json(R"({"$ptr":"0x110"})"));
  }
  const Row cut = s.at(0x110).cut(1, s.link, 0x110, Bytes().u64(0x100), 16, ItemStatus::kByteLimit);
  CHECK(show(s.types.table(), s.pointer, cut).value == json(R"({"$ptr":"0x110"})"));
}

TEST_CASE("two parts of one object are one object") {
  Shapes s;
  const TypeId pair =
      s.types.structure("Pair", 16, {test::member("a", s.pointer, 0), test::member("b", s.pointer, 8)});
  const Row row = entry_row()
                      .root(0, pair, Bytes().u64(0x110).u64(0x118))
                      .item(1, s.link, 0x110, Bytes().u64(0x100).u64(s.circle.value))
                      .item(1, s.link, 0x118, Bytes().u64(0x100).u64(s.circle.value))
                      .item(1, s.circle, 0x100, s.circle_bytes());
  CHECK(show(s.types.table(), pair, row).value.at("b") == json(R"({"$ref":"0x100"})"));
}

TEST_CASE("an object that is held by value is of the class it was declared with") {
  Shapes s;
  const TypeId holder = s.types.structure("Holder", 16, {test::member("shape", s.shape, 0)});
  const Bytes bytes = Bytes().u64(0).i32(2).u32(0);
  CHECK(show(s.types.table(), holder, entry_row().root(0, holder, bytes, 0x500)).value ==
        json(R"({"shape":{"$type":"Shape","id":2}})"));
  CHECK(show(s.types.table(), s.shape, entry_row().root(0, s.shape, bytes, 0x500)).value ==
        json(R"({"$type":"Shape","id":2})"));
  // What an expression reached through a pointer may be more than that.
  for (const char* expression : {"*p", "p[0]", "*(Shape*)p"}) {
    const Shown shown = show(s.types.table(), s.shape, entry_row().root(0, s.shape, bytes, 0x500),
                             {.expression = expression});
    CHECK(shown.value == json(R"({"$type":null,"id":2})"));
    CHECK(shown.unavailable == UnavailableMap{{"v.$type", "undefined_type"}});
  }
}

TEST_CASE("smart pointers to objects of dynamic type") {
  Shapes s;
  const TypeId unique = s.types.structure("std::unique_ptr<Shape>", 8, {});
  s.types.at(unique).container = schema::Container::kSmartPointer;
  s.types.at(unique).target = s.shape;
  const Row row = entry_row()
                      .root(0, unique, Bytes().u64(0x110))
                      .item(1, s.link, 0x110, Bytes().u64(0x100).u64(s.circle.value))
                      .item(1, s.circle, 0x100, s.circle_bytes());
  CHECK(show(s.types.table(), unique, row).value.at("$type") == "Circle");
}
