// Types of every shape in a stored plan: what is kept, what is refused, and that
// plans written before there were shapes read as they did.
#include "schema/codec.h"
#include "tests/schema/old_plan.h"
#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <string_view>

namespace backsight::schema {
namespace {

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// Type 0: the shape; 1: what it holds; 2: its link.
Plan shaped(Container container, std::size_t fields, std::size_t members) {
  Plan plan;
  plan.types.resize(3);
  Type& type = plan.types[0];
  type.kind = TypeKind::kStruct;
  type.container = container;
  type.target = {1};
  type.offset_a = 8;
  type.offset_b = 16;
  for (std::size_t i = 0; i < fields; ++i) type.layout.push_back(i == 0 ? layout::kNoOffset : ~0ull - i);
  for (std::size_t i = 0; i < members; ++i) type.members.push_back({"m", {1}, 4, 0, 0, false});
  plan.types[1].kind = TypeKind::kComplex;
  plan.types[2].kind = TypeKind::kDynamicLink;
  return plan;
}

void check_refused(const Plan& bad, const std::string& why) {
  const auto decoded = decode_plan(encode(bad));
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::kCorrupt);
  CHECK(decoded.error().message.find(why) != std::string::npos);
}

struct Shape {
  Container container;
  std::size_t fields, members;  // that a reader relies on
};
constexpr Shape kShapes[] = {
    {Container::kString, 0, 0},    {Container::kVector, 0, 0},       {Container::kFlaggedString, 7, 0},
    {Container::kCounted, 0, 0},   {Container::kBits, 0, 0},         {Container::kBitVector, 2, 0},
    {Container::kList, 2, 0},      {Container::kTree, 3, 0},         {Container::kDeque, 2, 1},
    {Container::kTuple, 0, 0},     {Container::kOptional, 0, 1},     {Container::kVariant, 0, 0},
    {Container::kAny, 0, 0},       {Container::kSmartPointer, 0, 0}, {Container::kWeakPointer, 1, 1},
    {Container::kCallable, 1, 0},  {Container::kTransparent, 0, 1},  {Container::kDuration, 2, 1},
    {Container::kTimePoint, 1, 1}, {Container::kMutex, 0, 0},        {Container::kCallableObject, 0, 0},
};

}  // namespace

TEST_CASE("a plan from before the shapes reads as it did, and keeps its id") {
  const auto bytes = from_hex(test::kOldPlan);
  CHECK(plan_id(bytes).value == test::kOldPlanId);
  const auto plan = decode_plan(bytes);
  REQUIRE(plan);
  CHECK(plan->function == "shop::Checkout::reserve");
  REQUIRE(plan->types.size() == 5);
  CHECK(plan->types[0].members.size() == 3);
  CHECK(plan->types[2].enumerators == std::vector<Enumerator>{{"kNew", 0}, {"kOld", -5}});
  CHECK(plan->types[3].container == Container::kVector);
  CHECK(plan->types[3].offset_b == 8);
  CHECK(plan->types[4].count == 7);
  for (const Type& type : plan->types) {
    CHECK(type.layout.empty());
    CHECK_FALSE(type.is_map);
    CHECK_FALSE(type.is_polymorphic);
    CHECK(type.dynamic == kNoType);
  }
  CHECK(encode(*plan) == bytes);
  CHECK(plan_id(*plan).value == test::kOldPlanId);
}

TEST_CASE("every shape reads back as it was written") {
  for (const Shape& shape : kShapes) {
    CAPTURE(static_cast<int>(shape.container));
    Plan plan = shaped(shape.container, shape.fields, shape.members);
    plan.types[0].is_map = true;
    plan.types[0].is_polymorphic = true;
    plan.types[0].dynamic = {2};
    CHECK(decode_plan(encode(plan)).value() == plan);
  }
}

TEST_CASE("a plan of many shapes can be read") {
  Plan plan = shaped(Container::kTree, 16, 0);
  plan.types.resize(2000, plan.types[0]);
  CHECK(decode_plan(encode(plan)).value() == plan);
}

TEST_CASE("a shape without what its readers rely on is refused") {
  for (const Shape& shape : kShapes) {
    CAPTURE(static_cast<int>(shape.container));
    if (shape.fields > 0)
      check_refused(shaped(shape.container, shape.fields - 1, shape.members), "without its layout");
    if (shape.members > 0)
      check_refused(shaped(shape.container, shape.fields, shape.members - 1), "without its layout");
  }
}

TEST_CASE("bounds of layouts and links") {
  Plan plan = shaped(Container::kList, 16, 0);
  CHECK(decode_plan(encode(plan)).has_value());
  plan.types[0].layout.push_back(1);
  check_refused(plan, "layout of 17 fields");
  plan = shaped(Container::kNone, 0, 0);
  plan.types[0].dynamic = {3};
  check_refused(plan, "dynamic type");
  plan = shaped(Container::kNone, 0, 0);
  plan.types[0].kind = static_cast<TypeKind>(static_cast<int>(TypeKind::kRedacted) + 1);
  check_refused(plan, "unknown type kind");
  plan = shaped(static_cast<Container>(static_cast<int>(Container::kCallableObject) + 1), 0, 0);
  check_refused(plan, "unknown container");
}

TEST_CASE("every field of a shape is part of a plan's id") {
  const PlanId id = plan_id(shaped(Container::kList, 2, 1));
  for (int field = 0; field < 4; ++field) {
    Plan other = shaped(Container::kList, 2, 1);
    if (field == 0) other.types[0].layout[1] ^= 1;
    if (field == 1) other.types[0].is_map = true;
    if (field == 2) other.types[0].dynamic = {0};
    if (field == 3) other.types[0].is_polymorphic = true;
    CHECK(plan_id(other) != id);
  }
}

}  // namespace backsight::schema
