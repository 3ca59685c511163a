// Plans and rows that were tampered with: whatever they say, showing them ends
// and stays inside the bytes (run under the address sanitizer too). Seeded, so
// that a failure can be repeated.
#include "query/value_decoder.h"
#include "tests/query/sample.h"

#include <catch2/catch.hpp>

#include <random>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::Container;
using schema::TypeId;
using schema::TypeKind;
using test::Bytes;
using test::Row;
using test::Types;

namespace {

// One value of every shape, all small.
struct Zoo {
  Types types;
  std::vector<TypeId> captures;
  Row row{schema::EventKind::kEntry, 1, 1, 1, 1, 0x7000};

  TypeId shape(Container container, std::uint64_t size, TypeId target, std::vector<schema::Member> members,
               std::uint32_t a = 0, std::uint32_t b = 0, std::vector<std::uint64_t> layout = {}) {
    const TypeId id = types.structure("std::map<int>", size, std::move(members));
    schema::Type& type = types.at(id);
    type.container = container;
    type.target = target;
    type.offset_a = a;
    type.offset_b = b;
    type.layout = std::move(layout);
    return id;
  }
  void show(TypeId id, const Bytes& bytes) {
    row.root(static_cast<std::uint16_t>(captures.size()), id, bytes, 0x9000 + captures.size() * 0x100);
    captures.push_back(id);
  }

  Zoo() {
    const TypeId i = types.integer("int", 4, true), c = types.scalar(TypeKind::kChar, "char", 1);
    const TypeId wide = types.integer("wchar_t", 4, true), word = types.integer("unsigned long", 8, false);
    const TypeId pair =
        types.structure("pair", 8, {test::member("first", i, 0), test::member("second", i, 4)});
    const TypeId node = types.structure("node", 40, {test::member("v", pair, 32)});
    const TypeId block = types.pointer(i), code = types.pointer(types.scalar(TypeKind::kFunction, "f", 0));
    const TypeId base = types.structure("Base", 16, {test::member("id", i, 8)});
    const TypeId derived =
        types.structure("Derived", 24, {test::base("Base", base, 0), test::member("x", i, 16)});
    const TypeId link = types.scalar(TypeKind::kDynamicLink, "", 16);
    types.at(base).dynamic = link;
    types.at(base).is_polymorphic = types.at(derived).is_polymorphic = true;
    const TypeId counts = types.structure("counts", 16, {test::member("use", i, 8)});
    const TypeId counts_pointer = types.pointer(counts);

    const TypeId kept = shape(Container::kCallableObject, 16, schema::kNoType, {}, 0, 8);
    show(types.string(c), Bytes().u64(0x500).u64(4).pad_to(32));
    show(types.string(wide), Bytes().u64(0x540).u64(2).pad_to(32));
    show(shape(Container::kFlaggedString, 24, c, {}, 16, 8, {0, 1, 1, 0, 1, 0x7f, 1}),
         Bytes().u8(10).text("hello").pad_to(24));
    show(types.vector(i), Bytes().u64(0x100).u64(0x108).u64(0x108));
    show(shape(Container::kCounted, 16, i, {}, 0, 8), Bytes().u64(0x100).u64(2));
    const TypeId bits = shape(Container::kBits, 8, schema::kNoType, {});
    types.at(bits).count = 11;
    show(bits, Bytes().u64(5));
    show(shape(Container::kBitVector, 32, word, {}, 0, 16, {1, 24}),
         Bytes().u64(0x580).u64(0).u64(0x580).u64(9));
    const TypeId list = shape(Container::kList, 24, node, {}, 0, 16, {0, 0});
    show(list, Bytes().u64(0x1000).u64(0).u64(3));
    const TypeId tree = shape(Container::kTree, 48, node, {}, 24, 40, {8, 16, 24});
    types.at(tree).is_map = true;
    show(tree, Bytes().u64(0).u64(0).u64(0x2100).u64(0x2000).u64(0).u64(3));
    show(shape(Container::kDeque, 80, i, {test::member("", block, 0)}, 16, 48, {1, 4}), Bytes()
                                                                                            .u64(0)
                                                                                            .u64(0)
                                                                                            .u64(0x108)
                                                                                            .u64(0x100)
                                                                                            .u64(0x110)
                                                                                            .u64(0x800)
                                                                                            .u64(0x204)
                                                                                            .u64(0x200)
                                                                                            .u64(0x210)
                                                                                            .u64(0x808));
    show(shape(Container::kTuple, 8, schema::kNoType, {test::member("", i, 0), test::member("", i, 4)}),
         Bytes().u64(7));
    show(shape(Container::kOptional, 8, schema::kNoType, {test::member("", i, 0)}, 4), Bytes().i32(1).i32(1));
    show(shape(Container::kVariant, 8, schema::kNoType, {test::member("", i, 0), test::member("", c, 0)}, 4,
               1),
         Bytes().i32(1).i32(1));
    show(shape(Container::kAny, 16, schema::kNoType, {}, 0, 8), Bytes().u64(0x600).u64(1));
    show(shape(Container::kSmartPointer, 16, base, {}), Bytes().u64(0x3000).u64(1));
    show(shape(Container::kWeakPointer, 16, base, {test::member("", counts_pointer, 8)}, 0, 0, {0}),
         Bytes().u64(0x3000).u64(0x3100));
    show(shape(Container::kCallable, 32, schema::kNoType, {}, 0, 16, {24}),
         Bytes().u64(0x601).u64(0).u64(0x602).u64(0x603));
    show(shape(Container::kCallable, 48, schema::kNoType, {test::member("", types.pointer(kept), 32)}, 0, 0,
               {schema::layout::kNoOffset}),
         Bytes().u64(0).u64(0).u64(0).u64(0).u64(0x3200).u64(0));
    const TypeId duration =
        shape(Container::kDuration, 8, schema::kNoType, {test::member("", word, 0)}, 0, 0, {1, 1000});
    show(shape(Container::kTimePoint, 8, schema::kNoType, {test::member("", duration, 0)}, 0, 0, {1}),
         Bytes().u64(77));
    show(shape(Container::kMutex, 16, schema::kNoType, {}, 0, 8), Bytes().u64(1).u64(2));
    show(types.scalar(TypeKind::kComplex, "", 16), Bytes().raw(1.0).raw(2.0));
    show(types.scalar(TypeKind::kMemberPointer, "", 16), Bytes().u64(9).u64(0));
    show(code, Bytes().u64(0x600));
    const TypeId u = types.structure("U", 8, {test::member("i", i, 0), test::member("p", block, 0)});
    types.at(u).kind = TypeKind::kUnion;
    show(types.array(u, 2), Bytes().u64(0x100).u64(7));
    show(types.pointer(base), Bytes().u64(0x3000));
    show(types.array(c, 8), Bytes().text("ab").pad_to(8));

    row.item(1, c, 0x500, Bytes().text("long")).item(1, wide, 0x540, Bytes().u32('o').u32('k'));
    row.item(1, i, 0x100, Bytes().i32(1).i32(2)).item(1, word, 0x580, Bytes().u64(3).u64(1));
    row.item(1, block, 0x800, Bytes().u64(0x100).u64(0x200)).item(1, i, 0x108, Bytes().i32(3).i32(4));
    row.item(1, i, 0x200, Bytes().i32(5));
    const auto add_node = [&](std::uint64_t at, std::uint64_t next, std::uint64_t up, std::uint64_t left,
                              std::uint64_t right) {
      row.item(1, node, at, Bytes().u64(next).u64(up).u64(left).u64(right).i32(static_cast<int>(at)).i32(2));
    };
    add_node(0x1000, 0x1100, 0, 0, 0);
    add_node(0x1100, 0x1200, 0, 0, 0);
    add_node(0x1200, 0x9700, 0, 0, 0);
    add_node(0x2000, 0, 0x2100, 0, 0);
    add_node(0x2100, 0, 0x9808, 0x2000, 0x2200);
    add_node(0x2200, 0, 0x2100, 0, 0);
    row.item(1, link, 0x3000, Bytes().u64(0x3000).u64(derived.value));
    row.item(1, derived, 0x3000, Bytes().u64(0).u64(1).u64(2)).item(1, base, 0x3000, Bytes().u64(0).u64(1));
    row.item(1, kept, 0x3200, Bytes().u64(0x601).u64(0x602));
    row.item(1, counts, 0x3100, Bytes().u64(0).u64(1));
  }

  schema::Plan plan() const {
    schema::Plan out;
    out.types = types.table();
    for (const TypeId id : captures) out.captures.push_back(test::capture("v", id, {"v"}));
    return out;
  }
};

using Random = std::mt19937_64;

std::uint64_t absurd(Random& random) {
  constexpr std::uint64_t kValues[] = {0, 1, 7, 8, 9, 0xff, 0xffffffff, 1ull << 32, 1ull << 63, ~0ull, ~7ull};
  return random() % 3 == 0   ? random()
         : random() % 2 == 0 ? random() % 64
                             : kValues[random() % std::size(kValues)];
}

void tamper_with_type(schema::Plan& plan, Random& random) {
  schema::Type& type = plan.types[random() % plan.types.size()];
  const TypeId other{static_cast<std::uint32_t>(random() % (plan.types.size() + 2))};
  switch (random() % 12) {
    case 0:
      type.kind = static_cast<TypeKind>(random() % 17);
      break;
    case 1:
      type.container = static_cast<Container>(random() % 21);
      break;
    case 2:
      type.size_bytes = absurd(random);
      break;
    case 3:
      type.target = other;
      break;
    case 4:
      type.count = absurd(random);
      break;
    case 5:
      type.offset_a = static_cast<std::uint32_t>(absurd(random));
      break;
    case 6:
      type.offset_b = static_cast<std::uint32_t>(absurd(random));
      break;
    case 7:
      type.layout.resize(random() % 9);
      break;
    case 8:
      if (!type.layout.empty()) type.layout[random() % type.layout.size()] = absurd(random);
      break;
    case 9:
      if (!type.members.empty()) type.members[random() % type.members.size()].type = other;
      break;
    case 10:
      if (!type.members.empty()) type.members[random() % type.members.size()].offset_bytes = absurd(random);
      break;
    default:
      if (!type.members.empty()) type.members.pop_back();
      type.dynamic = other;
      type.is_map = !type.is_map;
  }
}

// Shows every capture; how many values there were.
std::size_t show_all(const std::vector<std::byte>& row, const schema::Plan& plan, bool repeat) {
  const auto event = schema::EventView::parse(row);
  if (!event) return 0;
  DecodeOptions options;
  options.repeat_objects = repeat;
  options.code_name = [](std::uint64_t address) -> std::optional<std::string> {
    if (address % 3 == 0) return std::nullopt;
    return address % 3 == 1 ? "std::_Function_handler<int (), int (*)()>::_M_invoke()"
                            : "std::any::_Manager_internal<int>::x";
  };
  UnavailableMap unavailable;
  ValueDecoder decoder(*event, plan, options, unavailable);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < plan.captures.size(); ++i)
    bytes += boost::json::serialize(decoder.capture(i, "v")).size();
  return bytes;
}

}  // namespace

TEST_CASE("the zoo itself is shown whole") {
  const Zoo zoo;
  const auto row = zoo.row.finish();
  const auto event = schema::EventView::parse(row).value();
  const schema::Plan plan = zoo.plan();
  for (std::size_t i = 0; i < plan.captures.size(); ++i) {
    UnavailableMap unavailable;
    ValueDecoder decoder(event, plan, {}, unavailable);
    const auto value = decoder.capture(i, "v");
    INFO(i << ": " << boost::json::serialize(value));
    const Container container = plan.types[plan.captures[i].type.value].container;
    const bool needs_names = container == Container::kAny;
    const bool is_union = plan.types[plan.captures[i].type.value].kind == TypeKind::kArray;
    const bool is_unnamed = plan.types[plan.captures[i].type.value].kind == TypeKind::kMemberPointer;
    if (!needs_names && !is_union && !is_unnamed) CHECK(unavailable.empty());
  }
}

TEST_CASE("types that were tampered with") {
  const Zoo zoo;
  const auto row = zoo.row.finish();
  Random random(20261122);
  for (int round = 0; round < 8'000; ++round) {
    schema::Plan plan = zoo.plan();
    for (std::uint64_t n = 1 + random() % 4; n > 0; --n) tamper_with_type(plan, random);
    INFO(round);
    CHECK(show_all(row, plan, round % 2 == 0) < 100'000'000);
  }
}

TEST_CASE("rows that were tampered with") {
  const Zoo zoo;
  const auto sound = zoo.row.finish();
  const schema::Plan plan = zoo.plan();
  Random random(20261123);
  std::size_t shown = 0;
  for (int round = 0; round < 8'000; ++round) {
    auto row = sound;
    for (std::uint64_t n = 1 + random() % 8; n > 0; --n) {
      const std::size_t at =
          sizeof(schema::EventHeader) + random() % (row.size() - sizeof(schema::EventHeader));
      row[at] = random() % 2 == 0 ? std::byte(random()) : row[random() % row.size()];
    }
    const std::size_t bytes = show_all(row, plan, round % 2 == 0);
    shown += bytes > 0;
    CHECK(bytes < 100'000'000);
  }
  CHECK(shown > 1'000);
}

TEST_CASE("both were tampered with") {
  const Zoo zoo;
  Random random(20261124);
  for (int round = 0; round < 4'000; ++round) {
    schema::Plan plan = zoo.plan();
    auto row = zoo.row.finish();
    for (int n = 0; n < 3; ++n) tamper_with_type(plan, random);
    for (int n = 0; n < 3; ++n)
      row[sizeof(schema::EventHeader) + random() % (row.size() - 56)] = std::byte(random());
    CHECK(show_all(row, plan, round % 2 == 0) < 100'000'000);
  }
}
