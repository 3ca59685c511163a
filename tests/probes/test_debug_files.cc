// Where debug information is looked for, and what is refused.
#include "tests/probes/planner_support.h"

#include <fcntl.h>
#include <unistd.h>

namespace backsight::probes {

namespace {

using Catch::Contains;

std::string split_path(const std::string& root, const std::string& build_id) {
  return root + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

}  // namespace

TEST_CASE("a stripped binary says where it looked") {
  const ScratchDirectory scratch;
  run("strip -o " + (scratch / "stripped") + " " + target("planner_c"));
  const auto binary = open_target(scratch / "stripped", {{scratch / "debug"}});
  const PlanResult result = binary->plan(probe_of("leaf"));
  CHECK(result.plans.empty());
  REQUIRE(result.issues.size() == 1);
  CHECK_THAT(result.issues[0].message,
             Contains("no debug information found for") && Contains(scratch / "debug"));
  CHECK_FALSE(result.issues[0].hint.empty());
  CHECK_FALSE(binary->has_function("leaf"));
}

TEST_CASE("debug information by build-id gives the same plan as embedded") {
  const ScratchDirectory scratch;
  const std::string id = *read_build_id(target("planner_c"));
  const std::string file = split_path(scratch / "debug", id);
  run("mkdir -p " + file.substr(0, file.rfind('/')));
  run("objcopy --only-keep-debug " + target("planner_c") + " " + file);
  run("strip -o " + (scratch / "planner_c") + " " + target("planner_c"));
  const auto binary = open_target(scratch / "planner_c", {{scratch / "debug"}});
  CHECK(binary->debug_issues().empty());
  const PlanResult split = binary->plan(probe_of("set_command"));
  const PlanResult embedded = open_target(target("planner_c"))->plan(probe_of("set_command"));
  REQUIRE(split.plans.size() == 1);
  CHECK(dump_plan(split.plans[0]) == dump_plan(embedded.plans[0]));
  CHECK(split.plans[0].sites[0].file_offset == embedded.plans[0].sites[0].file_offset);
}

TEST_CASE("a debug file of another build is refused") {
  const ScratchDirectory scratch;
  const std::string id = *read_build_id(target("planner_c"));
  const std::string file = split_path(scratch / "debug", id);
  run("mkdir -p " + file.substr(0, file.rfind('/')));
  run("objcopy --only-keep-debug " + target("planner_shop") + " " + file);
  run("strip -o " + (scratch / "planner_c") + " " + target("planner_c"));
  const auto binary = open_target(scratch / "planner_c", {{scratch / "debug"}});
  REQUIRE(binary->debug_issues().size() == 2);
  CHECK_THAT(binary->debug_issues()[0].message,
             Contains("build-id " + id) && Contains("does not match debug file"));
  CHECK(binary->plan(probe_of("leaf")).plans.empty());
}

TEST_CASE("debug information by debuglink, with its CRC") {
  const ScratchDirectory scratch;
  run("objcopy --only-keep-debug " + target("planner_c") + " " + (scratch / "planner_c.debug"));
  run("cd " + (scratch / "") + " && objcopy --strip-all --add-gnu-debuglink=planner_c.debug " +
      target("planner_c") + " planner_c");
  const auto good = open_target(scratch / "planner_c", {{scratch / "none"}});
  CHECK(good->plan(probe_of("leaf")).plans.size() == 1);
  run("printf x >> " + (scratch / "planner_c.debug"));
  const auto bad = open_target(scratch / "planner_c", {{scratch / "none"}});
  REQUIRE(bad->debug_issues().size() == 2);
  CHECK_THAT(bad->debug_issues()[0].message, Contains("CRC of debug file"));
  CHECK(bad->plan(probe_of("leaf")).plans.empty());
}

TEST_CASE("a debug file beside a binary that is open already") {
  const ScratchDirectory scratch;
  run("objcopy --only-keep-debug " + target("planner_c") + " " + (scratch / "planner_c.debug"));
  run("cd " + (scratch / "") + " && objcopy --strip-all --add-gnu-debuglink=planner_c.debug " +
      target("planner_c") + " planner_c");
  const int file = ::open((scratch / "planner_c").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const std::string opened = "/proc/self/fd/" + std::to_string(file);
  const Binary::Options options{{scratch / "none"}};
  const auto plans = [&](const ModuleFile& module) {
    const auto binary = Binary::open(module, options);
    REQUIRE(binary.has_value());
    return (*binary)->plan(probe_of("leaf")).plans.size();
  };
  CHECK(plans({scratch / "planner_c", opened}) == 1);
  // As a process in a container sees it.
  CHECK(plans({"/in/there/planner_c", opened, scratch / "planner_c"}) == 1);
  CHECK(plans({"/in/there/planner_c", opened}) == 0);
  ::close(file);
}

TEST_CASE("compressed debug information") {
  const ScratchDirectory scratch;
  run("objcopy --compress-debug-sections=zlib " + target("planner_c") + " " + (scratch / "zlib"));
  CHECK(open_target(scratch / "zlib")->plan(probe_of("leaf")).plans.size() == 1);
}

TEST_CASE("files that are no binaries of ours") {
  const ScratchDirectory scratch;
  const auto code = [](const std::string& path) { return Binary::open({path, path}, {}).error().code; };
  CHECK(code(scratch / "absent") == schema::ErrorCode::kNotFound);
  CHECK(code(scratch / "") == schema::ErrorCode::kCorrupt);
  std::ofstream(scratch / "empty").flush();
  CHECK(code(scratch / "empty") == schema::ErrorCode::kCorrupt);
  std::ofstream(scratch / "text") << "#!/bin/sh\n";
  CHECK(code(scratch / "text") == schema::ErrorCode::kCorrupt);
  std::string other = read_text(target("planner_c"));
  other[18] = 40;  // e_machine: ARM
  std::ofstream(scratch / "arm") << other;
  CHECK(code(scratch / "arm") == schema::ErrorCode::kCorrupt);
  CHECK(read_build_id(scratch / "text").error().code == schema::ErrorCode::kCorrupt);
}

}  // namespace backsight::probes
