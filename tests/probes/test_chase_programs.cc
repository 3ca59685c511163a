// What is followed of a value of each shape: type tables made by hand, the
// programs as text.
#include "probes/chase_programs.h"
#include "probes/plan_dump.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace backsight;
using namespace backsight::probes;
using schema::Container;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr std::uint64_t kNoOffset = schema::layout::kNoOffset;

// Types that the tests share, in front of their own.
enum : std::uint32_t { kLong, kLetter, kText, kPoint, kPointAt, kWords, kFirst };

Type plain(TypeKind kind, std::string name, std::uint64_t size, TypeId target = schema::kNoType) {
  Type type;
  type.kind = kind;
  type.name = std::move(name);
  type.size_bytes = size;
  type.target = target;
  return type;
}

Type structure(std::string name, std::uint64_t size,
               const std::vector<std::pair<std::uint32_t, std::uint64_t>>& members) {
  Type type = plain(TypeKind::kStruct, std::move(name), size);
  for (const auto& [member_type, offset] : members) {
    Member member;
    member.name = "m";
    member.type = {member_type};
    member.offset_bytes = offset;
    type.members.push_back(member);
  }
  return type;
}

Type container(Container shape, std::uint64_t size, std::uint32_t a, std::uint32_t b, TypeId target,
               std::vector<std::uint64_t> layout = {},
               const std::vector<std::pair<std::uint32_t, std::uint64_t>>& members = {}) {
  Type type = structure("C", size, members);
  type.container = shape;
  type.offset_a = a;
  type.offset_b = b;
  type.target = target;
  type.layout = std::move(layout);
  return type;
}

// The program of the last of the types, an operation a line.
std::string program(const std::vector<Type>& own, const FollowedMembers& followed = {}) {
  CompiledPlan plan;
  auto& types = plan.plan.types;
  types = {plain(TypeKind::kInteger, "long", 8),
           plain(TypeKind::kChar, "char", 1),
           plain(TypeKind::kPointer, "char*", 8, {kLetter}),
           structure("Point", 24, {{kText, 16}}),
           plain(TypeKind::kPointer, "Point*", 8, {kPoint}),
           plain(TypeKind::kInteger, "word", 8)};
  types.insert(types.end(), own.begin(), own.end());
  for (const Type& type : types) plan.types.push_back({static_cast<__u32>(type.size_bytes), 0, 0, 0});
  compile_chase_programs(plan, followed);
  std::string text;
  if (plan.types.back().chase_pc == kNoProgram) return "none";
  for (std::uint32_t pc = plan.types.back().chase_pc; plan.ops.at(pc).code != BS_OP_NEXT; ++pc)
    text += (text.empty() ? "" : "; ") + dump_operation(plan.plan, plan.ops[pc]);
  return text;
}

// In a struct of its own, 8 bytes from its beginning.
std::string program_inside(Type type) {
  const std::uint64_t size = type.size_bytes + 8;
  return program({std::move(type), structure("Outer", size, {{kFirst, 8}})});
}

}  // namespace

TEST_CASE("texts and sequences are followed from where they are") {
  CHECK(program_inside(container(Container::kString, 32, 0, 8, {kLetter})) ==
        "chase_counted at 8, length at 16 -> #1 char, 1 bytes each, string");
  CHECK(program_inside(container(Container::kFlaggedString, 24, 16, 8, {kLetter}, {0, 1, 1, 0, 1, 127, 1})) ==
        "chase_if (1 bytes at 8 & 1) == 1, else skip 1; "
        "chase_counted at 24, length at 16 -> #1 char, 1 bytes each, string");
  CHECK(program_inside(container(Container::kVector, 24, 0, 8, {kPoint})) ==
        "chase_span at 8..16 -> #3 Point, 24 bytes each");
  CHECK(program_inside(container(Container::kCounted, 16, 0, 8, {kPoint})) ==
        "chase_counted at 8, length at 16 -> #3 Point, 24 bytes each");
  CHECK(program_inside(container(Container::kBitVector, 40, 0, 16, {kWords}, {1, 24})) ==
        "chase_bits at 8..24, bits at 32 -> #5 word");
  CHECK(program_inside(container(Container::kBitVector, 24, 0, 8, {kWords}, {0, 0})) ==
        "chase_bits at 8, count at 16 -> #5 word");
  // The number of bits is not where the operation looks for it.
  CHECK(program_inside(container(Container::kBitVector, 40, 0, 16, {kWords}, {1, 28})) == "none");
}

TEST_CASE("linked containers are walked by their own offsets") {
  CHECK(program_inside(container(Container::kList, 24, 0, 16, {kPoint}, {0, 0})) ==
        "chase_list at 8 -> #3 Point, 24 bytes each, next at 0, ends at +8");
  CHECK(program_inside(container(Container::kList, 56, 16, 24, {kPoint}, {8, kNoOffset})) ==
        "chase_list at 24 -> #3 Point, 24 bytes each, next at 8");
  CHECK(program_inside(container(Container::kTree, 48, 24, 40, {kPoint}, {8, 16, 0})) ==
        "chase_tree at 32, count at 48 -> #3 Point, 24 bytes each, parent, left, right at 8, 16, 0");
  CHECK(program_inside(container(Container::kDeque, 80, 16, 48, {kPoint}, {1, 21}, {{kPointAt, 0}})) ==
        "chase_blocks at 24 and 56 -> blocks #4 Point* of 21 #3 Point, 24 bytes each");
  CHECK(program_inside(container(Container::kDeque, 48, 8, 32, {kPoint}, {0, 170}, {{kPointAt, 0}})) ==
        "chase_blocks at 16, numbers at 40 -> blocks #4 Point* of 170 #3 Point, 24 bytes each");
}

TEST_CASE("of a node, the value alone is followed") {
  const Type node = structure("Node", 24, {{kText, 16}, {kPointAt, 0}});
  const Type list = container(Container::kList, 24, 0, 16, {kFirst}, {0, 0});
  CHECK(program({node}) == "chase_cstr at 16 -> #1 char; chase_ptr at 0 -> #3 Point, 24 bytes");
  CHECK(program({node, list, structure("Same", 24, {{kFirst, 0}})}) == "chase_cstr at 16 -> #1 char");
}

TEST_CASE("what may be there is followed where it is there") {
  CHECK(program_inside(container(Container::kOptional, 16, 8, 0, schema::kNoType, {}, {{kText, 0}})) ==
        "chase_if (1 bytes at 16 & 255) == 1, else skip 1; chase_cstr at 8 -> #1 char");
  CHECK(program_inside(container(Container::kOptional, 16, 8, 0, schema::kNoType, {}, {{kLong, 0}})) ==
        "none");
  CHECK(program_inside(container(Container::kVariant, 16, 8, 4, schema::kNoType, {},
                                 {{kText, 0}, {kLong, 0}, {kPointAt, 0}})) ==
        "chase_if (4 bytes at 16 & 4294967295) == 0, else skip 1; chase_cstr at 8 -> #1 char; "
        "chase_if (4 bytes at 16 & 4294967295) == 2, else skip 1; chase_ptr at 8 -> #3 Point, 24 bytes");
  const Type inner = container(Container::kOptional, 16, 8, 0, schema::kNoType, {}, {{kText, 0}});
  const Type outer = container(Container::kOptional, 24, 16, 0, schema::kNoType, {}, {{kFirst, 0}});
  CHECK(program({inner, outer}) ==
        "chase_if (1 bytes at 16 & 255) == 1, else skip 2; "
        "chase_if (1 bytes at 8 & 255) == 1, else skip 1; chase_cstr at 0 -> #1 char");
  // Which member of a union is alive, nobody knows.
  Type either = structure("Either", 8, {{kText, 0}, {kPointAt, 0}});
  either.kind = TypeKind::kUnion;
  CHECK(program({either}) == "none");
}

TEST_CASE("pointers that are objects, and what holds others") {
  CHECK(program_inside(container(Container::kSmartPointer, 8, 0, 0, {kPoint})) ==
        "chase_ptr at 8 -> #3 Point, 24 bytes");
  CHECK(program_inside(container(Container::kSmartPointer, 8, 0, 0, {kLetter})) ==
        "chase_ptr at 8 -> #1 char, 1 bytes");
  CHECK(program_inside(container(Container::kSmartPointer, 8, 0, 0, schema::kNoType)) == "none");
  CHECK(program_inside(container(Container::kWeakPointer, 16, 0, 0, {kPoint}, {0}, {{kPointAt, 8}})) ==
        "chase_ptr at 8 -> #3 Point, 24 bytes; chase_ptr at 16 -> #3 Point, 24 bytes");
  CHECK(program_inside(container(Container::kTransparent, 16, 0, 0, schema::kNoType, {},
                                 {{kText, 8}, {kText, 0}})) == "chase_cstr at 16 -> #1 char");
  CHECK(
      program_inside(container(Container::kTuple, 16, 0, 0, schema::kNoType, {}, {{kText, 8}, {kText, 0}})) ==
      "chase_cstr at 16 -> #1 char; chase_cstr at 8 -> #1 char");
  CHECK(program_inside(container(Container::kCallable, 16, 0, 8, schema::kNoType, {8})) == "none");
  CHECK(program_inside(container(Container::kCallable, 16, 0, 0, schema::kNoType, {8}, {{kPointAt, 8}})) ==
        "chase_ptr at 16 -> #3 Point, 24 bytes");
  for (const Container shape : {Container::kAny, Container::kMutex, Container::kBits, Container::kDuration,
                                Container::kTimePoint, Container::kCallableObject})
    CHECK(program_inside(container(shape, 16, 0, 8, {kPoint}, {8, 8}, {{kText, 0}})) == "none");
}

TEST_CASE("objects of polymorphic classes are followed as what they are, but for projections of them") {
  Type shape = structure("Shape", 16, {});
  shape.is_polymorphic = true;
  shape.dynamic = {kFirst + 1};
  const std::vector<Type> types = {shape, plain(TypeKind::kDynamicLink, "link", 16, {kFirst}),
                                   plain(TypeKind::kReference, "Shape&", 8, {kFirst})};
  CHECK(program(types) == "chase_dynamic at 0 -> #6 Shape, 16 bytes, link #7 link");
  std::vector<Type> owner = types;
  owner.push_back(container(Container::kSmartPointer, 8, 0, 0, {kFirst}));
  CHECK(program(owner) == "chase_dynamic at 0 -> #6 Shape, 16 bytes, link #7 link");
  CHECK(program(types, {{kFirst, Member{"m", {kLong}}}}) == "chase_ptr at 0 -> #6 Shape, 16 bytes");
}

TEST_CASE("what an item or an operation cannot hold is not followed") {
  const Type large = structure("Large", BS_MAX_OBJECT + 8, {{kText, 0}});
  CHECK(program({large, container(Container::kVector, 24, 0, 8, {kFirst})}) == "none");
  CHECK(program({large, container(Container::kList, 24, 0, 16, {kFirst}, {0, 0})}) == "none");
  CHECK(program({large, container(Container::kDeque, 80, 16, 48, {kFirst}, {1, 1}, {{kPointAt, 0}})}) ==
        "none");
  CHECK(program({large, plain(TypeKind::kPointer, "Large*", 8, {kFirst})}) ==
        "chase_ptr at 0 -> #6 Large, 8192 bytes");
  CHECK(program({structure("Far", 70'000, {{kText, 65'536}})}) == "none");
  CHECK(program_inside(container(Container::kList, 24, 0, 16, {kPoint}, {17, 0})) == "none");
  CHECK(program_inside(container(Container::kTree, 48, 24, 40, {kPoint}, {8, 17, 0})) == "none");
  CHECK(program_inside(container(Container::kList, 24, 0, 16, {kPoint})) == "none");  // no layout
  CHECK(program({plain(TypeKind::kChar, "wchar_t", 4), plain(TypeKind::kPointer, "wchar_t*", 8, {kFirst})}) ==
        "none");
}
