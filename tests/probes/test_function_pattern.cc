#include "probes/function_pattern.h"

#include <catch2/catch.hpp>

namespace backsight::probes {

TEST_CASE("function patterns: names") {
  CHECK(FunctionPattern("a::b").matches_name("a::b"));
  CHECK_FALSE(FunctionPattern("a::b").matches_name("a::bc"));
  CHECK(FunctionPattern("a::*").matches_name("a::b::c"));
  CHECK(FunctionPattern("b").matches_loosely("a::b"));
  CHECK_FALSE(FunctionPattern("b").matches_loosely("a::cb"));
  CHECK(FunctionPattern("twice").matches_loosely("shop::twice<std::vector<int> >"));
  CHECK_FALSE(FunctionPattern("b*").matches_loosely("a::b"));
  CHECK(FunctionPattern("_ZN1a1bEv").is_mangled());
  CHECK(FunctionPattern("operator()").name() == "operator()");
  CHECK_FALSE(FunctionPattern("a::operator()").has_parameters());
  CHECK(FunctionPattern("a::operator()(int)").name() == "a::operator()");
  CHECK(FunctionPattern("a::(anonymous namespace)::f").name() == "a::(anonymous namespace)::f");
  CHECK(FunctionPattern("a::(anonymous namespace)::f(int)").name() == "a::(anonymous namespace)::f");
  CHECK(FunctionPattern("A<B,3>::f").matches_name("A<B, 3>::f"));
  CHECK(FunctionPattern("A<B, 3>::f").matches_name("A<B, 3>::f"));
  CHECK(FunctionPattern("A::operator,").name() == "A::operator,");
  CHECK(FunctionPattern("").name().empty());
  CHECK(FunctionPattern(")").name() == ")");
}

TEST_CASE("function patterns: overloads") {
  const auto matches = [](const char* pattern, const std::vector<std::string>& types) {
    return FunctionPattern(pattern).matches_parameters(types);
  };
  CHECK(matches("f", {"int"}));
  CHECK(matches("f()", {}));
  CHECK(matches("f(void)", {}));
  CHECK_FALSE(matches("f()", {"int"}));
  CHECK(matches("f(int, *)", {"int", "char", "long"}));
  CHECK(matches("f(int, *)", {"int"}));
  CHECK_FALSE(matches("f(int, *)", {"long", "char"}));
  CHECK(matches("f(const a::B&)", {"a::B const&"}));
  CHECK(matches("f(a::B const &)", {"a::B const&"}));
  CHECK(matches("f(unsigned long)", {"long unsigned int"}));
  CHECK(matches("f(std::map<int, long> const&, char)", {"std::map<int, long> const&", "char"}));
  CHECK(matches("f(a::*)", {"a::B"}));
  CHECK(matches("f(int) const", {"int"}));
}

}  // namespace backsight::probes
