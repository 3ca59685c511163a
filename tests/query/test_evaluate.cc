#include "query/evaluate.h"
#include "tests/query/sample.h"

#include <catch2/catch.hpp>

using namespace backsight;         // NOLINT
using namespace backsight::query;  // NOLINT
using test::json;

namespace {

// Any name may stand for any value: a plan that captures what `args` has.
schema::Plan plan_of(const boost::json::object& args) {
  schema::Plan plan;
  for (const auto& [name, value] : args)
    plan.captures.push_back(test::capture(std::string(name), schema::kNoType, {std::string(name)}));
  plan.captures.push_back(test::returned(schema::kNoType));
  schema::Type state;
  state.kind = schema::TypeKind::kEnum;
  state.enumerators = {{"kOpen", 1}, {"kShut", 2}};
  plan.types.push_back(state);
  return plan;
}

std::optional<boost::json::value> evaluate(const std::string& text, const CallValues& values,
                                           std::optional<std::int64_t> duration = {}) {
  auto evaluator = Evaluator::compile(text);
  INFO(text);
  if (!evaluator) FAIL(evaluator.error().to_string());
  const schema::Plan plan = plan_of(values.args);
  Subject subject{&values, 41, 43, "worker-2", "h1", duration};
  return evaluator->evaluate(evaluator->bind(plan), subject);
}

CallValues sample_values() {
  CallValues values;
  values.args = json(R"({"order":{"id":7,"total":120.5,"customer":{"name":"Ann"},"note":null,
      "items":[{"sku":"A1","qty":2},{"sku":"B2","qty":3}],"state":"kOpen","lost":null,"long":"abcdef","far":{"$ptr":"0x10"}},
      "n":-1,"u":18446744073709551615,"z":0,"big":9223372036854775807,"s":"hello","bytes":{"$bytes":"ff00"},"nan":"NaN",
      "flag":true,"p":null,"m":{"key":5},"this":{"stock_":3},"v":[1,2,3],"count":5})")
                    .as_object();
  values.result = -1;
  values.has_result = true;
  values.unavailable = {{"order.lost", "redacted"},
                        {"order.long", "string_limit 6 of 90"},
                        {"v", "element_limit 3 of 10"},
                        {"order.items[1].qty", "optimized_out"}};
  return values;
}

}  // namespace

TEST_CASE("expressions over values") {
  const CallValues values = sample_values();
  struct Case {
    const char* text;
    const char* expected;  // null: undecided
  };
  const Case cases[] = {
      {"order.id == 7", "true"},
      {"order->id != 7", "false"},
      {"*order.customer", R"({"name":"Ann"})"},
      {"order.customer->name == \"Ann\"", "true"},
      {"order.customer != nullptr", "true"},
      {"order.note == nullptr", "true"},
      {"order.note.anything", nullptr},
      {"order.total > 120", "true"},
      {"order.items[1].sku", "\"B2\""},
      {"order.items[0..2].sku", R"(["A1","B2"])"},
      {"order.items[2].sku", nullptr},
      {"contains(order.items[0..2].sku, \"B2\")", "true"},
      {"len(order.items)", "2"},
      {"order.state == kOpen", "true"},
      {"order.state == State::kShut", "false"},
      {"m[\"key\"] == 5", "true"},
      {"stock_ == 3", "true"},
      {"this->stock_", "3"},
      {"ret < 0", "true"},
      {"pid == 41 && tid == 43 && thread == \"worker-2\" && host == \"h1\"", "true"},
      {"duration > 10", "true"},
      {"goroutine == 1", nullptr},
      {"!flag", "false"},
      {"flag == 1", "true"},
      {"s =~ \"^h.*o$\"", "true"},
      {"s =~ \"z\"", "false"},
      {"n =~ \"1\"", nullptr},
      {"starts_with(s, \"he\")", "true"},
      {"contains(s, \"zz\")", "false"},
      {"len(s)", "5"},
      {"len(bytes)", "2"},
      {"s[1]", "\"e\""},
      {"s[1..3]", "\"el\""},
      {"s + \"!\"", "\"hello!\""},
      {"s < \"help\"", "true"},
      // integers are exact over all 64 bits, signed and unsigned
      {"n < u", "true"},
      {"u == 18446744073709551615", "true"},
      {"big + 1", "9223372036854775808"},
      {"u + 1", nullptr},
      {"-u", nullptr},
      {"n * n", "1"},
      {"u * u", nullptr},
      {"7 / 2", "3"},
      {"-7 / 2", "-3"},
      {"-7 % 3", "-1"},
      {"1 / z", nullptr},
      {"1 % z", nullptr},
      {"1.0 / z", nullptr},
      {"1 << 3 | 1", "9"},
      {"1 << 64", nullptr},
      {"-8 >> 1", "-4"},
      {"6 & 3 ^ 1", "3"},
      {"~0", "-1"},
      {"big < 9223372036854775808.0", "true"},
      {"nan == 1.0", "false"},
      {"nan < 1.0", "false"},
      {"nan >= 1.0", "false"},
      {"nan != 1.0", "true"},
      {"(uint8_t)n", "255"},
      {"(unsigned)n", "4294967295"},
      {"(int)u", "-1"},
      {"(int)3.9", "3"},
      // what is not there decides nothing, unless the other side does
      {"order.lost == 1", nullptr},
      {"order.lost != 1", nullptr},
      {"order.lost == nullptr", nullptr},
      {"!order.lost", nullptr},
      {"order.lost == 1 && z == 1", "false"},
      {"z == 1 && order.lost == 1", "false"},
      {"order.lost == 1 && z == 0", nullptr},
      {"order.lost == 1 || z == 0", "true"},
      {"z == 0 || order.lost == 1", "true"},
      {"order.lost == 1 || z == 1", nullptr},
      {"s > 1", nullptr},
      {"order.far == nullptr", "false"},
      {"order.far == 16", "true"},
      {"order.far.member", nullptr},
      // what is cut off
      {"order.long == \"abcdef\"", "false"},
      {"order.long == \"abcx\"", "false"},
      {"starts_with(order.long, \"abc\")", "true"},
      {"starts_with(order.long, \"abcdefg\")", nullptr},
      {"starts_with(order.long, \"x\")", "false"},
      {"contains(order.long, \"cd\")", "true"},
      {"contains(order.long, \"zz\")", nullptr},
      {"order.long =~ \"abc\"", nullptr},
      {"len(order.long)", "90"},
      {"order.long < \"b\"", "true"},
      {"order.long < \"abcdefg\"", nullptr},
      {"len(v)", "10"},
      {"contains(v, 2)", "true"},
      {"contains(v, 9)", nullptr},
      {"v[2]", "3"},
      {"v[5]", nullptr},
      {"order.items[1].qty", "3"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto result = evaluate(c.text, values, 5321);
    if (c.expected == nullptr) {
      CHECK_FALSE(result.has_value());
      continue;
    }
    REQUIRE(result.has_value());
    CHECK(*result == json(c.expected));
  }
  CHECK_FALSE(evaluate("duration > 10", values).has_value());
  CallValues open = values;
  open.has_result = false;
  CHECK_FALSE(evaluate("ret < 0", open).has_value());
}

TEST_CASE("an expression that cannot be right is refused with its place") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c :
       {Case{"a =~ b", "expected a string"}, Case{"a =~ \"(\"", "bad regular expression"},
        Case{"size(a)", "no function 'size' at column 1"}, Case{"len(a, b)", "takes 1 argument"},
        Case{"contains(a)", "takes 2 arguments"}, Case{"a >", "column"}}) {
    CAPTURE(c.text);
    const auto compiled = Evaluator::compile(c.text);
    REQUIRE_FALSE(compiled.has_value());
    CHECK(compiled.error().code == schema::ErrorCode::kInvalid);
    CHECK_THAT(compiled.error().to_string(), Catch::Contains(c.message));
  }
}

TEST_CASE("names and members are checked against the plans") {
  test::Types types;
  const auto i = types.integer("int", 4, true);
  const auto item = types.structure("Item", 4, {test::member("sku", i, 0)});
  const auto order =
      types.structure("Order", 32, {test::member("id", i, 0), test::member("items", types.vector(item), 8)});
  schema::Plan plan;
  plan.captures = {test::capture("order", types.reference(order), {"order"}),
                   test::capture("this->stock_", i, {"this", "stock_"}), test::capture("(long)x + 1", i)};
  plan.captures[2].name = "next";
  plan.types = types.table();
  const auto check = [&](const std::string& text) -> std::string {
    const auto evaluator = Evaluator::compile(text);
    REQUIRE(evaluator.has_value());
    const auto checked = evaluator->check({&plan});
    return checked ? "" : checked.error().to_string();
  };
  for (const char* good :
       {"order.id > 1", "order.items[0].sku == 1", "stock_ == 1", "this->stock_ == 1", "next == 2",
        "(long)x + 1 == 2", "pid == 1", "duration > 1", "order.items[0..2].sku"}) {
    CAPTURE(good);
    CHECK(check(good).empty());
  }
  CHECK_THAT(check("ordr.id > 1"),
             Catch::Contains("unknown name 'ordr' at column 1") && Catch::Contains("did you mean 'order'"));
  CHECK_THAT(check("pid == 1 && order.idd > 1"),
             Catch::Contains("unknown member 'idd' at column 19") && Catch::Contains("id, items"));
  CHECK_THAT(check("order.items[0].skuu == 1"),
             Catch::Contains("unknown member 'skuu'") && Catch::Contains("'sku'"));
  CHECK_THAT(check("this->stck == 1"), Catch::Contains("stock_"));
  CHECK_THAT(check("y == 1"), Catch::Contains("unknown name 'y'"));
  CHECK_THAT(check("ret == 1"), Catch::Contains("unknown name 'ret'"));
}

TEST_CASE("a captured expression is known by its text and by its name") {
  schema::Plan plan;
  plan.captures = {test::capture("order.items[0..8].sku", schema::kNoType),
                   test::capture("(sds)c->argv[1]->ptr", schema::kNoType)};
  plan.captures[1].name = "key";
  CallValues values;
  values.args = json(R"({"order.items[0..8].sku":["A1"],"key":"k:1"})").as_object();
  const Subject subject{&values, 1, 1, "", "", {}};
  for (const char* text :
       {"contains(order->items[0..8].sku, \"A1\")", "key == \"k:1\"", "(sds)c.argv[1].ptr == \"k:1\""}) {
    CAPTURE(text);
    const auto evaluator = Evaluator::compile(text);
    REQUIRE(evaluator.has_value());
    CHECK(evaluator->check({&plan}).has_value());
    CHECK(evaluator->test(evaluator->bind(plan), subject) == true);
  }
}

namespace {

// A map<…> m, a unique_ptr<Order> o with a map in it, a list l, a shape of
// dynamic type; what they show is in `values`.
schema::Plan containers_plan(test::Types& types) {
  using schema::Container;
  const auto i = types.integer("int", 4, true);
  const auto c = types.scalar(schema::TypeKind::kChar, "char", 1), text = types.string(c);
  const auto item = types.structure("Item", 8, {test::member("sku", text, 0), test::member("qty", i, 4)});
  const auto pair =
      types.structure("pair", 40, {test::member("first", text, 0), test::member("second", item, 32)});
  const auto node = types.structure("node", 80, {test::member("value", pair, 32)});
  const auto map = types.structure("std::map<std::string, Item>", 48, {});
  types.at(map).container = Container::kTree;
  types.at(map).target = node;
  types.at(map).is_map = true;
  const auto order = types.structure("Order", 48, {test::member("items", map, 0)});
  const auto owner = types.structure("std::unique_ptr<Order>", 8, {});
  types.at(owner).container = Container::kSmartPointer;
  types.at(owner).target = order;
  const auto list_node = types.structure("list_node", 80, {test::member("value", item, 16)});
  const auto list = types.structure("std::list<Item>", 24, {});
  types.at(list).container = Container::kList;
  types.at(list).target = list_node;
  const auto shape = types.structure("Shape", 16, {test::member("id", i, 8)});
  const auto circle =
      types.structure("Circle", 24, {test::base("Shape", shape, 0), test::member("r", i, 16)});
  types.at(shape).dynamic = types.scalar(schema::TypeKind::kDynamicLink, "", 16);
  types.at(shape).is_polymorphic = types.at(circle).is_polymorphic = true;
  schema::Plan plan;
  plan.captures = {test::capture("m", map, {"m"}),     test::capture("o", owner, {"o"}),
                   test::capture("l", list, {"l"}),    test::capture("s", types.pointer(shape), {"s"}),
                   test::capture("cut", map, {"cut"}), test::capture("n", map, {"n"})};
  plan.types = types.table();
  return plan;
}

}  // namespace

TEST_CASE("containers in expressions, as they are shown") {
  test::Types types;
  const schema::Plan plan = containers_plan(types);
  CallValues values;
  values.args = json(R"({"m":{"a.b":{"sku":"x","qty":1},"z":{"sku":null,"qty":2}},
      "o":{"items":{"k":{"sku":"y","qty":3}}},"l":[{"sku":"p","qty":4}],
      "s":{"$type":"Circle","id":1,"r":5},
      "cut":[{"key":"abc","value":{"sku":"q","qty":6}},{"key":"def","value":{"sku":"w","qty":7}}],
      "n":{"7":1,"kOpen":2}})")
                    .as_object();
  values.unavailable = {{R"(m["a.b"].sku)", "string_limit 1 of 9"},
                        {"m.z.sku", "bad_address"},
                        {"cut[0].key", "string_limit 3 of 300"},
                        {"l", "bad_address 1 of 77"}};
  const Subject subject{&values, 1, 1, "", "", {}};
  struct Case {
    const char* text;
    std::optional<bool> expected;
  };
  const Case cases[] = {
      {R"(m["a.b"].qty == 1)", true},
      {R"(m["a.b"].sku == "x")", false},  // it has nine characters
      {R"(starts_with(m["a.b"].sku, "x"))", true},
      {R"(m["z"].sku == nullptr)", std::nullopt},
      {R"(m["none"].qty == 1)", std::nullopt},
      {R"(contains(m, "z"))", true},
      {R"(contains(m, "none"))", false},
      {"len(m) == 2", true},
      {R"(o->items["k"].qty == 3)", true},
      {R"(contains(o->items, "k"))", true},
      {"o != nullptr", true},
      {"l[0].qty == 4", true},
      {"len(l) == 77", std::nullopt},
      {"s->r == 5", true},
      {R"(s["$type"] == "Circle")", true},
      {R"(cut["def"].qty == 7)", true},
      {R"(cut["abc"].qty == 6)", std::nullopt},
      {R"(contains(cut, "def"))", true},
      {R"(contains(cut, "abc"))", false},
      {R"(contains(cut, "zzz"))", false},
      {R"(contains(cut, "abcdef"))", false},
      {"n[7] == 1", true},
      {"n[0] != nullptr", std::nullopt},
      {"contains(n, 7)", true},
      {"contains(n, 1)", std::nullopt},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto evaluator = Evaluator::compile(c.text);
    REQUIRE(evaluator.has_value());
    CHECK(evaluator->check({&plan}).has_value());
    CHECK(evaluator->test(evaluator->bind(plan), subject) == c.expected);
  }
}

TEST_CASE("names are looked for behind smart pointers, in elements and in derived classes") {
  test::Types types;
  const schema::Plan plan = containers_plan(types);
  for (const char* bad :
       {"o->itemz == 1", "o->items[\"k\"].quantity == 1", "l[0].skuu == 1", "s->radius == 1"}) {
    CAPTURE(bad);
    const auto evaluator = Evaluator::compile(bad);
    REQUIRE(evaluator.has_value());
    CHECK_FALSE(evaluator->check({&plan}).has_value());
  }
}
