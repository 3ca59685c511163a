// Plans that are handed over one by one are those that come all at once.
#include "probes/plan_stream.h"
#include "tests/probes/planner_support.h"

namespace backsight::probes {

TEST_CASE("plans are handed over as they would come at once, until there are enough") {
  const auto binary = open_target(target("planner_shop"));
  const auto* stream = dynamic_cast<const PlanStream*>(binary.get());
  REQUIRE(stream);
  const ProbeConfig probe = probe_of("shop::*");
  const PlanResult whole = binary->plan(probe);
  REQUIRE(whole.plans.size() > 3);

  std::vector<std::string> dumped;
  const auto issues = stream->plan_each(probe, [&](const CompiledPlan& plan) {
    dumped.push_back(dump_plan(plan));
    return true;
  });
  REQUIRE(dumped.size() == whole.plans.size());
  for (std::size_t i = 0; i < dumped.size(); ++i) CHECK(dumped[i] == dump_plan(whole.plans[i]));
  REQUIRE(issues.size() == whole.issues.size());
  for (std::size_t i = 0; i < issues.size(); ++i) CHECK(issues[i].message == whole.issues[i].message);

  std::size_t taken = 0;
  stream->plan_each(probe, [&](const CompiledPlan&) { return ++taken < 2; });
  CHECK(taken == 2);
}

}  // namespace backsight::probes
