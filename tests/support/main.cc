// The one main of all test programs: Catch2's. A test that plans in a confined
// process is started again as that process.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

namespace backsight::probes {
// probes/sandbox.h; not there in tests without it.
[[gnu::weak]] bool planning_process(int argc, char** argv, int& code);
}  // namespace backsight::probes

int main(int argc, char** argv) {
  int code = 0;
  if (backsight::probes::planning_process && backsight::probes::planning_process(argc, argv, code))
    return code;
  return Catch::Session().run(argc, argv);
}
