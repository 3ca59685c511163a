// Messages of the expression parser, and input that means harm.
#include "schema/expression.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>

namespace backsight::schema {
namespace {

std::string message(std::string_view text) {
  const auto expression = parse_expression(text);
  INFO(text);
  REQUIRE_FALSE(expression);
  CHECK(expression.error().code == ErrorCode::kInvalid);
  return expression.error().message;
}

std::string first_line(std::string_view text) {
  const std::string all = message(text);
  return all.substr(0, all.find('\n'));
}

TEST_CASE("a message has the column and a caret under it") {
  CHECK(message("order.total >") ==
        "expected an operand after '>' at column 14\n"
        "  order.total >\n"
        "               ^");
  CHECK(message("a = 1") ==
        "'=' is no operator at column 3\n"
        "  a = 1\n"
        "    ^");
}

TEST_CASE("columns are counted in characters") {
  CHECK(message("größe +") ==
        "expected an operand after '+' at column 8\n"
        "  größe +\n"
        "         ^");
}

TEST_CASE("a long text is shown around the place") {
  const std::string text = std::string(300, 'a') + " ) " + std::string(300, 'b');
  const std::string all = message(text);
  CHECK(all.size() < 400);
  const auto caret_line = all.substr(all.rfind('\n') + 1);
  const auto text_line = all.substr(all.find('\n') + 1);
  CHECK(text_line[caret_line.size() - 1] == ')');
}

TEST_CASE("control characters do not reach a terminal") {
  const std::string all = message("a +\n\x1b[31m b");
  CHECK(all.find('\x1b') == std::string::npos);
}

TEST_CASE("what was expected is said") {
  CHECK(first_line("") == "an empty expression at column 1");
  CHECK(first_line("   ") == "an empty expression at column 4");
  CHECK(first_line("a b") == "unexpected 'b' at column 3");
  CHECK(first_line("a[1") == "expected ']' or '..' after '1' at column 4");
  CHECK(first_line("a[1..2") == "expected ']' after '2' at column 7");
  CHECK(first_line("a[..2]") == "expected an operand after '[' at column 3");
  CHECK(first_line("(a + b") == "expected ')' after 'b' at column 7");
  CHECK(first_line("a.") == "expected the name of a member after '.' at column 3");
  CHECK(first_line("a.+") == "expected the name of a member after '.' at column 3");
  CHECK(first_line("* ") == "expected an operand after '*' at column 3");
  CHECK(first_line(")") == "expected an operand at column 1");
  CHECK(first_line("a.b(1)") == "unexpected '(' at column 4");
  CHECK(first_line("name =~ other") == "expected a string, the regular expression, after '=~' at column 9");
}

TEST_CASE("bad literals") {
  CHECK(first_line("18446744073709551616") == "the number does not fit 64 bits at column 1");
  CHECK(first_line("08") == "unexpected '8' in a number at column 2");
  CHECK(first_line("12abc") == "unexpected 'a' in a number at column 3");
  CHECK(first_line("0x") == "a number without digits at column 1");
  CHECK(first_line("1e999") == "the number does not fit a double at column 1");
  CHECK(first_line("\"abc") == "a string without its closing quote at column 1");
  CHECK(first_line("\"abc\\") == "unknown escape in a string at column 5");
  CHECK(first_line("`abc") == "a string without its closing backquote at column 1");
  CHECK(first_line("\"\\d\"") == "unknown escape in a string at column 2");
  CHECK(first_line("\"\\x4\"") == "an escape of 2 hexadecimal digits is needed at column 2");
  CHECK(first_line("\"\\ud800\"") == "no such character at column 2");
  CHECK(first_line("a @ b") == "unexpected '@' at column 3");
  CHECK(first_line("111->10 & 1") == "a literal has no members and no elements at column 4");
  CHECK(first_line("\"abc\"[0]") == "a literal has no members and no elements at column 6");
  CHECK(first_line("a ? b : c") == "'?' is no operator at column 3");
}

TEST_CASE("functions are checked") {
  CHECK(first_line("size(a)") == "no function 'size' at column 1");
  CHECK(first_line("len()") == "len takes 1 argument, not 0 at column 1");
  CHECK(first_line("contains(a)") == "contains takes 2 arguments, not 1 at column 1");
  CHECK(first_line("len(a, )") == "expected an operand after ',' at column 8");
  CHECK(first_line("len(a b") == "expected ',' or ')' after 'a' at column 7");
  CHECK(first_line("len(") == "expected an operand after '(' at column 5");
}

TEST_CASE("nesting and length are limited") {
  CHECK(parse_expression(std::string(50, '(') + "a" + std::string(50, ')')));
  CHECK_FALSE(parse_expression(std::string(4'000, '(')));
  CHECK_FALSE(parse_expression(std::string(2'000, '-') + "a"));
  CHECK_FALSE(parse_expression(std::string(9'000, 'a')));
  std::string brackets = "a";
  for (int i = 0; i < 1'000; ++i) brackets += "[a";
  CHECK_FALSE(parse_expression(brackets));
  std::string chain = "a";
  for (int i = 0; i < 1'000; ++i) chain += "+a";
  const auto long_chain = parse_expression(chain);
  REQUIRE(long_chain);
  CHECK_FALSE(to_string(**long_chain).empty());
  CHECK_FALSE(parse_expression(chain + chain + chain));
}

TEST_CASE("no text can crash the parser") {
  std::mt19937 random(3);
  const std::string pieces[] = {"a",  "::",  "b.c", "(",     ")",   "[",     "]",    "..",   "->",
                                "<",  ">",   ">>",  "*",     "&",   "&&",    "1",    "0x",   "1.",
                                ".5", "\"x", "\"",  "'\\",   "`",   "=~",    "len(", ",",    "-1",
                                "~",  "!",   " ",   "ret.0", "int", "const", "\xc3", "\xff", "nil"};
  for (int i = 0; i < 30'000; ++i) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; --n) text += pieces[random() % std::size(pieces)];
    const auto expression = parse_expression(text);
    if (!expression) {
      CHECK(expression.error().message.find("at column") != std::string::npos);
      continue;
    }
    const std::string canonical = to_string(**expression);
    const auto again = parse_expression(canonical);
    INFO(text << " | " << canonical);
    REQUIRE(again);
    CHECK(to_string(**again) == canonical);
  }
  for (int i = 0; i < 5'000; ++i) {
    std::string text;
    for (unsigned n = random() % 40; n > 0; --n) text += char(random());
    (void)parse_expression(text);
  }
}

}  // namespace
}  // namespace backsight::schema
