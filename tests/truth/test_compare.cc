// The judge of the truth test, judged: each way of being wrong is found, and what
// is allowed in one place is not in another.
#include "tests/truth/compare.h"

#include <catch2/catch.hpp>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

const Passing kPassing = {
    {"a", "integer"}, {"c", "indirect"}, {"d", "vector"}, {"m", "memory"}, {"return", "vector"}};

// Of one call with these arguments.
Tally compared(const std::string& truth, const std::string& shown, const std::string& unavailable = "{}",
               bool optimised = true) {
  Tally tally;
  const Conditions conditions{.optimised = optimised,
                              .may_tail_call = optimised,
                              .depth = 4,
                              .elements = 3,
                              .string_bytes = 8,
                              .bytes = 1024};
  const auto expected = json::parse(R"({"function":"f","args":)" + truth + R"(,"return":1})").as_object();
  const auto recorded = json::parse(R"({"args":)" + shown +
                                    R"(,"return":1,"exit_kind":"return","unavailable":)" + unavailable + "}")
                            .as_object();
  Comparison(conditions, tally).call(expected, recorded, kPassing);
  return tally;
}

bool is_right(const Tally& tally) {
  return tally.wrong.empty() && tally.unsupported.empty() &&
         tally.compared == tally.equal + tally.unavailable_total();
}

}  // namespace

TEST_CASE("equal values are counted") {
  const auto tally = compared(R"({"a":{"x":[1,-2],"s":"t"}})", R"({"a":{"x":[1,-2],"s":"t"}})");
  CHECK(is_right(tally));
  CHECK(tally.compared == 4);
  CHECK(is_right(compared(R"({"a":18446744073709551615})", R"({"a":18446744073709551615})")));
  CHECK(is_right(compared(R"({"a":0.1})", R"({"a":1E-1})")));
}

TEST_CASE("other values, members, numbers of elements and types are wrong") {
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":2})")));
  CHECK(!is_right(compared(R"({"a":-1})", R"({"a":18446744073709551615})")));
  CHECK(!is_right(compared(R"({"a":0})", R"({"a":null})")));
  CHECK(!is_right(compared(R"({"a":"1"})", R"({"a":1})")));
  CHECK(!is_right(compared(R"({"a":[1,2]})", R"({"a":[1]})")));
  CHECK(!is_right(compared(R"({"a":[1]})", R"({"a":[1,2]})")));
  CHECK(!is_right(compared(R"({"a":{"x":1,"y":2}})", R"({"a":{"x":1}})")));
  CHECK(!is_right(compared(R"({"a":{"x":1}})", R"({"a":{"x":1,"y":2}})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({})")));
  CHECK(!is_right(compared(R"({})", R"({"a":1})")));
}

TEST_CASE("unavailable where it is allowed") {
  CHECK(is_right(compared(R"({"d":1.5})", R"({"d":null})", R"({"d":"in_vector_register"})")));
  CHECK(is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"optimized_out"})")));
  CHECK(is_right(compared(R"({"a":[1,2,3,4]})", R"({"a":[1,2,3]})", R"({"a":"element_limit 3 of 4"})")));
  CHECK(is_right(compared(R"({"a":"123456789"})", R"({"a":"12345678"})", R"({"a":"string_limit 8 of 9"})")));
  CHECK(is_right(compared(R"({"a":{"x":{"y":{"z":1}}}})", R"({"a":{"x":{"y":{"$ptr":"0x1"}}}})",
                          R"({"a.x.y":"depth_limit"})")));
  const auto tally = compared(R"({"a":[[1,1],[2,2],[3,3],[4,4]]})", R"({"a":[[1,1],[2,2],[3,3]]})",
                              R"({"a":"element_limit 3 of 4"})");
  CHECK(tally.equal == 7);  // and the result
  CHECK(tally.unavailable.at("element_limit") == 2);
}

TEST_CASE("unavailable where it is not allowed") {
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"in_vector_register"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"optimized_out"})", false)));
  CHECK(!is_right(compared(R"({"m":1})", R"({"m":null})", R"({"m":"optimized_out"})")));
  CHECK(!is_right(compared(R"({"a":{"x":1}})", R"({"a":{"x":null}})", R"({"a.x":"optimized_out"})")));
  CHECK(!is_right(compared(R"({"a":[1,2,3]})", R"({"a":[1,2]})", R"({"a":"element_limit 2 of 3"})")));
  CHECK(!is_right(compared(R"({"a":"12"})", R"({"a":"1"})", R"({"a":"string_limit 1 of 2"})")));
  CHECK(!is_right(compared(R"({"a":{"x":1}})", R"({"a":{"x":null}})", R"({"a.x":"depth_limit"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"byte_limit"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"not_resident"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"bad_address"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":null})", R"({"a":"unsupported_type"})")));
}

TEST_CASE("what is shown beside a reason is a beginning, counted rightly") {
  CHECK(!is_right(compared(R"({"a":[1,2,3,4]})", R"({"a":[1,2,4]})", R"({"a":"element_limit 3 of 4"})")));
  CHECK(!is_right(compared(R"({"a":[1,2,3,4]})", R"({"a":[1,2,3]})", R"({"a":"element_limit 3 of 5"})")));
  CHECK(!is_right(compared(R"({"a":[1,2,3,4]})", R"({"a":[1,2,3]})", R"({"a":"element_limit 2 of 4"})")));
  CHECK(!is_right(compared(R"({"a":"123456789"})", R"({"a":"1234567x"})", R"({"a":"string_limit 8 of 9"})")));
  CHECK(!is_right(compared(R"({"d":1.5})", R"({"d":2.5})", R"({"d":"in_vector_register"})")));
  CHECK(!is_right(compared(R"({"a":1})", R"({"a":1})", R"({"b":"optimized_out"})")));
}

TEST_CASE("the account may say that a place is not shown") {
  const std::string truth = R"({"a":{"$truth":"unsupported_type","value":7}})";
  CHECK(is_right(compared(truth, R"({"a":null})", R"({"a":"unsupported_type"})")));
  CHECK(is_right(compared(truth, R"({"a":7})")));
  CHECK(!is_right(compared(truth, R"({"a":8})")));
  const std::string name = R"({"a":{"$truth":"text","value":null}})";
  CHECK(is_right(compared(name, R"({"a":"any"})")));
  CHECK(!is_right(compared(name, R"({"a":null})")));
}

TEST_CASE("a copied map whose keys are cut may have another order, but no other elements") {
  const std::string truth = R"({"1234567890":1,"abcdefghij":2})";
  const std::string cut = R"({"NAME[0].key":"string_limit 8 of 10","NAME[1].key":"string_limit 8 of 10"})";
  const auto judged = [&](const std::string& name, const std::string& shown) {
    std::string reasons = cut;
    for (auto at = reasons.find("NAME"); at != std::string::npos; at = reasons.find("NAME"))
      reasons.replace(at, 4, name);
    return is_right(
        compared("{\"" + name + "\":" + truth + "}", "{\"" + name + "\":" + shown + "}", reasons));
  };
  const std::string in_order = R"([{"key":"12345678","value":1},{"key":"abcdefgh","value":2}])";
  const std::string turned = R"([{"key":"abcdefgh","value":2},{"key":"12345678","value":1}])";
  CHECK(judged("a", in_order));
  CHECK(judged("c", in_order));
  CHECK(judged("c", turned));
  CHECK_FALSE(judged("a", turned));
  CHECK_FALSE(judged("c", R"([{"key":"abcdefgh","value":1},{"key":"12345678","value":2}])"));
  CHECK_FALSE(judged("c", R"([{"key":"abcdefgh","value":2},{"key":"abcdefgh","value":2}])"));
}
