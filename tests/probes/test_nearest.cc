#include "probes/nearest.h"

#include <catch2/catch.hpp>

#include <array>

using namespace backsight::probes;

TEST_CASE("edit_cost counts half edits", "[probes][nearest]") {
  CHECK(edit_cost("abc", "abc", 20) == 0);
  CHECK(edit_cost("abc", "abC", 20) == 1);
  CHECK(edit_cost("abc", "abd", 20) == 2);
  CHECK(edit_cost("abc", "ab", 20) == 2);
  CHECK(edit_cost("abc", "acb", 20) == 2);
  CHECK(edit_cost("", "abc", 20) == 6);
  CHECK(edit_cost("kitten", "sitting", 20) == 6);
  CHECK(edit_cost("kitten", "sitting", 5) > 5);
  CHECK(edit_cost("a", std::string(5000, 'a'), 8) == 9);
}

TEST_CASE("nearest_names", "[probes][nearest]") {
  constexpr std::array<std::string_view, 7> kNames = {
      "shop::Checkout::reserve",  "shop::Checkout::release", "shop::Stock::take",      "main",
      "shop::Checkout::Checkout", "elsewhere::reserve(int)", "shop::Checkout::reserve"};
  CHECK(nearest_names("shop::Checkout::resreve", kNames, 1) ==
        std::vector<std::string>{"shop::Checkout::reserve"});
  CHECK(nearest_names("shop::checkout::reserve", kNames, 2).front() == "shop::Checkout::reserve");
  CHECK(nearest_names("reserve", kNames) ==
        std::vector<std::string>{"elsewhere::reserve(int)", "shop::Checkout::reserve"});
  CHECK(nearest_names("completely_different", kNames).empty());
  CHECK(nearest_names("", kNames).empty());
  CHECK(nearest_names("main", kNames, 0).empty());
}

TEST_CASE("suggestion reads as a question", "[probes][nearest]") {
  CHECK(suggestion({}).empty());
  CHECK(suggestion({"a"}) == "did you mean \"a\"?");
  CHECK(suggestion({"a", "b"}) == "did you mean \"a\" or \"b\"?");
  CHECK(suggestion({"a", "b", "c"}) == "did you mean \"a\", \"b\" or \"c\"?");
}
