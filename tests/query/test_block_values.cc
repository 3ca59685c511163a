// What is kept in blocks, bits or one behind the other: deque, bitset,
// vector<bool>, span, flat maps.
#include "tests/query/shown.h"

#include <catch2/catch.hpp>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::Container;
using schema::ItemStatus;
using schema::TypeId;
using test::Bytes;
using test::entry_row;
using test::json;
using test::Row;
using test::show;
using test::Shown;
using test::Types;

namespace {

constexpr std::uint64_t kObject = 0x9000;

// Blocks of four ints.
struct Deque {
  Types types;
  TypeId integer = types.integer("int", 4, true);
  TypeId block = types.pointer(integer);
  TypeId deque = types.structure("std::deque<int>", 80, {test::member("block", block, 0)});

  explicit Deque(bool by_iterators) {
    schema::Type& type = types.at(deque);
    type.container = Container::kDeque;
    type.target = integer;
    type.offset_a = by_iterators ? 16 : 8;
    type.offset_b = by_iterators ? 48 : 32;
    type.layout = {by_iterators ? 1u : 0u, 4};
  }
  // libstdc++: from element `first` of the block at 0x100 (map 0x800) to element
  // `last` of the block at `end` (map `place`).
  Row between(std::uint64_t first, std::uint64_t place, std::uint64_t end, std::uint64_t last) const {
    return entry_row().root(0, deque,
                            Bytes()
                                .u64(0x7f0)
                                .u64(8)
                                .u64(0x100 + first * 4)
                                .u64(0x100)
                                .u64(0x110)
                                .u64(0x800)
                                .u64(end + last * 4)
                                .u64(end)
                                .u64(end + 16)
                                .u64(place),
                            kObject);
  }
  // libc++: {map, begin, end, cap, start, size}.
  Row numbered(std::uint64_t start, std::uint64_t size) const {
    return entry_row().root(
        0, deque, Bytes().u64(0x7f0).u64(0x800).u64(0x820).u64(0x820).u64(start).u64(size).pad_to(80),
        kObject);
  }
};

}  // namespace

TEST_CASE("deques by iterators") {
  const Deque d(true);
  const Bytes blocks = Bytes().u64(0x100).u64(0x200).u64(0x300);
  SECTION("over three blocks") {
    const Row row = d.between(2, 0x810, 0x300, 1)
                        .item(1, d.block, 0x800, blocks)
                        .item(1, d.integer, 0x108, Bytes().i32(1).i32(2))
                        .item(1, d.integer, 0x200, Bytes().i32(3).i32(4).i32(5).i32(6))
                        .item(1, d.integer, 0x300, Bytes().i32(7));
    const Shown shown = show(d.types.table(), d.deque, row);
    CHECK(shown.value == json("[1,2,3,4,5,6,7]"));
    CHECK(shown.unavailable.empty());
  }
  SECTION("whole blocks") {
    const Row row = d.between(2, 0x800, 0x100, 4)
                        .item(1, d.block, 0x800, blocks)
                        .item(1, d.integer, 0x100, Bytes().i32(9).i32(9).i32(1).i32(2));
    CHECK(show(d.types.table(), d.deque, row).value == json("[1,2]"));
  }
  SECTION("empty, also one that was never filled") {
    CHECK(show(d.types.table(), d.deque, d.between(1, 0x800, 0x100, 1)).value == json("[]"));
    const Row row = entry_row().root(0, d.deque, Bytes().pad_to(80), kObject);
    CHECK(show(d.types.table(), d.deque, row).value == json("[]"));
  }
  SECTION("the limit of elements, within a block and between two") {
    Row row = d.between(0, 0x810, 0x300, 1)
                  .cut(1, d.block, 0x800, Bytes().u64(0x100).u64(0x200), 24, ItemStatus::kElementLimit)
                  .item(1, d.integer, 0x100, Bytes().i32(1).i32(2).i32(3).i32(4));
    SECTION("within") {
      row.cut(1, d.integer, 0x200, Bytes().i32(5), 16, ItemStatus::kElementLimit);
      const Shown shown = show(d.types.table(), d.deque, row, {.elements = 5});
      CHECK(shown.value == json("[1,2,3,4,5]"));
      CHECK(shown.unavailable == UnavailableMap{{"v", "element_limit 5 of 9"}});
    }
    SECTION("between") {
      const Shown shown = show(d.types.table(), d.deque, row, {.elements = 4});
      CHECK(shown.value == json("[1,2,3,4]"));
      CHECK(shown.unavailable == UnavailableMap{{"v", "element_limit 4 of 9"}});
    }
    SECTION("a block that could not be read") {
      row.cut(1, d.integer, 0x200, Bytes(), 16, ItemStatus::kNotResident);
      CHECK(show(d.types.table(), d.deque, row).unavailable == UnavailableMap{{"v", "not_resident 4 of 9"}});
    }
    SECTION("a block that is not there, and nothing says why") {
      CHECK(show(d.types.table(), d.deque, row).unavailable == UnavailableMap{{"v", "byte_limit 4 of 9"}});
    }
  }
  SECTION("no block pointers") {
    CHECK(show(d.types.table(), d.deque, d.between(0, 0x810, 0x300, 1), {.depth = 0}).unavailable ==
          UnavailableMap{{"v", "depth_limit"}});
    const Row row =
        d.between(0, 0x810, 0x300, 1).cut(1, d.block, 0x800, Bytes(), 24, ItemStatus::kBadAddress);
    CHECK(show(d.types.table(), d.deque, row).unavailable == UnavailableMap{{"v", "bad_address"}});
  }
  SECTION("iterators that contradict each other") {
    for (const Row& row : {d.between(2, 0x7f8, 0x300, 1), d.between(5, 0x810, 0x300, 1),
                           d.between(2, 0x801, 0x300, 1), d.between(3, 0x800, 0x100, 1)}) {
      const Shown shown = show(d.types.table(), d.deque, row);
      CHECK(shown.value.is_null());
      CHECK(shown.unavailable == UnavailableMap{{"v", "bad_address"}});
    }
  }
}

TEST_CASE("deques by numbers") {
  const Deque d(false);
  const Row row = d.numbered(6, 3)
                      .item(1, d.block, 0x808, Bytes().u64(0x200).u64(0x300))
                      .item(1, d.integer, 0x208, Bytes().i32(1).i32(2))
                      .item(1, d.integer, 0x300, Bytes().i32(3));
  CHECK(show(d.types.table(), d.deque, row).value == json("[1,2,3]"));
  CHECK(show(d.types.table(), d.deque, d.numbered(6, 0)).value == json("[]"));
  CHECK(show(d.types.table(), d.deque, d.numbered(~0ull, ~0ull)).value.is_null());
}

TEST_CASE("bitset: most significant bit first") {
  Types types;
  const TypeId b = types.structure("std::bitset<11>", 8, {});
  types.at(b).container = Container::kBits;
  types.at(b).count = 11;
  CHECK(show(types.table(), b, entry_row().root(0, b, Bytes().u64(0b100'0000'0110))).value == "10000000110");
  const Shown cut =
      show(types.table(), b, entry_row().cut_root(0, b, Bytes().u8(1), 8, ItemStatus::kByteLimit));
  CHECK(cut.value.is_null());
  CHECK(cut.unavailable == UnavailableMap{{"v", "byte_limit"}});
  types.at(b).count = 0;
  CHECK(show(types.table(), b, entry_row().root(0, b, Bytes().u64(1))).value == "");
}

TEST_CASE("vector<bool>") {
  Types types;
  const TypeId word = types.integer("unsigned long", 8, false);
  const TypeId v = types.structure("std::vector<bool>", 40, {});
  schema::Type& type = types.at(v);
  type.container = Container::kBitVector;
  type.target = word;
  SECTION("by the last word") {
    type.offset_b = 16;
    type.layout = {1, 24};
    const auto at = [&](std::uint64_t begin, std::uint64_t last, std::uint32_t bits) {
      return entry_row().root(0, v, Bytes().u64(begin).u64(0).u64(last).u32(bits).u32(0).u64(0), kObject);
    };
    CHECK(show(types.table(), v, at(0x100, 0x100, 3).item(1, word, 0x100, Bytes().u64(0b101))).value ==
          json("[true,false,true]"));
    const Shown more =
        show(types.table(), v, at(0x100, 0x108, 1).item(1, word, 0x100, Bytes().u64(0).u64(1)));
    CHECK(more.value.as_array().size() == 65);
    CHECK(more.value.at(64) == true);
    const Shown cut =
        show(types.table(), v,
             at(0x100, 0x108, 1).cut(1, word, 0x100, Bytes().u64(0), 16, ItemStatus::kElementLimit));
    CHECK(cut.value.as_array().size() == 64);
    CHECK(cut.unavailable == UnavailableMap{{"v", "element_limit 64 of 65"}});
    CHECK(show(types.table(), v, at(0, 0, 0)).value == json("[]"));
    CHECK(show(types.table(), v, at(0x108, 0x100, 0)).unavailable == UnavailableMap{{"v", "bad_address"}});
    CHECK(show(types.table(), v, at(0x100, 0x100, 64)).unavailable == UnavailableMap{{"v", "bad_address"}});
    CHECK(show(types.table(), v, at(0x100, 0x100, 3), {.depth = 0}).unavailable ==
          UnavailableMap{{"v", "depth_limit"}});
  }
  SECTION("by the number of bits") {
    type.offset_b = 8;
    type.layout = {0, 0};
    const Row row = entry_row().root(0, v, Bytes().u64(0x100).u64(2).pad_to(40), kObject);
    CHECK(show(types.table(), v, Row(row).item(1, word, 0x100, Bytes().u64(0b10))).value ==
          json("[false,true]"));
  }
}

TEST_CASE("span and initializer_list: a pointer and a count") {
  Types types;
  const TypeId integer = types.integer("int", 4, true);
  const TypeId s = types.structure("std::span<int>", 16, {});
  types.at(s).container = Container::kCounted;
  types.at(s).target = integer;
  types.at(s).offset_b = 8;
  const auto at = [&](std::uint64_t data, std::uint64_t count) {
    return entry_row().root(0, s, Bytes().u64(data).u64(count));
  };
  CHECK(show(types.table(), s, at(0x100, 2).item(1, integer, 0x100, Bytes().i32(1).i32(2))).value ==
        json("[1,2]"));
  CHECK(show(types.table(), s, at(0, 0)).value == json("[]"));
  CHECK(show(types.table(), s, at(0, 5)).unavailable == UnavailableMap{{"v", "bad_address"}});
  const Shown cut = show(types.table(), s,
                         at(0x100, 9).cut(1, integer, 0x100, Bytes().i32(1), 36, ItemStatus::kElementLimit));
  CHECK(cut.unavailable == UnavailableMap{{"v", "element_limit 1 of 9"}});
  const Shown absurd =
      show(types.table(), s,
           at(0x100, 1ull << 62).cut(1, integer, 0x100, Bytes(), 0, ItemStatus::kNegativeLength));
  CHECK(absurd.unavailable == UnavailableMap{{"v", "bad_address"}});
}

TEST_CASE("a map that is kept as a vector") {
  Types types;
  const TypeId integer = types.integer("int", 4, true);
  const TypeId pair =
      types.structure("pair", 8, {test::member("first", integer, 0), test::member("second", integer, 4)});
  const TypeId v = types.vector(pair);
  types.at(v).is_map = true;
  const Row base = entry_row().root(0, v, Bytes().u64(0x100).u64(0x110).u64(0x110), kObject);
  CHECK(show(types.table(), v, Row(base).item(1, pair, 0x100, Bytes().i32(1).i32(2).i32(3).i32(4))).value ==
        json(R"({"1":2,"3":4})"));
  const Shown cut = show(types.table(), v,
                         Row(base).cut(1, pair, 0x100, Bytes().i32(1).i32(2), 16, ItemStatus::kElementLimit));
  CHECK(cut.value == json(R"({"1":2})"));
  CHECK(cut.unavailable == UnavailableMap{{"v", "element_limit 1 of 2"}});
}

TEST_CASE("an array's pointers are followed up to the limit of elements") {
  Types types;
  const TypeId integer = types.integer("int", 4, true), p = types.pointer(integer), a = types.array(p, 3);
  const Row row = entry_row()
                      .root(0, a, Bytes().u64(0x100).u64(0x104).u64(0x108))
                      .item(1, integer, 0x100, Bytes().i32(1))
                      .item(1, integer, 0x104, Bytes().i32(2));
  const Shown shown = show(types.table(), a, row, {.elements = 2});
  CHECK(shown.value == json(R"([1,2,{"$ptr":"0x108"}])"));
  CHECK(shown.unavailable == UnavailableMap{{"v[2]", "element_limit"}});
}
