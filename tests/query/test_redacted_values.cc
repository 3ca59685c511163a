// Types whose bytes are not in the recording: null with the reason, wherever they are,
// and never the zeros that stand there.
#include "tests/query/shown.h"

#include <catch2/catch.hpp>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::Container;
using schema::TypeId;
using schema::TypeKind;
using test::Bytes;
using test::entry_row;
using test::json;
using test::member;
using test::show;
using test::Shown;
using test::Types;

namespace {

struct Fixture {
  Types types;
  TypeId number = types.integer("int", 4, true);
  TypeId secret = types.scalar(TypeKind::kRedacted, "shop::Secret", 4);

  Shown root(TypeId id, const Bytes& bytes) const {
    return show(types.table(), id, entry_row().root(0, id, bytes, 0x9000));
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "redacted members are null, the others are there") {
  auto hidden_bits = member("bits", secret, 8);
  hidden_bits.bit_size = 3;
  const TypeId object = types.structure(
      "Order", 16,
      {member("id", number, 0), member("pin", secret, 4), hidden_bits, member("last", number, 12)});
  const Shown shown = root(object, Bytes().i32(7).u64(0).i32(9));
  CHECK(shown.value == json(R"({"id":7,"pin":null,"bits":null,"last":9})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.pin", "redacted"}, {"v.bits", "redacted"}});
}

TEST_CASE_METHOD(Fixture, "redacted bases and anonymous members") {
  const TypeId object = types.structure(
      "Order", 12, {test::base("Base", secret, 0), member("", secret, 4), member("id", number, 8)});
  const Shown shown = root(object, Bytes().u64(0).i32(7));
  CHECK(shown.value == json(R"({"Base::":null,"id":7})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.Base::", "redacted"}, {"v.(anonymous)", "redacted"}});
}

TEST_CASE_METHOD(Fixture, "what leads to something redacted") {
  const UnavailableMap hidden = {{"v", "redacted"}};
  const TypeId pointer = types.pointer(secret), vector = types.vector(secret);
  CHECK(root(pointer, Bytes().u64(0x4000)).unavailable == hidden);
  CHECK(root(pointer, Bytes().u64(0x4000)).value.is_null());
  CHECK(root(pointer, Bytes().u64(0)).unavailable.empty());
  CHECK(root(vector, Bytes().u64(0x4000).u64(0x4008).u64(0x4008)).unavailable == hidden);
  CHECK(root(vector, Bytes().u64(0x4000).u64(0x4000).u64(0x4008)).value == json("[]"));
  const TypeId smart = types.structure("std::unique_ptr<shop::Secret>", 8, {});
  types.at(smart).container = Container::kSmartPointer;
  types.at(smart).target = secret;
  CHECK(root(smart, Bytes().u64(0x4000)).unavailable == hidden);
}

TEST_CASE_METHOD(Fixture, "containers of one value, and alternatives") {
  const TypeId optional = types.structure("std::optional<shop::Secret>", 8, {member("", secret, 0)});
  types.at(optional).container = Container::kOptional;
  types.at(optional).offset_a = 4;
  CHECK(root(optional, Bytes().u32(0).u32(1)).unavailable == UnavailableMap{{"v", "redacted"}});
  CHECK(root(optional, Bytes().u32(0).u32(0)).unavailable.empty());
  const TypeId variant = types.structure("variant", 8, {member("", number, 0), member("", secret, 0)});
  types.at(variant).container = Container::kVariant;
  types.at(variant).offset_a = 4;
  types.at(variant).offset_b = 1;
  const Shown shown = root(variant, Bytes().u32(0).u32(1));
  CHECK(shown.value == json(R"({"$alt":"shop::Secret","value":null})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.value", "redacted"}});
}

TEST_CASE_METHOD(Fixture, "elements: each of an array, and what a range is projected to") {
  const TypeId item = types.structure("Item", 8, {member("sku", number, 0), member("pin", secret, 4)});
  const Shown shown = root(types.array(item, 2), Bytes().i32(1).i32(0).i32(2).i32(0));
  CHECK(shown.value == json(R"([{"sku":1,"pin":null},{"sku":2,"pin":null}])"));
  CHECK(shown.unavailable == UnavailableMap{{"v[0].pin", "redacted"}, {"v[1].pin", "redacted"}});
}
