// Lists, hash tables, trees and maps: walks over captured nodes.
#include "tests/query/shown.h"

#include <catch2/catch.hpp>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::Container;
using schema::ItemStatus;
using schema::TypeId;
using schema::TypeKind;
using schema::layout::kNoOffset;
using test::Bytes;
using test::entry_row;
using test::json;
using test::Row;
using test::show;
using test::Shown;
using test::Types;

namespace {

constexpr std::uint64_t kObject = 0x9000;  // where containers are

// std::list<int> of libstdc++: {next, prev, size}, node {next, prev, int}.
struct List {
  Types types;
  TypeId integer = types.integer("int", 4, true);
  TypeId node = types.structure("node", 24, {test::member("", integer, 16)});
  TypeId list = types.structure("std::list<int>", 24, {});

  explicit List(bool counted = true, bool has_sentinel = true) {
    schema::Type& type = types.at(list);
    type.container = Container::kList;
    type.target = node;
    type.offset_a = 0;
    type.offset_b = counted ? 16 : static_cast<std::uint32_t>(kNoOffset);
    type.layout = {0, has_sentinel ? 0 : kNoOffset};
  }
  Row at(std::uint64_t first, std::uint64_t count) const {
    return entry_row().root(0, list, Bytes().u64(first).u64(0).u64(count), kObject);
  }
  void add(Row& row, std::uint64_t address, std::uint64_t next, std::int32_t value) const {
    row.item(1, node, address, Bytes().u64(next).u64(0).i32(value).u32(0));
  }
};

}  // namespace

TEST_CASE("lists: from the head, by the captured nodes, to the end") {
  const List l;
  SECTION("whole") {
    Row row = l.at(0x100, 3);
    l.add(row, 0x100, 0x200, 1);
    l.add(row, 0x200, 0x300, 2);
    l.add(row, 0x300, kObject, 3);
    const Shown shown = show(l.types.table(), l.list, row);
    CHECK(shown.value == json("[1,2,3]"));
    CHECK(shown.unavailable.empty());
  }
  SECTION("empty") {
    const Shown shown = show(l.types.table(), l.list, l.at(kObject, 0));
    CHECK(shown.value == json("[]"));
    CHECK(shown.unavailable.empty());
  }
  SECTION("more than the limit of elements") {
    Row row = l.at(0x100, 100);
    l.add(row, 0x100, 0x200, 1);
    l.add(row, 0x200, 0x300, 2);
    const Shown shown = show(l.types.table(), l.list, row, {.elements = 2});
    CHECK(shown.value == json("[1,2]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "element_limit 2 of 100"}});
  }
  SECTION("a node that could not be read") {
    Row row = l.at(0x100, 3);
    l.add(row, 0x100, 0x200, 1);
    row.cut(1, l.node, 0x200, Bytes(), 24, ItemStatus::kNotResident);
    const Shown shown = show(l.types.table(), l.list, row);
    CHECK(shown.value == json("[1]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "not_resident 1 of 3"}});
  }
  SECTION("a node without an item, and limits that say why, or none") {
    Row row = l.at(0x100, 3);
    l.add(row, 0x100, 0x200, 1);
    CHECK(show(l.types.table(), l.list, row).unavailable == UnavailableMap{{"v", "byte_limit 1 of 3"}});
    CHECK(show(l.types.table(), l.list, l.at(0x100, 3), {.depth = 0}).unavailable ==
          UnavailableMap{{"v", "depth_limit"}});
    CHECK(show(l.types.table(), l.list, l.at(0x100, 3)).value.is_null());
  }
  SECTION("a node that is cut off shows its value, or why not") {
    Row row = l.at(0x100, 2);
    row.cut(1, l.node, 0x100, Bytes().u64(0x200).u64(0), 24, ItemStatus::kByteLimit);
    const Shown shown = show(l.types.table(), l.list, row);
    CHECK(shown.value == json("[null]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "byte_limit 1 of 2"}, {"v[0]", "byte_limit"}});
  }
  SECTION("a cycle ends") {
    Row row = l.at(0x100, 1000);
    l.add(row, 0x100, 0x200, 1);
    l.add(row, 0x200, 0x100, 2);
    const Shown shown = show(l.types.table(), l.list, row);
    CHECK(shown.value == json("[1,2]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "bad_address 2 of 1000"}});
  }
  SECTION("counts that are wrong") {
    Row row = l.at(0x100, 3);
    l.add(row, 0x100, kObject, 1);
    CHECK(show(l.types.table(), l.list, row).unavailable == UnavailableMap{{"v", "bad_address 1 of 3"}});
    Row longer = l.at(0x100, 1);
    l.add(longer, 0x100, 0x200, 1);
    l.add(longer, 0x200, kObject, 2);
    const Shown shown = show(l.types.table(), l.list, longer);
    CHECK(shown.value == json("[1]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "bad_address 1"}});
    CHECK(show(l.types.table(), l.list, l.at(kObject, 7)).unavailable ==
          UnavailableMap{{"v", "bad_address"}});
    CHECK(show(l.types.table(), l.list, l.at(0x100, 0)).unavailable == UnavailableMap{{"v", "bad_address"}});
  }
}

TEST_CASE("lists without a count end at null") {
  const List l(false, false);
  Row row = l.at(0x100, 77);
  l.add(row, 0x100, 0x200, 1);
  SECTION("whole") {
    l.add(row, 0x200, 0, 2);
    const Shown shown = show(l.types.table(), l.list, row);
    CHECK(shown.value == json("[1,2]"));
    CHECK(shown.unavailable.empty());
  }
  SECTION("cut off") {
    const Shown shown = show(l.types.table(), l.list, row, {.elements = 1});
    CHECK(shown.value == json("[1]"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "element_limit 1"}});
  }
  SECTION("a node that leads to itself") {
    l.add(row, 0x200, 0x200, 2);
    CHECK(show(l.types.table(), l.list, row).unavailable == UnavailableMap{{"v", "bad_address 2"}});
  }
}

namespace {

// std::map<K, V> of libstdc++: leftmost at 24, count at 40; node {color, parent,
// left, right, value}.
struct Tree {
  Types types;
  TypeId key, pair, node, tree;

  Tree(const std::string& name, TypeKind key_kind, const std::string& key_name, std::uint64_t key_size) {
    key = types.scalar(key_kind, key_name, key_size);
    const TypeId integer = types.integer("int", 4, true);
    pair = types.structure("pair", 8, {test::member("first", key, 0), test::member("second", integer, 4)});
    node = types.structure("node", 40, {test::member("value", pair, 32)});
    tree = types.structure(name, 48, {});
    schema::Type& type = types.at(tree);
    type.container = Container::kTree;
    type.target = node;
    type.offset_a = 24;
    type.offset_b = 40;
    type.layout = {8, 16, 24};
    type.is_map = true;
  }
  Row at(std::uint64_t leftmost, std::uint64_t count) const {
    return entry_row().root(0, tree, Bytes().u64(0).u64(0).u64(0x200).u64(leftmost).u64(0).u64(count),
                            kObject);
  }
  void add(Row& row, std::uint64_t address, std::uint64_t parent, std::uint64_t left, std::uint64_t right,
           std::int32_t first, std::int32_t second) const {
    row.item(1, node, address, Bytes().u64(0).u64(parent).u64(left).u64(right).i32(first).i32(second));
  }
  //        200
  //    100     400
  //          300
  void add_all(Row& row) const {
    add(row, 0x100, 0x200, 0, 0, 1, 10);
    add(row, 0x200, kObject + 8, 0x100, 0x400, 2, 20);
    add(row, 0x400, 0x200, 0x300, 0, 4, 40);
    add(row, 0x300, 0x400, 0, 0, 3, 30);
  }
};

}  // namespace

TEST_CASE("trees in order, maps as objects") {
  Tree t("std::map<int, int>", TypeKind::kInteger, "int", 4);
  t.types.at(t.key).is_signed = true;
  SECTION("whole") {
    Row row = t.at(0x100, 4);
    t.add_all(row);
    const Shown shown = show(t.types.table(), t.tree, row);
    CHECK(boost::json::serialize(shown.value) == R"({"1":10,"2":20,"3":30,"4":40})");
    CHECK(shown.unavailable.empty());
  }
  SECTION("empty") {
    CHECK(show(t.types.table(), t.tree, t.at(kObject + 8, 0)).value == json("{}"));
    t.types.at(t.tree).is_map = false;
    CHECK(show(t.types.table(), t.tree, t.at(kObject + 8, 0)).value == json("[]"));
  }
  SECTION("a set shows what the nodes hold") {
    t.types.at(t.tree).is_map = false;
    Row row = t.at(0x100, 4);
    t.add_all(row);
    CHECK(show(t.types.table(), t.tree, row).value.at(3) == json(R"({"first":4,"second":40})"));
  }
  SECTION("the limit of elements, nodes on the way were captured too") {
    Row row = t.at(0x100, 40);
    t.add_all(row);
    const Shown shown = show(t.types.table(), t.tree, row, {.elements = 2});
    CHECK(shown.value == json(R"({"1":10,"2":20})"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "element_limit 2 of 40"}});
  }
  SECTION("a node on the way down that could not be read") {
    Row row = t.at(0x100, 4);
    t.add(row, 0x100, 0x200, 0, 0, 1, 10);
    t.add(row, 0x200, kObject + 8, 0x100, 0x400, 2, 20);
    row.cut(1, t.node, 0x400, Bytes(), 40, ItemStatus::kBadAddress);
    const Shown shown = show(t.types.table(), t.tree, row);
    CHECK(shown.value == json(R"({"1":10,"2":20})"));
    CHECK(shown.unavailable == UnavailableMap{{"v", "bad_address 2 of 4"}});
  }
  SECTION("counts that are wrong") {
    Row row = t.at(0x100, 9);
    t.add_all(row);
    CHECK(show(t.types.table(), t.tree, row).unavailable == UnavailableMap{{"v", "bad_address 4 of 9"}});
    Row less = t.at(0x100, 3);
    t.add_all(less);
    CHECK(show(t.types.table(), t.tree, less).unavailable == UnavailableMap{{"v", "bad_address 3"}});
    const Shown none = show(t.types.table(), t.tree, t.at(0, 3));
    CHECK(none.value.is_null());
    CHECK(none.unavailable == UnavailableMap{{"v", "bad_address"}});
  }
  SECTION("cycles end") {
    Row up = t.at(0x100, 50);
    t.add(up, 0x100, 0x200, 0, 0, 1, 10);
    t.add(up, 0x200, 0x100, 0x100, 0x100, 2, 20);
    CHECK(show(t.types.table(), t.tree, up).unavailable == UnavailableMap{{"v", "bad_address 2 of 50"}});
    Row down = t.at(0x100, 50);
    t.add(down, 0x100, 0x200, 0, 0x200, 1, 10);
    t.add(down, 0x200, 0x100, 0x200, 0, 2, 20);
    CHECK(show(t.types.table(), t.tree, down).unavailable == UnavailableMap{{"v", "bad_address 1 of 50"}});
  }
  SECTION("a node that is no child of its parent") {
    Row row = t.at(0x100, 4);
    t.add(row, 0x100, 0x200, 0, 0, 1, 10);
    t.add(row, 0x200, kObject + 8, 0x300, 0x400, 2, 20);
    CHECK(show(t.types.table(), t.tree, row).unavailable == UnavailableMap{{"v", "bad_address 1 of 4"}});
  }
}

TEST_CASE("maps are arrays where keys are no names, or not all there, or not distinct") {
  SECTION("floating point") {
    Tree t("std::map<float, int>", TypeKind::kFloat, "float", 4);
    Row row = t.at(0x100, 1);
    row.item(1, t.node, 0x100, Bytes().u64(0).u64(kObject).u64(0).u64(0).raw(0.5F).i32(7));
    CHECK(show(t.types.table(), t.tree, row).value == json(R"([{"key":0.5,"value":7}])"));
    CHECK(show(t.types.table(), t.tree, t.at(kObject, 0)).value == json("[]"));
  }
  SECTION("multimaps") {
    Tree t("std::multimap<int, int, std::less<int>>", TypeKind::kInteger, "int", 4);
    Row row = t.at(0x100, 1);
    t.add(row, 0x100, kObject, 0, 0, 1, 10);
    CHECK(show(t.types.table(), t.tree, row).value == json(R"([{"key":1,"value":10}])"));
  }
  SECTION("keys that repeat") {
    Tree t("std::map<int, int>", TypeKind::kInteger, "int", 4);
    Row row = t.at(0x100, 2);
    t.add(row, 0x100, kObject, 0, 0x200, 1, 10);
    t.add(row, 0x200, 0x100, 0, 0, 1, 20);
    CHECK(show(t.types.table(), t.tree, row).value == json(R"([{"key":1,"value":10},{"key":1,"value":20}])"));
  }
  SECTION("enumerators, and numbers without one") {
    Tree t("std::map<E, int>", TypeKind::kEnum, "E", 4);
    t.types.at(t.key).enumerators = {{"kOpen", 1}};
    Row row = t.at(0x100, 2);
    t.add(row, 0x100, kObject, 0, 0x200, 1, 10);
    t.add(row, 0x200, 0x100, 0, 0, 7, 20);
    CHECK(show(t.types.table(), t.tree, row).value == json(R"({"kOpen":10,"7":20})"));
  }
}

TEST_CASE("an empty map where the plan ends") {
  Tree t("std::map<int, int>", TypeKind::kInteger, "int", 4);
  CHECK(show(t.types.table(), t.tree, t.at(kObject + 8, 0)).value == json("{}"));
  t.types.at(t.pair).members.clear();
  const Shown shown = show(t.types.table(), t.tree, t.at(kObject + 8, 0));
  CHECK(shown.value.is_null());
  CHECK(shown.unavailable == UnavailableMap{{"v", "depth_limit"}});
}

TEST_CASE("unordered maps with text for keys") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), s = types.string(c);
  const TypeId value = types.string(c);
  const TypeId pair =
      types.structure("pair", 64, {test::member("first", s, 0), test::member("second", value, 32)});
  const TypeId node = types.structure("node", 80, {test::member("v", pair, 8)});
  const TypeId map = types.structure("std::unordered_map<…>", 56, {});
  types.at(map).container = Container::kList;
  types.at(map).target = node;
  types.at(map).offset_a = 16;
  types.at(map).offset_b = 24;
  types.at(map).layout = {0, kNoOffset};
  types.at(map).is_map = true;
  const Row base =
      entry_row().root(0, map, Bytes().u64(0xb0).u64(13).u64(0x1000).u64(2).u64(0).u64(0).u64(0), kObject);
  const Bytes first = Bytes()
                          .u64(0x2000)
                          .u64(0x1018)
                          .u64(3)
                          .text("a.b")
                          .pad_to(40)
                          .u64(0x1038)
                          .u64(1)
                          .text("x")
                          .pad_to(72)
                          .u64(99);
  const Bytes second = Bytes().u64(0).u64(0x2018).u64(0).pad_to(40).u64(0x5000).u64(9).pad_to(72).u64(98);
  Row row = base;
  row.item(1, node, 0x1000, first).item(1, node, 0x2000, second);
  SECTION("an object, the path of what is missing in brackets where needed") {
    const Shown shown = show(types.table(), map, row, {.depth = 1});
    CHECK(shown.value == json(R"({"a.b":"x","":null})"));
    CHECK(shown.unavailable == UnavailableMap{{R"(v[""])", "depth_limit"}});
  }
  SECTION("a key that was cut off is no name") {
    Row cut = base;
    cut.item(1, node, 0x1000,
             Bytes().u64(0).u64(0x6000).u64(300).pad_to(40).u64(0x1038).u64(1).text("x").pad_to(80))
        .cut(2, c, 0x6000, Bytes().text("abc"), 300, ItemStatus::kStringLimit);
    const Shown shown = show(types.table(), map, cut);
    CHECK(shown.value == json(R"([{"key":"abc","value":"x"}])"));
    CHECK(shown.unavailable ==
          UnavailableMap{{"v", "bad_address 1 of 2"}, {"v[0].key", "string_limit 3 of 300"}});
  }
}
