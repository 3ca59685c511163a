#include "probes/glob.h"

#include <catch2/catch.hpp>

#include <string>

using backsight::probes::glob_match;
using backsight::probes::glob_problem;
using backsight::probes::is_glob;

TEST_CASE("glob_match", "[probes][glob]") {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b::c", true},
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"abc", "ab", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"/opt/*/bin/x*", "/opt/a/b/bin/x86", true},
      {"/opt/*/bin/x*", "/opt/bin/x", false},
      {"shop::*::reserve", "shop::a::Checkout::reserve", true},
      {"shop::*", "shopping::f", false},
      {"*reserve", "reserve", true},
      {"*ab*ab", "abab", true},
      {"*ab*ab", "ab", false},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"**a**", "bab", true},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]x", "dx", true},
      {"[^a-c]x", "ax", false},
      {"[]]", "]", true},
      {"[a-]", "-", true},
      {"x[", "x[", true},
      {"Row::operator[]", "Row::operator[]", true},
      {"Row::operator[]", "Row::operator[", false},
      {"Row::operator[](int)", "Row::operator[](int)", true},
      {"a\\*", "a*", true},
      {"a\\*", "ab", false},
      {"a\\", "a\\", true},
      {"operator*", "operator*=", true},
      {"\xff*", "\xff\xfe", true},
      {"[\x80-\xff]", "\xc3", true},
  };
  for (const Case& c : cases) {
    INFO(c.pattern << " on " << c.text);
    CHECK(glob_match(c.pattern, c.text) == c.matches);
  }
}

TEST_CASE("glob_match does not blow up on many stars", "[probes][glob]") {
  std::string pattern, text(20'000, 'a');
  for (int i = 0; i < 200; ++i) pattern += "a*";
  CHECK_FALSE(glob_match(pattern + "b", text));
  CHECK(glob_match(pattern, text));
}

TEST_CASE("is_glob tells patterns from plain names", "[probes][glob]") {
  CHECK(is_glob("shop::*"));
  CHECK(is_glob("a?"));
  CHECK(is_glob("[ab]"));
  CHECK(is_glob("a\\*"));
  CHECK_FALSE(is_glob("shop::Checkout::reserve(int, char)"));
  CHECK_FALSE(is_glob("Row::operator[]"));
}

TEST_CASE("glob_problem names slips", "[probes][glob]") {
  CHECK_FALSE(glob_problem("/opt/*/[a-z]?").has_value());
  CHECK_FALSE(glob_problem("a\\[").has_value());
  CHECK(glob_problem("/opt/[a-z").has_value());
  CHECK(glob_problem("[]").has_value());
  CHECK(glob_problem("x\\").has_value());
}
