#include "collector/process_matcher.h"

#include <catch2/catch.hpp>

namespace backsight::collector {
namespace {

ProcessFacts checkout() {
  ProcessFacts facts;
  facts.pid = 41;
  facts.exe = "/opt/checkout/bin/checkout-v2";
  facts.cmdline = {"/opt/checkout/bin/checkout-v2", "--port", "80"};
  facts.cgroups = {"/system.slice/checkout.service", "/kubepods/pod7/abc"};
  return facts;
}

struct Row {
  const char* what;
  probes::MatchConfig match;
  bool expected;
};

probes::MatchConfig with(std::optional<std::string> exe, std::optional<std::string> cmdline = {},
                         std::optional<std::string> cgroup = {}, std::optional<std::string> unit = {},
                         std::optional<std::uint32_t> pid = {}) {
  return {std::move(exe), std::move(cmdline), std::move(cgroup), std::move(unit), pid, {}};
}

}  // namespace

TEST_CASE("A process belongs to a service when all given conditions hold") {
  const auto row = GENERATE(
      Row{"nothing given matches nothing", with({}), false},
      Row{"exe", with("/opt/checkout/bin/checkout*"), true},
      Row{"exe by file name", with("checkout-v?"), true},
      Row{"exe of another", with("/usr/bin/checkout*"), false},
      Row{"a star crosses slashes", with("/opt/*checkout-v2"), true},
      Row{"a star within a directory", with("/opt/*/bin/*"), true},
      Row{"the whole path", with("/opt/checkout/bin/checkout"), false},
      Row{"cmdline", with({}, "--port (80|81)$"), true},
      Row{"cmdline of another", with({}, "--port 8080"), false},
      Row{"cmdline anchored", with({}, "^checkout"), false}, Row{"cgroup", with({}, {}, "/kubepods/*"), true},
      Row{"cgroup of another", with({}, {}, "/kubepods"), false},
      Row{"unit", with({}, {}, {}, "checkout.service"), true},
      Row{"unit, short", with({}, {}, {}, "checkout"), true},
      Row{"unit, part of a name", with({}, {}, {}, "check"), false},
      Row{"pid", with({}, {}, {}, {}, 41), true}, Row{"another pid", with({}, {}, {}, {}, 42), false},
      Row{"all hold", with("checkout-*", "80", "/system*", "checkout", 41), true},
      Row{"one does not", with("checkout-*", "80", "/system*", "checkout", 42), false});
  INFO(row.what);
  CHECK(matches(row.match, checkout()) == row.expected);
}

TEST_CASE("A hostile command line neither crashes nor matches by accident") {
  auto facts = checkout();
  facts.cmdline = {std::string(1 << 20, 'a')};
  CHECK_FALSE(matches(with({}, "(a*)*b"), {}));
  CHECK(matches(with({}, "^a+$"), facts));
}

TEST_CASE("Only an exe condition lets every process of the file in") {
  CHECK(is_exe_only(with("/bin/x")));
  CHECK_FALSE(is_exe_only(with("/bin/x", "y")));
  CHECK_FALSE(is_exe_only(with({}, {}, {}, {}, 1)));
  CHECK_FALSE(is_exe_only(with({})));
}

}  // namespace backsight::collector
