// Debian's redis at -O2 under redis-benchmark: the recorded keys and values are
// the ones that were sent (redis's own MONITOR is the witness), every command
// is one call, and redis's answers are right.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>
#include <sstream>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

struct Set {
  std::string key, value;
  bool operator==(const Set&) const = default;
};

// `1700000000.1 [0 127.0.0.1:5] "SET" "key" "value"`; benchmark data has no escapes.
std::vector<Set> monitored_sets(const std::string& text) {
  std::vector<Set> sets;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> words;
    for (std::size_t at = line.find('"'); at != std::string::npos; at = line.find('"', at + 1)) {
      const auto end = line.find('"', at + 1);
      words.push_back(line.substr(at + 1, end - at - 1));
      at = end;
    }
    if (words.size() == 3 && words[0] == "SET") sets.push_back({words[1], words[2]});
  }
  return sets;
}

std::string service(const std::string& server) {
  return R"(
  - name: redis
    match: { exe: ")" +
         server + R"(" }
    probes:
      - function: setCommand
        capture: [{key: "(sds)c->argv[1]->ptr"}, {value: "(sds)c->argv[2]->ptr"}, c->argc, {first: "c->argv[0..c->argc]"}]
      - function: processCommand
        capture: [c->argc, ret]
      - function: dbAdd
        capture: [{key: "(sds)key->ptr"}]
)";
}

class Redis {
 public:
  explicit Redis(const TempDir& dir)
      : bin_(std::getenv("BACKSIGHT_REDIS") + std::string("/ready/")),
        socket_(dir.file("redis.sock")),
        child_({bin_ + "redis-server", "--port", "0", "--unixsocket", socket_, "--save", "", "--dir",
                dir.path()},
               dir.file("redis.log")) {}
  std::string server() const { return bin_ + "redis-server"; }
  std::string socket() const { return socket_; }
  std::string bin() const { return bin_; }
  std::string cli(std::vector<std::string> words) const {
    std::vector<std::string> argv = {bin_ + "redis-cli", "-s", socket_};
    argv.insert(argv.end(), words.begin(), words.end());
    return run(argv).out;
  }
  bool up() const { return cli({"ping"}) == "PONG\n"; }

 private:
  std::string bin_, socket_;
  Child child_;
};

}  // namespace

TEST_CASE("redis: keys, values and counts are exactly those that were sent [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Redis redis(dir);
  Daemon daemon(dir, service(redis.server()));
  REQUIRE(daemon.wait_active(3));
  REQUIRE(eventually([&] { return redis.up(); }));
  const auto processed_before = calls(daemon.store(), "processCommand").size();
  Child monitor({redis.bin() + "redis-cli", "-s", redis.socket(), "monitor"}, dir.file("monitor"));
  REQUIRE(eventually([&] { return monitor.output().find("OK") != std::string::npos; }));
  constexpr int kSets = 5000;
  const auto bench = run({redis.bin() + "redis-benchmark", "-s", redis.socket(), "-t", "set", "-n",
                          std::to_string(kSets), "-r", "1000", "-d", "33", "-c", "8", "-q"});
  REQUIRE(bench.code == 0);
  REQUIRE(eventually([&] { return monitored_sets(monitor.output()).size() == kSets; }));
  const auto info = redis.cli({"info", "stats"});
  const std::string field = "total_commands_processed:";
  const auto processed = std::stoul(info.substr(info.find(field) + field.size()));
  std::map<std::string, std::string> last;
  const auto sent = monitored_sets(monitor.output());
  for (const auto& set : sent) last[set.key] = set.value;
  CHECK(redis.cli({"dbsize"}) == std::to_string(last.size()) + "\n");
  CHECK(redis.cli({"get", last.begin()->first}) == last.begin()->second + "\n");
  REQUIRE(daemon.stop() == 0);

  const auto sets = calls(daemon.store(), "setCommand");
  REQUIRE(sets.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    INFO(i << " " << json::serialize(sets[i]));
    const auto& args = sets[i].at("args").as_object();
    REQUIRE(args.at("key") == json::value(sent[i].key));
    REQUIRE(args.at("value") == json::value(sent[i].value));
    REQUIRE(args.at("c").at("argc") == 3);
    REQUIRE(args.at("first").as_array().size() == 3);
    REQUIRE(sets[i].at("exit_kind") == "return");
  }
  const auto adds = calls(daemon.store(), "dbAdd");
  CHECK(adds.size() == last.size());
  for (const auto& add : adds) CHECK(last.contains(std::string(add.at("args").at("key").as_string())));
  // INFO itself is not yet in its own count; dbsize and get came after it.
  CHECK(calls(daemon.store(), "processCommand").size() == processed + 3);
  CHECK(processed_before <= processed);
  // Nothing was lost; only the time before the probes were in place is missing.
  const auto gaps = ask(daemon.store(), {"gaps"});
  for (const auto& gap : gaps.at("gaps").as_array()) CHECK(gap.at("reason") == "not_attached");
}
