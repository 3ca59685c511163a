// Functions whose cheap-looking places are wrong ones (targets/sites.c), probed
// under the real kernel: the target's own results stay right, and every call is
// seen once, with its arguments. Each rule of probes/sites.h keeps one of them so.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

constexpr std::size_t kRound = 50;  // calls of each function

std::string service(const std::string& functions) {
  return R"(
  - name: sites
    match: { exe: ")" +
         target("sites") + R"(" }
    probes:
)" + functions;
}

}  // namespace

TEST_CASE("what a hit costs here is measured once, and check uses it [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string path = dir.file("cache/site-costs.json");
  Child::Options options;
  options.environment = {"BACKSIGHT_CACHE_DIR=" + dir.file("cache")};
  const std::string probes = "      - function: \"good_push\"\n";
  write_file(dir.file("check.yaml"), "services:\n" + service(probes).substr(1));
  const auto check = [&] {
    const auto output =
        run({program("backsight"), "check", "-c", dir.file("check.yaml"), "--format", "json"}, options);
    INFO(output.err);
    return json::parse(output.out).at("probes").at(0).at("instances").at(0);
  };
  CHECK(check().at("cost_source") == "reference");
  Daemon daemon(dir, service(probes), {}, options);
  REQUIRE(eventually([&] { return read_file(path).find("single_step") != std::string::npos; }));
  CHECK(daemon.stop() == 0);
  const auto costs = json::parse(read_file(path)).as_object();
  CHECK(costs.at("emulated").as_int64() * 2 < costs.at("single_step").as_int64());
  const auto instance = check();
  CHECK(instance.at("cost_source") == "measured");
  CHECK(instance.at("cost_ns") == costs.at("emulated"));
}

TEST_CASE("wherever a site lies, the target is unharmed and every call is seen once [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::vector<std::string> functions = {
      "red_zone",     "red_zone_prefixed", "back_to_second", "table_to_second",
      "clobbered",    "early_exit",        "entered_inside", "split_off",
      "good_entry",   "good_cet",          "good_push",      "good_branch",
      "good_call",    "misdescribed",      "good_frame",     "good_tail_recursion",
      "stores_first", "stores_argument",   "loads_first",    "realigned"};
  std::string probes;
  for (const std::string& function : functions) probes += "      - function: \"" + function + "\"\n";
  probes += "      - function: \"exchanged\"\n      - function: \"loop_head\"\n";
  Daemon daemon(dir, service(probes));
  Child process({target("sites")}, dir.file("out"));
  REQUIRE(daemon.wait_active(functions.size()));
  process.say("go\ngo\n");
  const auto rounds = [&] {
    std::size_t done = 0;
    const std::string output = process.output();
    for (auto at = output.find("done\n"); at != std::string::npos; at = output.find("done\n", at + 1)) ++done;
    return done;
  };
  REQUIRE(eventually([&] { return rounds() == 2; }));
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  const auto truth = truth_of(process.output());
  for (const std::string& function : functions) {
    INFO(function);
    const auto recorded = calls(daemon.store(), function);
    const auto& expected = truth.at(function);
    REQUIRE(expected.size() == 2 * kRound);
    CHECK(recorded.size() == expected.size());
    if (recorded.size() != expected.size()) continue;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(json::serialize(recorded[i]));
      const auto& args = recorded[i].at("args").as_object();
      const auto& own = expected[i].at("args").as_object();
      if (args.contains("a")) CHECK(args.at("a") == own.at("a"));
      if (args.contains("b")) CHECK(args.at("b") == own.at("b"));
      if (args.contains("cell") && args.at("cell").is_object())
        CHECK(args.at("cell").at("value") == own.at("a"));
      if (args.contains("seventh")) CHECK(args.at("seventh") == 7);
      if (args.contains("eighth")) CHECK(args.at("eighth") == -8);
      CHECK(recorded[i].at("unavailable").as_object().empty());
    }
  }
  for (const std::string refused : {"exchanged", "loop_head"}) {
    INFO(refused);
    CHECK(calls(daemon.store(), refused).empty());
  }
}
