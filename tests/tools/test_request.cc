#include "tests/support/result.h"
#include "tests/tools/fake_query.h"
#include "tools/http/request.h"

#include <catch2/catch.hpp>

namespace backsight::tools {
namespace {

schema::Result<query::Request> build(std::string_view verb, std::vector<Parameter> parameters) {
  const Vocabulary vocabulary = fake_vocabulary();
  return build_request(vocabulary, *vocabulary.find(verb), parameters);
}

TEST_CASE("parameters become positionals and options by the verb's table") {
  const auto request = build("calls", {{"where", "a > 1"}, {"function", "f"}, {"limit", "3"}, {"open", ""}});
  REQUIRE(request);
  CHECK(request->verb == "calls");
  CHECK(request->positionals == std::vector<std::string>{"f"});
  CHECK(request->options ==
        std::map<std::string, std::string>{{"where", "a > 1"}, {"limit", "3"}, {"open", "true"}});
}

TEST_CASE("a flag is true, false or refused") {
  CHECK(build("calls", {{"function", "f"}, {"open", "false"}})->options.empty());
  CHECK(build("calls", {{"function", "f"}, {"open", "1"}})->options.count("open") == 1);
  CHECK_FALSE(build("calls", {{"function", "f"}, {"open", "maybe"}}));
}

TEST_CASE("what is missing, unknown or repeated is named") {
  const auto missing = build("calls", {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == schema::ErrorCode::kInvalid);
  CHECK(missing.error().message == "'calls' needs FUNCTION");

  const auto unknown = build("calls", {{"function", "f"}, {"wheer", "x"}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message == "'calls' has no option 'wheer'");
  CHECK(unknown.error().hint == "did you mean 'where'?");

  const auto twice = build("calls", {{"function", "f"}, {"function", "g"}});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message == "'function' is given twice");
}

TEST_CASE("where to ask is never part of a request") {
  for (const char* name :
       {"store", "server", "token-file", "ca-file", "format", "strict", "utc", "no-color"}) {
    CAPTURE(name);
    CHECK_FALSE(build("state", {{name, "/etc"}}));
  }
}

TEST_CASE("optional positionals keep their places") {
  CHECK(build("pair", {{"a", "1"}})->positionals == std::vector<std::string>{"1"});
  CHECK(build("pair", {{"b", "2"}, {"a", "1"}})->positionals == std::vector<std::string>{"1", "2"});
  CHECK_FALSE(build("pair", {{"b", "2"}}));
}

TEST_CASE("the nearest name is near") {
  const std::vector<std::string> names = {"services", "processes", "state", "store stats"};
  CHECK(nearest_name("stat", names) == "state");
  CHECK(nearest_name("service", names) == "services");
  CHECK(nearest_name("zzzzzz", names).empty());
  CHECK(nearest_name(std::string(100000, 'x'), names).empty());
}

TEST_CASE("names of positionals") {
  CHECK(parameter_name("FUNCTION") == "function");
  CHECK(parameter_name("NAME?") == "name");
  CHECK(parameter_name("FIELD=VALUE") == "field");
}

}  // namespace
}  // namespace backsight::tools
