// Calls whose thread or process ends inside them: no destructor is skipped, counts
// are exact, and what was open is not shown as returned.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

constexpr std::size_t kFunctions = 6;

std::string service() {
  return R"(
  - name: gone
    match: { exe: ")" +
         target("thread_ends") + R"(" }
    probes:
      - function: "gone::leaves_thread"
      - function: "gone::waits"
      - function: "gone::computes"
      - function: "gone::in_child"
      - function: "gone::forks"
      - function: "gone::dies"
)";
}

std::map<std::string, std::size_t> exits(const json::array& rows) {
  std::map<std::string, std::size_t> count;
  for (const auto& row : rows) ++count[std::string(row.at("exit_kind").as_string())];
  return count;
}

// How a call is shown that nothing was seen to end but its thread or process.
std::size_t not_returned(const std::map<std::string, std::size_t>& count) {
  std::size_t sum = 0;
  for (const char* kind : {"unwound", "unknown"}) sum += count.contains(kind) ? count.at(kind) : 0;
  return sum;
}

}  // namespace

TEST_CASE("threads that end in the midst of a call [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, service());
  Child process({target("thread_ends")}, dir.file("out"));
  REQUIRE(daemon.wait_active(kFunctions));
  process.say("go\n");
  // Two destructors for each pthread_exit, one for each cancelled wait.
  REQUIRE(eventually([&] { return process.output().find("undone 60") != std::string::npos; }));
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  using Exits = std::map<std::string, std::size_t>;
  CHECK(exits(calls(daemon.store(), "gone::forks")) == Exits{{"return", 20}});
  for (const char* function : {"gone::leaves_thread", "gone::waits", "gone::computes"}) {
    INFO(function);
    const auto seen = exits(calls(daemon.store(), function));
    CHECK(not_returned(seen) == 20);
    CHECK(seen.size() == 1);
  }
  const auto in_child = calls(daemon.store(), "gone::in_child");
  CHECK(exits(in_child) == Exits{{"return", 20}});
}

TEST_CASE("a process that dies while its threads are in calls [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const int how = GENERATE(1, 2);
  TempDir dir;
  Daemon daemon(dir, service());
  Child process({target("thread_ends"), std::to_string(how)}, dir.file("out"));
  REQUIRE(daemon.wait_active(kFunctions));
  process.say("go\n");
  CHECK(process.wait() == (how == 1 ? 128 + SIGKILL : 7));
  REQUIRE(eventually([&] {
    const auto answer = ask(daemon.store(), {"processes"}).at("processes").as_array();
    return !answer.empty() && !answer[0].at("ended").is_null();
  }));
  const auto died = calls(daemon.store(), "gone::dies");
  REQUIRE(died.size() == 1);
  CHECK(died[0].at("exit_kind") == "unknown");
  const auto waits = calls(daemon.store(), "gone::waits");
  CHECK(waits.size() == 23);
  CHECK(not_returned(exits(waits)) == 23);
  // All of them were open when it died.
  const auto state = ask(daemon.store(), {"state", "--at", std::string(died[0].at("entry").as_string())});
  const std::string text = json::serialize(state);
  for (const char* value : {":100", ":101", ":102"}) CHECK(text.find(value) != std::string::npos);
  CHECK(daemon.stop() == 0);
}
