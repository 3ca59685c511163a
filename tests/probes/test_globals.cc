// Plans of globals: no function, no site, an entry program over link-time
// addresses; and what of them is refused, with the reason.
#include "tests/probes/planner_support.h"

#include <catch2/catch.hpp>

using namespace backsight;
using namespace backsight::probes;

namespace {

ProbeConfig global_of(const std::string& expression) {
  ProbeConfig probe;
  probe.function = "global:" + expression;
  probe.capture_default = false;
  probe.on_return = false;
  probe.every_ns = 1'000'000'000;
  return probe;
}

const CompiledPlan& only(const PlanResult& result) {
  for (const Issue& issue : result.issues) UNSCOPED_INFO(issue.message);
  REQUIRE(result.plans.size() == 1);
  CHECK(result.issues.empty());
  return result.plans.front();
}

std::string refusal(const Binary& binary, const std::string& expression) {
  const PlanResult result = binary.plan(global_of(expression));
  CHECK(result.plans.empty());
  REQUIRE(result.issues.size() == 1);
  return result.issues[0].message + " | " + result.issues[0].hint;
}

// Two files with a static of one name, and a variable of each thread.
std::shared_ptr<const Binary> two_files(const ScratchDirectory& directory) {
  std::ofstream(directory / "one.c") << "static long hidden = 1; __thread int own = 2; int both = 3;\n"
                                        "struct s { int a; struct s* next; } list;\n"
                                        "long one(void) { return hidden++ + own + list.a; }\n";
  std::ofstream(directory / "two.c") << "static long hidden = 4; extern int both; long one(void);\n"
                                        "int main(void) { return (int)(hidden++ + one() + both); }\n";
  run("gcc -g -O1 -o " + (directory / "two") + " " + (directory / "one.c") + " " + (directory / "two.c"));
  return open_target(directory / "two");
}

}  // namespace

TEST_CASE("a global is read at its link-time address, whatever compiler and code it is in") {
  for (const char* name : {"planner_c", "planner_c_o0", "planner_c_cet", "planner_c_clang"}) {
    INFO(name);
    const auto binary = open_target(target(name));
    CHECK(binary->has_function("global:counter"));
    CHECK_FALSE(binary->has_function("global:set_command"));
    const PlanResult result = binary->plan(global_of("counter"));
    const CompiledPlan& plan = only(result);
    CHECK(plan.plan.probe == "global:counter");
    CHECK(plan.plan.function == "global:counter");
    CHECK(plan.plan.source.file.ends_with("planner_c.c"));
    CHECK_FALSE(plan.plan.on_return);
    REQUIRE(plan.plan.captures.size() == 1);
    CHECK(plan.plan.captures[0].name == "counter");
    CHECK(plan.plan.types[plan.plan.captures[0].type.value].name == "long");
    REQUIRE(plan.sites.size() == 1);
    CHECK(plan.sites[0].address != 0);
    REQUIRE(plan.entry_pc == 0);
    REQUIRE(plan.ops.size() >= 4);
    CHECK(plan.ops[0].code == BS_OP_ROOT);
    CHECK(plan.ops[1].code == BS_OP_PUSH_IP_REL);
    CHECK(plan.ops[1].d > plan.sites[0].address / 2);
    CHECK(plan.ops[2].code == BS_OP_COPY);
    CHECK(plan.ops[2].d == 8);
    CHECK(plan.ops[3].code == BS_OP_END);
  }
}

TEST_CASE("members, pointers and casts of a global") {
  const auto binary = open_target(target("planner_c"));
  for (const char* expression :
       {"last_client", "last_client->argv[0]->ptr", "*last_client", "(text)last_client->argv[1]->ptr",
        "last_client->argv[0..last_client->argc]"}) {
    INFO(expression);
    const PlanResult result = binary->plan(global_of(expression));
    CHECK(only(result).plan.captures.at(0).expression == expression);
  }
}

TEST_CASE("what is no global, or not one, is refused with what there is") {
  const auto binary = open_target(target("planner_c"));
  CHECK_THAT(refusal(*binary, "countr"),
             Catch::Contains("no global 'countr'") && Catch::Contains("\"counter\""));
  CHECK_THAT(refusal(*binary, "last_client->nxt"), Catch::Contains("no member 'nxt'"));
  CHECK_THAT(refusal(*binary, "12"), Catch::Contains("names no global"));
  CHECK_THAT(refusal(*binary, "counter + 1"), Catch::Contains("not supported yet"));
}

TEST_CASE("statics of one name are told apart by their file; what each thread has of its own is refused") {
  const ScratchDirectory directory;
  const auto binary = two_files(directory);
  CHECK_THAT(refusal(*binary, "hidden"), Catch::Contains("several globals 'hidden'") &&
                                             Catch::Contains("one.c") && Catch::Contains("two.c::hidden"));
  const PlanResult one = binary->plan(global_of("one.c::hidden"));
  const PlanResult two = binary->plan(global_of("two.c::hidden"));
  CHECK(only(one).ops[1].d != only(two).ops[1].d);
  CHECK(only(one).plan.captures[0].name == "hidden");
  CHECK(only(one).plan.probe == "global:one.c::hidden");
  CHECK_THAT(refusal(*binary, "three.c::hidden"), Catch::Contains("of three.c"));
  CHECK(binary->plan(global_of("both")).plans.size() == 1);
  CHECK_THAT(refusal(*binary, "own"), Catch::Contains("not available (unsupported_type)"));
}
