// Frames left by exception, longjmp, tail call, deep recursion, exit and death:
// the target is unharmed, and every call ends as what it was.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

std::string service() {
  return R"(
  - name: leave
    match: { exe: ")" +
         target("unwinds") + R"(" }
    probes:
      - function: "leave::*"
)";
}

std::map<std::string, std::size_t> exits(const json::array& rows) {
  std::map<std::string, std::size_t> count;
  for (const auto& row : rows) ++count[std::string(row.at("exit_kind").as_string())];
  return count;
}

}  // namespace

TEST_CASE("every way out of a frame is told apart, and the target finishes [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, service());
  std::string output;
  {
    Child process({target("unwinds")}, dir.file("out"));
    REQUIRE(daemon.wait_active(10));
    process.say("go\ngo\n");
    REQUIRE(eventually([&] { return process.output().find("caught 20") != std::string::npos; }));
    process.signal(SIGTERM);
    process.wait();
  }
  REQUIRE(daemon.stop() == 0);
  using Exits = std::map<std::string, std::size_t>;
  CHECK(exits(calls(daemon.store(), "leave::inner")) == Exits{{"return", 40}, {"unwound", 20}});
  CHECK(exits(calls(daemon.store(), "leave::outer")) == Exits{{"return", 40}, {"unwound", 20}});
  CHECK(exits(calls(daemon.store(), "leave::jumps")) == Exits{{"return", 30}, {"unwound", 30}});
  CHECK(exits(calls(daemon.store(), "leave::callee")) == Exits{{"return", 60}});
  CHECK(exits(calls(daemon.store(), "leave::tail")) == Exits{{"unknown", 60}});
  CHECK(exits(calls(daemon.store(), "leave::refuses")) == Exits{{"unwound", 12}});
  const auto recursion = calls(daemon.store(), "leave::recurse");
  CHECK(exits(recursion) == Exits{{"return", 402}});
  for (const auto& call : recursion) {
    const auto depth = call.at("args").at("depth").as_int64();
    CHECK(call.at("return").as_int64() == depth + 1);
  }
}

TEST_CASE("a target that dies in the middle of a call leaves it open, then unknown [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const int how = GENERATE(1, 2);
  TempDir dir;
  Daemon daemon(dir, service());
  Child process({target("unwinds"), std::to_string(how)}, dir.file("out"));
  REQUIRE(daemon.wait_active(10));
  process.say("go\n");
  CHECK(process.wait() == (how == 1 ? 128 + SIGKILL : 7));
  std::string error;
  REQUIRE(eventually([&] {
    const auto answer = ask(daemon.store(), {"processes"}).at("processes").as_array();
    return answer.size() == 1 && !answer[0].at("ended").is_null();
  }));
  const auto died = calls(daemon.store(), "leave::dies");
  REQUIRE(died.size() == 1);
  CHECK(died[0].at("exit_kind") == "unknown");
  CHECK(died[0].at("args").at("how") == how);
  // The moment before its death still shows the call open.
  const auto entry = std::string(died[0].at("entry").as_string());
  const auto state = ask(daemon.store(), {"state", "--at", entry});
  CHECK(json::serialize(state).find("leave::dies") != std::string::npos);
  CHECK(daemon.stop() == 0);
}

TEST_CASE("a call that never returns is open as long as it lasts [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, service());
  Child process({target("unwinds"), "3"}, dir.file("out"));
  REQUIRE(daemon.wait_active(10));
  process.say("go\n");
  CHECK(eventually([&] {
    const auto state = ask(daemon.store(), {"state"});
    const auto& processes = state.at("processes").as_array();
    return processes.size() == 1 &&
           json::serialize(processes[0].at("threads")).find("leave::serves") != std::string::npos;
  }));
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  const auto served = calls(daemon.store(), "leave::serves");
  REQUIRE(served.size() == 1);
  CHECK(served[0].at("exit_kind") == "unknown");
}

TEST_CASE("the collector's end does not disturb the target [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Child process({target("unwinds")}, dir.file("out"));
  {
    Daemon daemon(dir, service());
    REQUIRE(daemon.wait_active(10));
    process.say("go\n");
    daemon.child().signal(SIGKILL);
    daemon.child().wait();
  }
  process.say("go\n");
  REQUIRE(eventually([&] { return process.output().find("caught 20") != std::string::npos; }));
}
