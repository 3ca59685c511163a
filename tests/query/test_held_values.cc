// What holds one value or none, text of every kind, times, locks, pointers to
// code and members, unions.
#include "query/code_names.h"
#include "query/ticks.h"
#include "tests/query/shown.h"

#include <catch2/catch.hpp>

#include <limits>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using schema::Container;
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

constexpr std::uint64_t kObject = 0x9000;

Shown shown_root(const Types& types, TypeId id, const Bytes& bytes, const test::ShowOptions& options = {}) {
  return show(types.table(), id, entry_row().root(0, id, bytes, kObject), options);
}

}  // namespace

TEST_CASE("tuple, optional, variant, transparent") {
  Types types;
  const TypeId i = types.integer("int", 4, true), f = types.scalar(TypeKind::kFloat, "double", 8);
  const auto holder = [&](Container container, std::vector<schema::Member> members) {
    const TypeId id = types.structure("holder", 16, std::move(members));
    types.at(id).container = container;
    return id;
  };
  SECTION("tuple") {
    const TypeId t = holder(Container::kTuple, {test::member("0", i, 8), test::member("1", f, 0)});
    CHECK(shown_root(types, t, Bytes().raw(0.5).i32(7).u32(0)).value == json("[7,0.5]"));
    const Shown cut =
        show(types.table(), t, entry_row().cut_root(0, t, Bytes().raw(0.5), 16, ItemStatus::kByteLimit));
    CHECK(cut.value == json("[null,0.5]"));
    CHECK(cut.unavailable == UnavailableMap{{"v[0]", "byte_limit"}});
  }
  SECTION("optional") {
    const TypeId o = holder(Container::kOptional, {test::member("value", i, 0)});
    types.at(o).offset_a = 4;
    CHECK(shown_root(types, o, Bytes().i32(7).u32(1).u64(0)).value == 7);
    const Shown none = shown_root(types, o, Bytes().i32(7).u32(0).u64(0));
    CHECK(none.value.is_null());
    CHECK(none.unavailable.empty());
    CHECK(shown_root(types, o, Bytes().i32(7).u32(2).u64(0)).unavailable ==
          UnavailableMap{{"v", "bad_address"}});
    const Shown cut =
        show(types.table(), o, entry_row().cut_root(0, o, Bytes().i32(7), 16, ItemStatus::kByteLimit));
    CHECK(cut.unavailable == UnavailableMap{{"v", "byte_limit"}});
  }
  SECTION("variant") {
    const TypeId v = holder(Container::kVariant, {test::member("", i, 0), test::member("", f, 0)});
    types.at(v).offset_a = 8;
    types.at(v).offset_b = 1;
    CHECK(shown_root(types, v, Bytes().i32(7).u32(0).u64(0)).value == json(R"({"$alt":"int","value":7})"));
    CHECK(shown_root(types, v, Bytes().raw(0.5).u64(1)).value == json(R"({"$alt":"double","value":0.5})"));
    CHECK(shown_root(types, v, Bytes().u64(0).u64(0xff)).value ==
          json(R"({"$alt":"valueless_by_exception","value":null})"));
    CHECK(shown_root(types, v, Bytes().u64(0).u64(2)).unavailable == UnavailableMap{{"v", "bad_address"}});
  }
  SECTION("transparent") {
    const TypeId t = holder(Container::kTransparent, {test::member("_M_i", i, 4)});
    CHECK(shown_root(types, t, Bytes().u32(0).i32(7).u64(0)).value == 7);
    const TypeId empty = holder(Container::kTransparent, {});
    CHECK(shown_root(types, empty, Bytes().u64(0).u64(0)).unavailable ==
          UnavailableMap{{"v", "unsupported_type"}});
  }
}

TEST_CASE("smart and weak pointers") {
  Types types;
  const TypeId i = types.integer("int", 4, true);
  const TypeId counts = types.structure("counts", 16, {test::member("use", i, 8)});
  const TypeId counts_pointer = types.pointer(counts);
  const TypeId p = types.structure("std::shared_ptr<int>", 16, {});
  types.at(p).container = Container::kSmartPointer;
  types.at(p).target = i;
  const TypeId w = types.structure("std::weak_ptr<int>", 16, {test::member("counts", counts_pointer, 8)});
  types.at(w).container = Container::kWeakPointer;
  types.at(w).target = i;
  types.at(w).layout = {0};
  const Bytes bytes = Bytes().u64(0x100).u64(0x200);
  SECTION("smart") {
    CHECK(show(types.table(), p, entry_row().root(0, p, bytes).item(1, i, 0x100, Bytes().i32(7))).value == 7);
    CHECK(shown_root(types, p, Bytes().u64(0).u64(0)).value.is_null());
    const Shown far = shown_root(types, p, bytes, {.depth = 0});
    CHECK(far.value == json(R"({"$ptr":"0x100"})"));
    CHECK(far.unavailable == UnavailableMap{{"v", "depth_limit"}});
  }
  SECTION("weak") {
    const auto with = [&](std::int32_t uses) {
      return entry_row()
          .root(0, w, bytes)
          .item(1, counts, 0x200, Bytes().u64(0).i32(uses).u32(5))
          .item(1, i, 0x100, Bytes().i32(7));
    };
    CHECK(show(types.table(), w, with(1)).value == 7);
    const Shown gone = show(types.table(), w, with(0));
    CHECK(gone.value.is_null());
    CHECK(gone.unavailable.empty());
    types.at(w).layout = {~0ull};  // as libc++ counts
    CHECK(show(types.table(), w, with(0)).value == 7);
    CHECK(show(types.table(), w, with(-1)).value.is_null());
    CHECK(shown_root(types, w, Bytes().u64(0).u64(0)).value.is_null());
  }
  SECTION("weak, and nobody knows whether the object is there") {
    const Row row = entry_row().root(0, w, bytes).item(1, i, 0x100, Bytes().i32(7));
    const Shown unknown = show(types.table(), w, row);
    CHECK(unknown.value == json(R"({"$ptr":"0x100"})"));
    CHECK(unknown.unavailable == UnavailableMap{{"v", "depth_limit"}});
    const Shown failed =
        show(types.table(), w, Row(row).cut(1, counts, 0x200, Bytes(), 16, ItemStatus::kBadAddress));
    CHECK(failed.unavailable == UnavailableMap{{"v", "bad_address"}});
  }
}

TEST_CASE("strings that keep a flag: short in place, long behind a pointer") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1);
  const TypeId s = types.structure("std::__1::string", 24, {});
  types.at(s).container = Container::kFlaggedString;
  types.at(s).target = c;
  types.at(s).offset_a = 16;
  types.at(s).offset_b = 8;
  types.at(s).layout = {0, 1, 1, 0, 1, 0x7f, 1};
  CHECK(shown_root(types, s, Bytes().u8(5 << 1).text("hello").pad_to(24)).value == "hello");
  CHECK(shown_root(types, s, Bytes().pad_to(24)).value == "");
  CHECK(shown_root(types, s, Bytes().u8(23 << 1).pad_to(24)).value.get_string().size() == 23);
  CHECK(shown_root(types, s, Bytes().u8(24 << 1).pad_to(24)).unavailable ==
        UnavailableMap{{"v", "bad_address"}});
  const Row row = entry_row().root(0, s, Bytes().u64(0x31).u64(4).u64(0x500), kObject);
  CHECK(show(types.table(), s, Row(row).item(1, c, 0x500, Bytes().text("long"))).value == "long");
  CHECK(show(types.table(), s, row, {.depth = 0}).unavailable == UnavailableMap{{"v", "depth_limit"}});
}

TEST_CASE("wide text is shown as UTF-8") {
  Types types;
  const TypeId c16 = types.integer("char16_t", 2, false), s16 = types.string(c16);
  const TypeId c32 = types.integer("wchar_t", 4, true), s32 = types.string(c32);
  const auto text16 = [&](std::u16string_view text, std::uint64_t length) {
    Bytes bytes;
    for (const char16_t c : text) bytes.u16(c);
    return show(types.table(), s16,
                entry_row()
                    .root(0, s16, Bytes().u64(0x500).u64(length).pad_to(32), kObject)
                    .cut(1, c16, 0x500, bytes, static_cast<std::uint32_t>(length * 2),
                         length > text.size() ? ItemStatus::kStringLimit : ItemStatus::kOk));
  };
  CHECK(text16(u"a\u00e9\u20ac\U0001F600", 5).value == "a\u00e9\u20ac\U0001F600");
  CHECK(text16(u"\xd800x", 2).value == json(R"({"$bytes":"00d87800"})"));
  CHECK(text16(u"\xdc00", 1).value == json(R"({"$bytes":"00dc"})"));
  const Shown cut = text16(u"ab\xd83d", 9);
  CHECK(cut.value == "ab");
  CHECK(cut.unavailable == UnavailableMap{{"v", "string_limit 2"}});
  // In place, as libstdc++ keeps short ones.
  CHECK(shown_root(types, s32, Bytes().u64(kObject + 16).u64(2).u32('h').u32(0x1F600)).value ==
        "h\U0001F600");
  CHECK(shown_root(types, s32, Bytes().u64(kObject + 16).u64(5).u64(0).u64(0)).unavailable ==
        UnavailableMap{{"v", "bad_address"}});
  CHECK(shown_root(types, s32, Bytes().u64(kObject + 16).u64(1).u32(0x110000).pad_to(32)).value ==
        json(R"({"$bytes":"00001100"})"));
  const TypeId name = types.array(c32, 3);
  CHECK(shown_root(types, name, Bytes().u32('o').u32('k').u32(0)).value == "ok");
  const TypeId p = types.pointer(c32);
  const Shown pointer = shown_root(types, p, Bytes().u64(0x500));
  CHECK(pointer.value == json(R"({"$ptr":"0x500"})"));
  CHECK(pointer.unavailable == UnavailableMap{{"v", "unsupported_type"}});
}

TEST_CASE("text that was cut off ends with a whole character") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), p = types.pointer(c);
  const auto cut = [&](const std::string& text) {
    return show(types.table(), p,
                entry_row()
                    .root(0, p, Bytes().u64(0x500))
                    .cut(1, c, 0x500, Bytes().text(text), static_cast<std::uint32_t>(text.size()),
                         ItemStatus::kStringLimit));
  };
  CHECK(cut("caf\xc3").value == "caf");
  CHECK(cut("caf\xc3").unavailable == UnavailableMap{{"v", "string_limit 3"}});
  CHECK(cut("\xf0\x9f\x98").value == "");
  CHECK(cut("caf\xc3\xa9").value == "caf\xc3\xa9");
  CHECK(cut("\xff").value == json(R"({"$bytes":"ff"})"));
}

TEST_CASE("a reference to a character is that character, whatever was captured there") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), p = types.pointer(c), r = types.reference(c);
  const TypeId wide = types.integer("wchar_t", 4, true), wr = types.reference(wide), s = types.string(c);
  const TypeId both = types.structure(
      "Both", 48, {test::member("p", p, 0), test::member("r", r, 8), test::member("s", s, 16)});
  const Row row = entry_row()
                      .root(0, both, Bytes().u64(0x500).u64(0x500).u64(0x500).u64(5).pad_to(48), kObject)
                      .item(1, c, 0x500, Bytes().text("a"))
                      .item(1, c, 0x500, Bytes().text("a").u8(0).text("b-c"));
  const Shown shown = show(types.table(), both, row);
  CHECK(shown.value == json(R"({"p":"a","r":"a","s":"a\u0000b-c"})"));
  CHECK(shown.unavailable.empty());
  CHECK(show(types.table(), wr,
             entry_row().root(0, wr, Bytes().u64(0x500)).item(1, wide, 0x500, Bytes().i32(7)))
            .value == 7);
  // As long as the limit, and captured as something that is cut off there.
  const Row full = entry_row()
                       .root(0, s, Bytes().u64(0x500).u64(3).pad_to(32), kObject)
                       .cut(1, c, 0x500, Bytes().text("abc"), 3, ItemStatus::kStringLimit);
  CHECK(show(types.table(), s, full).unavailable.empty());
}

TEST_CASE("an array of char is text up to its NUL, as C reads it") {
  Types types;
  const TypeId c = types.scalar(TypeKind::kChar, "char", 1), a = types.array(c, 8);
  const Shown shown = shown_root(types, a, Bytes().text("ab").u8(0).text("stale"));
  CHECK(shown.value == "ab");
  CHECK(shown.unavailable.empty());
  const Shown cut =
      show(types.table(), a, entry_row().cut_root(0, a, Bytes().text("abc"), 8, ItemStatus::kByteLimit));
  CHECK(cut.value == "abc");
  CHECK(cut.unavailable == UnavailableMap{{"v", "byte_limit 3"}});
}

TEST_CASE("durations and points in time") {
  Types types;
  const TypeId ticks = types.integer("long", 8, true);
  const TypeId d = types.structure("std::chrono::duration<…>", 8, {test::member("r", ticks, 0)});
  types.at(d).container = Container::kDuration;
  types.at(d).layout = {1, 1000};
  const TypeId t = types.structure("std::chrono::time_point<…>", 8, {test::member("d", d, 0)});
  types.at(t).container = Container::kTimePoint;
  types.at(t).layout = {1};
  CHECK(shown_root(types, d, Bytes().u64(1500)).value == 1'500'000'000);
  CHECK(shown_root(types, t, Bytes().u64(1'763'805'780'500)).value == "2025-11-22T10:03:00.500000000Z");
  CHECK(shown_root(types, t, Bytes().u64(static_cast<std::uint64_t>(-1))).value ==
        "1969-12-31T23:59:59.999000000Z");
  CHECK(shown_root(types, t, Bytes().u64(1ull << 62)).value.is_double());
  types.at(t).layout = {0};
  CHECK(shown_root(types, t, Bytes().u64(7)).value == 7'000'000);
  types.at(d).layout = {1, 0};
  CHECK(shown_root(types, d, Bytes().u64(1)).unavailable == UnavailableMap{{"v", "unsupported_type"}});
}

TEST_CASE("ticks as nanoseconds") {
  CHECK(nanoseconds(std::int64_t{-3}, 60, 1) == std::int64_t{-180'000'000'000});
  CHECK(nanoseconds(std::int64_t{1500}, 1, 1'000'000'000'000) == 1.5);
  CHECK(nanoseconds(std::int64_t{3}, 1, 3) == 1'000'000'000);
  CHECK(nanoseconds(std::numeric_limits<std::int64_t>::max(), 1, 1'000'000'000) ==
        std::numeric_limits<std::int64_t>::max());
  CHECK(nanoseconds(std::numeric_limits<std::int64_t>::max(), 3600, 1).is_double());
  CHECK(nanoseconds(0.25, 1, 1000) == 250'000.0);
  CHECK(nanoseconds(std::numeric_limits<std::uint64_t>::max(), ~0ull, 1).is_double());
}

TEST_CASE("mutex and complex") {
  Types types;
  const TypeId m = types.structure("std::mutex", 40, {});
  types.at(m).container = Container::kMutex;
  types.at(m).offset_b = 8;
  CHECK(shown_root(types, m, Bytes().pad_to(40)).value == json(R"({"locked":false,"owner":null})"));
  CHECK(shown_root(types, m, Bytes().i32(1).i32(0).i32(4711).pad_to(40)).value ==
        json(R"({"locked":true,"owner":4711})"));
  const TypeId c = types.scalar(TypeKind::kComplex, "std::complex<float>", 8);
  CHECK(shown_root(types, c, Bytes().raw(1.5F).raw(-2.0F)).value == json("[1.5,-2.0]"));
  const TypeId wide = types.scalar(TypeKind::kComplex, "complex long double", 32);
  const long double exact = 0.5L, inexact = 1.0L / 3;
  const Shown shown = shown_root(types, wide, Bytes().raw(exact).raw(inexact));
  CHECK(shown.value == json("[0.5,null]"));
  CHECK(shown.unavailable == UnavailableMap{{"v[1]", "unsupported_type"}});
}

TEST_CASE("pointers to members") {
  Types types;
  const TypeId data = types.scalar(TypeKind::kMemberPointer, "int S::*", 8);
  types.at(data).enumerators = {{"S::a", 0}, {"S::b", 4}};
  CHECK(shown_root(types, data, Bytes().u64(4)).value == "S::b");
  CHECK(shown_root(types, data, Bytes().u64(~0ull)).value.is_null());
  CHECK(shown_root(types, data, Bytes().u64(~0ull)).unavailable.empty());
  CHECK(shown_root(types, data, Bytes().u64(5)).unavailable == UnavailableMap{{"v", "unsupported_type"}});
  const TypeId method = types.scalar(TypeKind::kMemberPointer, "void (S::*)()", 16);
  types.at(method).enumerators = {{"S::first", 0}, {"S::second", 1}};
  CHECK(shown_root(types, method, Bytes().u64(9).u64(0)).value == "S::second");
  CHECK(shown_root(types, method, Bytes().u64(0).u64(0)).value.is_null());
  CHECK(shown_root(types, method, Bytes().u64(0x400).u64(0), {.code_names = {{0x400, "S::go()"}}}).value ==
        "S::go()");
  CHECK(shown_root(types, method, Bytes().u64(0x400).u64(0)).value == json(R"({"$ptr":"0x400"})"));
}

TEST_CASE("functions are shown by name") {
  Types types;
  const TypeId function = types.scalar(TypeKind::kFunction, "int (int)", 0), p = types.pointer(function);
  CHECK(shown_root(types, p, Bytes().u64(0x400), {.code_names = {{0x400, "shop::on_reserve(int)"}}}).value ==
        "shop::on_reserve(int)");
  const Shown unknown = shown_root(types, p, Bytes().u64(0x400));
  CHECK(unknown.value == json(R"({"$ptr":"0x400"})"));
  CHECK(unknown.unavailable.empty());
  CHECK(shown_root(types, p, Bytes().u64(0)).value.is_null());
}

TEST_CASE("std::function: the name of its target") {
  Types types;
  const TypeId f = types.structure("std::function<int (int)>", 32, {});
  types.at(f).container = Container::kCallable;
  types.at(f).offset_b = 16;
  types.at(f).layout = {24};
  const Bytes bytes = Bytes().u64(0x400).u64(0).u64(0x700).u64(0x800);
  const auto with = [&](const std::string& invoker) {
    return shown_root(types, f, bytes, {.code_names = {{0x800, invoker}, {0x400, "on_sale(int)"}}}).value;
  };
  CHECK(
      with("std::_Function_handler<int (int), main::{lambda(int, int (*)(int))#1}>::_M_invoke(std::_Any_data "
           "const&, int&&)") == "main::{lambda(int, int (*)(int))#1}");
  CHECK(with("std::_Function_handler<int (int), int (*)(int)>::_M_invoke(std::_Any_data const&, int&&)") ==
        "on_sale(int)");
  CHECK(with("std::_Function_handler<int (int), int (S::*)(int)>::_M_invoke(std::_Any_data const&, int&&)") ==
        "on_sale(int)");
  CHECK(with("something else") == json(R"({"$ptr":"0x800"})"));
  CHECK(shown_root(types, f, bytes).value == json(R"({"$ptr":"0x800"})"));
  CHECK(shown_root(types, f, Bytes().pad_to(32)).value.is_null());
}

// libc++: {the vptr of an object, its functor}, behind a pointer.
TEST_CASE("std::function that is an object: the name of its target") {
  Types types;
  const TypeId object = types.structure("callable object", 16, {});
  types.at(object).container = Container::kCallableObject;
  types.at(object).offset_b = 8;
  const TypeId f =
      types.structure("std::function<int (int)>", 48, {test::member("object", types.pointer(object), 32)});
  types.at(f).container = Container::kCallable;
  types.at(f).layout = {schema::layout::kNoOffset};
  const Bytes bytes = Bytes().pad_to(32).u64(0x9000).pad_to(48);
  const auto with = [&](const Bytes& kept, const std::string& table) {
    Row row = entry_row();
    row.item(0, f, 0x9000, bytes).item(0, object, 0x9000, kept);
    return show(types.table(), f, row, {.code_names = {{0x800, table}, {0x400, "on_sale(int)"}}});
  };
  const Bytes kept = Bytes().u64(0x800).u64(0x400);
  const std::string func = "vtable for std::__1::__function::__func<";
  const std::string rest = ", std::__1::allocator<int>, int (int)>";
  CHECK(with(kept, func + "main::$_0" + rest).value == "main::$_0");
  CHECK(with(kept, func + "main::{lambda(int)#1}" + rest).value == "main::{lambda(int)#1}");
  CHECK(with(kept, func + "int (*)(int)" + rest).value == "on_sale(int)");
  CHECK(with(kept, "vtable for shop::Order").value == json(R"({"$ptr":"0x800"})"));
  CHECK(with(kept, "").value == json(R"({"$ptr":"0x800"})"));
  const Shown cut = with(Bytes().u64(0x800), func + "int (*)(int)" + rest);
  CHECK(cut.value.is_null());
  CHECK(cut.unavailable.size() == 1);
  CHECK(shown_root(types, f, Bytes().pad_to(48)).value.is_null());
  CHECK(shown_root(types, f, Bytes().pad_to(48)).unavailable.empty());
  const Shown absent = shown_root(types, f, bytes);
  CHECK(absent.value == json(R"({"$ptr":"0x9000"})"));
  CHECK(absent.unavailable == UnavailableMap{{"v", "depth_limit"}});
}

TEST_CASE("std::any: type and address") {
  Types types;
  const TypeId a = types.structure("std::any", 16, {});
  types.at(a).container = Container::kAny;
  types.at(a).offset_b = 8;
  const auto with = [&](const std::string& manager) {
    return shown_root(types, a, Bytes().u64(0x700).u64(0x5000), {.code_names = {{0x700, manager}}});
  };
  CHECK(with("std::any::_Manager_internal<int>::_S_manage(std::any::_Op, std::any const*, std::any::_Arg*)")
            .value == json(R"({"$type":"int","$ptr":"0x9008"})"));
  CHECK(with("std::any::_Manager_external<std::map<int, char> >::_S_manage(std::any::_Op, …)").value ==
        json(R"({"$type":"std::map<int, char>","$ptr":"0x5000"})"));
  CHECK(with("free").unavailable == UnavailableMap{{"v", "undefined_type"}});
  CHECK(shown_root(types, a, Bytes().u64(0).u64(0)).value.is_null());
}

TEST_CASE("names of code that holds something") {
  CHECK(
      held_by_any("std::__1::__any_imp::_SmallHandler<Op<&S::operator< > >::__handle[abi:v15006](x)")->type ==
      "Op<&S::operator< >");
  CHECK(held_by_any("std::__1::__any_imp::_LargeHandler<int [3]>::__handle(x)")->in_place == false);
  CHECK_FALSE(held_by_any("mine::any::_Manager_internal<int>::x()"));
  CHECK_FALSE(held_by_any("std::any::_Manager_internal<int"));
  CHECK(
      held_by_function(
          "vtable for std::__1::__function::__func<void (*)(), std::__1::allocator<void (*)()>, void ()>") ==
      "void (*)()");
  CHECK_FALSE(held_by_function("std::_Function_handler<int (int)>::_M_invoke()"));
  CHECK(is_function_pointer_type("int (*)(int)"));
  CHECK(is_function_pointer_type("std::vector<int> (*)(std::function<void ()>)"));
  CHECK(is_method_pointer_type("void (shop::Order::*)(int) const"));
  CHECK_FALSE(is_function_pointer_type("f(int)::{lambda(int (*)(int))#1}"));
  CHECK_FALSE(is_function_pointer_type("std::_Bind<int (*(int))(int)>"));
  CHECK_FALSE(is_function_pointer_type(")("));
}

TEST_CASE("unions: every member, as the bytes say") {
  Types types;
  const TypeId i = types.integer("int", 4, true), f = types.scalar(TypeKind::kFloat, "float", 4);
  const TypeId p = types.pointer(i), c = types.scalar(TypeKind::kChar, "char", 1), s = types.string(c);
  const TypeId u = types.structure(
      "U", 32,
      {test::member("i", i, 0), test::member("f", f, 0), test::member("p", p, 0), test::member("s", s, 0)});
  types.at(u).kind = TypeKind::kUnion;
  const Shown shown = shown_root(types, u, Bytes().raw(1.0F).u32(0).u64(40).pad_to(32));
  CHECK(shown.value == json(R"({"i":1065353216,"f":1.0,"p":{"$ptr":"0x3f800000"},"s":null})"));
  CHECK(shown.unavailable == UnavailableMap{{"v.p", "unsupported_type"}, {"v.s", "unsupported_type"}});
  const TypeId up = types.pointer(u);
  CHECK(show(types.table(), up,
             entry_row().root(0, up, Bytes().u64(0x100)).item(1, u, 0x100, Bytes().i32(7).pad_to(32)))
            .value.at("i") == 7);
}
