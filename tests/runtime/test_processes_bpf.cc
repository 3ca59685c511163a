// Processes that start, fork, exec and load a library later, with exact counts.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

std::string service(const std::string& exe, const std::string& match = {}) {
  return "  - name: family\n    match: { " + (match.empty() ? "exe: \"" + exe + "\"" : match) +
         " }\n    probes:\n      - function: work\n      - function: plugin_work\n        module: "
         "\"*libplugin.so*\"\n";
}

std::set<std::int64_t> values(const json::array& rows) {
  std::set<std::int64_t> seen;
  for (const auto& row : rows) seen.insert(row.at("args").at("value").as_int64());
  return seen;
}

// Says one word and waits until the target has done it.
void order(Child& process, const std::string& word, int& done) {
  process.say(word + "\n");
  ++done;
  REQUIRE(eventually([&] {
    const auto text = process.output();
    int count = 0;
    for (std::size_t at = 0; (at = text.find("done", at)) != std::string::npos; ++at) ++count;
    return count >= done;
  }));
}

}  // namespace

TEST_CASE("fork, exec and dlopen: every call of every process once [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = target("family");
  const std::string plugin = target("libplugin.so");
  Daemon daemon(dir, service(exe));
  Child process({exe, plugin}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  int done = 0;
  for (const char* word : {"plain", "fork", "exec", "fork", "exec"}) order(process, word, done);
  order(process, "load", done);
  REQUIRE(daemon.wait_active(2));
  order(process, "plugin", done);
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  const auto work = calls(daemon.store(), "work");
  CHECK(work.size() == 70 + 40);
  CHECK(values(work).size() == work.size());
  CHECK(calls(daemon.store(), "plugin_work").size() == 10);
  const auto processes = ask(daemon.store(), {"processes"}).at("processes").as_array();
  std::set<std::int64_t> pids;
  for (const auto& row : processes) pids.insert(row.at("pid").as_int64());
  CHECK(pids.size() == 5);
  for (const auto& row : processes) CHECK_FALSE(row.at("ended").is_null());
}

TEST_CASE("processes are found by command line and by pid [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = target("family");
  Child chosen({exe, "chosen-one"}, dir.file("chosen"));
  Child other({exe, "other-one"}, dir.file("other"));
  REQUIRE(eventually([&] { return chosen.output() == "ready\n" && other.output() == "ready\n"; }));
  const bool by_pid = GENERATE(true, false);
  Daemon daemon(dir,
                service(exe, by_pid ? "pid: " + std::to_string(chosen.pid()) : "cmdline: \"chosen-.ne$\""));
  REQUIRE(daemon.wait_active(1));
  int done = 0;
  order(chosen, "plain", done);
  done = 0;
  order(other, "plain", done);
  REQUIRE(daemon.stop() == 0);
  const auto rows = calls(daemon.store(), "work");
  CHECK(rows.size() == 10);
  for (const auto& row : rows) CHECK(row.at("process").at("pid") == chosen.pid());
}

TEST_CASE("a function of a library that is loaded later is awaited, told once [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = target("family");
  Daemon daemon(dir, "  - name: family\n    match: { exe: \"" + exe +
                         "\" }\n    probes:\n      - function: work\n      - function: plugin_work\n");
  Child process({exe, target("libplugin.so")}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  REQUIRE(eventually([&] {
    const auto answer = ask(daemon.store(), {"probes"});
    const auto& probes = answer.at("probes").as_array();
    return std::any_of(probes.begin(), probes.end(), [](const json::value& row) {
      return row.at("probe") == "plugin_work" && row.at("state") == "pending" &&
             row.at("message").as_string().find("no function plugin_work") != json::string::npos;
    });
  }));
  int done = 0;
  order(process, "load", done);
  REQUIRE(daemon.wait_active(2));
  order(process, "plugin", done);
  REQUIRE(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "plugin_work").size() == 10);
  const auto log = read_file(dir.file("daemon.log.err")) + daemon.log();
  INFO(log);
  CHECK(log.find("error:") == std::string::npos);
  const auto first = log.find("no function plugin_work");
  REQUIRE(first != std::string::npos);
  CHECK(log.find("no function plugin_work", first + 1) == std::string::npos);
}

TEST_CASE("a binary replaced while running is planned from the running one [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = dir.file("service");
  std::filesystem::copy_file(target("family"), exe);
  Child process({exe, "x"}, dir.file("out"));
  REQUIRE(eventually([&] { return process.output() == "ready\n"; }));
  std::filesystem::remove(exe);
  std::filesystem::copy_file(target("values"), exe);
  Daemon daemon(dir, service(exe));
  REQUIRE(daemon.wait_active(1));
  int done = 0;
  order(process, "plain", done);
  REQUIRE(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "work").size() == 10);
}

TEST_CASE("SIGHUP applies only what changed [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = target("family");
  Child process({exe, target("libplugin.so")}, dir.file("out"));
  Daemon daemon(dir, service(exe));
  REQUIRE(daemon.wait_active(1));
  int done = 0;
  order(process, "plain", done);
  daemon.reload(service(exe) + "  - name: second\n    match: { exe: \"" + exe +
                "\" }\n    probes:\n      - function: main\n" + "      - function: work\n");
  REQUIRE(daemon.wait_active(2));
  order(process, "plain", done);
  // A broken file changes nothing.
  daemon.reload("  - name: family\n    nonsense: 1\n");
  REQUIRE(eventually(
      [&] { return read_file(dir.file("daemon.log.err")).find("nonsense") != std::string::npos; }));
  order(process, "plain", done);
  REQUIRE(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "work", {"-s", "family"}).size() == 30);
  CHECK(calls(daemon.store(), "work", {"-s", "second"}).size() == 20);
}
