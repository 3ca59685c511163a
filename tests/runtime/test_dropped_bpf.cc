// Parameters that the compiler does not pass to its copy of a function
// (targets/dropped.cc): shown where the call tells them, and never those of another call.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

struct Counted {
  std::size_t shown = 0;
  std::size_t unavailable = 0;
};

}  // namespace

TEST_CASE("what only the caller knows is shown where the caller is known [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const std::string binary = GENERATE(std::string("dropped"), std::string("dropped_dwarf4"));
  INFO(binary);
  TempDir dir;
  const std::vector<std::string> functions = {"counted", "nested", "bounced", "taken_apart"};
  std::string service = "\n  - name: dropped\n    match: { exe: \"" + target(binary) + "\" }\n    probes:\n";
  for (const std::string& function : functions) service += "      - function: \"" + function + "\"\n";
  Daemon daemon(dir, service);
  Child process({target(binary)}, dir.file("out"));
  REQUIRE(daemon.wait_active(functions));
  process.say("go\n");
  REQUIRE(eventually([&] { return process.output().find("done\n") != std::string::npos; }));
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  auto truth = truth_of(process.output());
  std::map<std::string, Counted> counted;
  for (const std::string& function : functions) {
    INFO(function);
    const auto recorded = calls(daemon.store(), function);
    const auto& expected = truth[function];
    REQUIRE(recorded.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto& args = recorded[i].at("args").as_object();
      const auto& own = expected[i].at("args").as_object();
      INFO(json::serialize(recorded[i]) << "\n" << json::serialize(expected[i]));
      CHECK(args.at("n") == own.at("n"));
      if (args.at("gone").is_null()) {
        CHECK(recorded[i].at("unavailable").at("gone") == "optimized_out");
        ++counted[function].unavailable;
      } else {
        CHECK(args.at("gone") == own.at("gone"));
        ++counted[function].shown;
      }
    }
  }
  // By register, as a constant, from the caller's memory; not behind a jump.
  CHECK(counted["counted"].shown >= 40);
  CHECK(counted["counted"].unavailable >= 20);
  CHECK(counted["nested"].shown >= 20);
  // It may be entered again with the return address of a call that it left by a jump.
  CHECK(counted["bounced"].shown == 0);
}
