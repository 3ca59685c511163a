// What the expression language means, as canonical text.
#include "schema/expression.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <string>

namespace backsight::schema {
namespace {

ExpressionPtr parse(std::string_view text) {
  auto expression = parse_expression(text);
  INFO(text);
  if (!expression) FAIL(expression.error().message);
  return *std::move(expression);
}

std::string canonical(std::string_view text) {
  std::string once = to_string(*parse(text));
  CHECK(to_string(*parse(once)) == once);
  return once;
}

TEST_CASE("literals") {
  CHECK(parse("42")->integer == 42);
  CHECK(parse("0x1F")->integer == 31);
  CHECK(parse("0b101")->integer == 5);
  CHECK(parse("010")->integer == 8);
  CHECK(parse("7ull")->integer == 7);
  CHECK_FALSE(parse("9223372036854775807")->is_unsigned);
  CHECK(parse("9223372036854775808")->is_unsigned);
  CHECK(canonical("18446744073709551615") == "18446744073709551615");
  CHECK(parse("1.5")->floating == 1.5);
  CHECK(parse(".5")->floating == 0.5);
  CHECK(parse("1e3")->floating == 1'000);
  CHECK(parse("2.5e-1f")->floating == 0.25);
  CHECK(canonical("2e0") == "2.0");
  CHECK(canonical("1e300") == "1e+300");
  CHECK(parse("true")->boolean);
  CHECK(parse("false")->kind == ExpressionKind::kBool);
  CHECK(parse("nullptr")->kind == ExpressionKind::kNull);
  CHECK(parse("nil")->kind == ExpressionKind::kNull);
}

TEST_CASE("strings") {
  CHECK(parse(R"("a b")")->text == "a b");
  CHECK(parse(R"('it')")->text == "it");
  CHECK(parse(R"("\n\t\\\"\x41\u00e9\U0001f600")")->text == "\n\t\\\"A\u00e9\U0001f600");
  CHECK(parse(R"("\0")")->text == std::string(1, '\0'));
  CHECK(parse(R"(`\d+"`)")->text == "\\d+\"");
  CHECK(canonical(R"("say \"x\"\n")") == R"("say \"x\"\x0a")");
}

TEST_CASE("names and paths") {
  CHECK(canonical("shop::kLimit") == "shop::kLimit");
  CHECK(canonical("::g_stats") == "::g_stats");
  CHECK(canonical("order->customer.email") == "order.customer.email");
  CHECK(canonical("ret.0") == "ret.0");
  CHECK(canonical("ret.0.1") == "ret.0.1");
  CHECK(canonical("größe") == "größe");
  CHECK(plain_path(*parse("order->items.count")) == std::vector<std::string>{"order", "items", "count"});
  CHECK(plain_path(*parse("this->stock_")) == std::vector<std::string>{"this", "stock_"});
  CHECK(plain_path(*parse("order")) == std::vector<std::string>{"order"});
  CHECK(plain_path(*parse("order.items[0]")).empty());
  CHECK(plain_path(*parse("*order")).empty());
  CHECK(plain_path(*parse("order.items[0].sku")).empty());
  CHECK(plain_path(*parse("1")).empty());
}

TEST_CASE("elements and ranges") {
  CHECK(canonical("a[i]") == "a[i]");
  CHECK(canonical("a[0..8]") == "a[0..8]");
  CHECK(canonical("order.items[0..8].sku") == "order.items[0..8].sku");
  CHECK(canonical("c->argv[0..c->argc]") == "c.argv[0..c.argc]");
  CHECK(canonical("a[n - 1..n+1]") == "a[(n - 1)..(n + 1)]");
  CHECK(canonical("m[\"key\"]") == "m[\"key\"]");
  CHECK(canonical("a[i][j]") == "a[i][j]");
  const auto range = parse("a[1..2]");
  CHECK(range->kind == ExpressionKind::kRange);
  CHECK(range->children.size() == 3);
}

TEST_CASE("precedence is C's") {
  CHECK(canonical("a + b * c") == "(a + (b * c))");
  CHECK(canonical("a - b - c") == "((a - b) - c)");
  CHECK(canonical("a << 1 + b") == "(a << (1 + b))");
  CHECK(canonical("a < b == c > d") == "((a < b) == (c > d))");
  CHECK(canonical("a & b == c") == "(a & (b == c))");
  CHECK(canonical("a | b ^ c & d") == "(a | (b ^ (c & d)))");
  CHECK(canonical("a || b && c | d") == "(a || (b && (c | d)))");
  CHECK(canonical("(a + b) * c") == "((a + b) * c)");
  CHECK(canonical("-a * !b") == "((-a) * (!b))");
  CHECK(canonical("*p.next") == "(*p.next)");
  CHECK(canonical("(*p).next") == "(*p).next");
  CHECK(canonical("- -a") == "(-(-a))");
  CHECK(canonical("~a % 3") == "((~a) % 3)");
  CHECK(canonical("name =~ \"^a.*\" && n > 0") == "((name =~ \"^a.*\") && (n > 0))");
  CHECK(canonical("order.total > 100 && order.customer != nullptr") ==
        "((order.total > 100) && (order.customer != nullptr))");
}

TEST_CASE("casts") {
  CHECK(canonical("(sds)c->argv[1]->ptr") == "((sds)c.argv[1].ptr)");
  CHECK(canonical("(shop::Order*)p") == "((shop::Order*)p)");
  CHECK(canonical("((shop::Order*)p)->id") == "((shop::Order*)p).id");
  CHECK(canonical("(unsigned long)-1") == "((unsigned long)(-1))");
  CHECK(canonical("(T*)*p") == "((T*)(*p))");
  CHECK(canonical("(const char * const)p") == "((const char * const)p)");
  CHECK(canonical("(std::vector<shop::Item*, A<int>>*)p") == "((std::vector<shop::Item*, A<int>>*)p)");
  CHECK(canonical("(std::map<int, X>::node*)p") == "((std::map<int, X>::node*)p)");
  CHECK(canonical("(A)(B)c") == "((A)((B)c))");
  CHECK(canonical("(struct redisObject *)p") == "((struct redisObject *)p)");
  CHECK(canonical("(main.Order)x") == "((main.Order)x)");
}

TEST_CASE("what only looks like a cast") {
  CHECK(canonical("(a) - b") == "(a - b)");
  CHECK(canonical("(a) * b") == "(a * b)");
  CHECK(canonical("(a).b") == "a.b");
  CHECK(canonical("(a)[1]") == "a[1]");
  CHECK(canonical("(a & b) - c") == "((a & b) - c)");
  CHECK(canonical("(a < b) == (c > d)") == "((a < b) == (c > d))");
  CHECK(canonical("(a < b) * (c > d)") == "((a < b) * (c > d))");
  CHECK(canonical("(this)") == "this");
  CHECK(canonical("((a))") == "a");
}

TEST_CASE("functions") {
  CHECK(canonical("len(order.items) > 3") == "(len(order.items) > 3)");
  CHECK(canonical("contains(name, \"x\")") == "contains(name, \"x\")");
  CHECK(canonical("starts_with( a.b , c )") == "starts_with(a.b, c)");
  CHECK(canonical("len + 1") == "(len + 1)");
}

TEST_CASE("nodes know their place in the text") {
  const auto expression = parse("  order.id  >= 7");
  CHECK(expression->begin == 2);
  CHECK(expression->end == 16);
  CHECK(expression->children[0]->begin == 2);
  CHECK(expression->children[0]->end == 10);
  CHECK(expression->children[1]->begin == 15);
  const auto element = parse("a[10]");
  CHECK(element->end == 5);
  CHECK(element->children[1]->begin == 2);
  CHECK(element->children[1]->end == 4);
}

}  // namespace
}  // namespace backsight::schema
