// Stacks of calls are the ones that gdb shows at the same breakpoint.
#include "tests/runtime/gdb_stacks.h"
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

std::string service(const std::string& exe, const std::string& kind) {
  return R"(
  - name: stacks
    match: { exe: ")" +
         exe + R"(" }
    probes:
      - function: "shop::probed"
        stack: )" +
         kind + "\n";
}

std::vector<std::string> frames_of(const json::object& call) {
  std::vector<std::string> frames;
  if (!call.at("stack").is_array()) return frames;
  for (const auto& frame : call.at("stack").as_array()) frames.emplace_back(frame.as_string());
  return frames;
}

std::string reason_of(const json::object& call) {
  const auto* reason = call.at("unavailable").as_object().if_contains("stack");
  return reason ? std::string(reason->as_string()) : std::string();
}

std::vector<std::string> first(std::vector<std::string> frames, std::size_t count) {
  if (frames.size() > count) frames.resize(count);
  return frames;
}

// Without lines: whether a library has debug information is not ours to say. gdb knows a
// function without a name as "??".
std::vector<std::string> names_of(std::vector<std::string> frames) {
  for (auto& frame : frames) {
    if (frame == "<signal handler called>") frame = "__restore_rt";
    frame = frame.substr(0, frame.rfind(' '));
    if (frame.find(".so") != std::string::npos) frame = "??";
    // The C library's functions have several names.
    if (frame.rfind("__GI_", 0) == 0) frame = frame.substr(5);
    frame = frame.substr(frame.find_first_not_of('_'));
  }
  // gdb deduces that raise() got there by a jump; no return address says so.
  std::erase(frames, "pthread_kill_internal");
  return frames;
}

// With lines, what is the target's own.
std::vector<std::string> in_program(const std::vector<std::string>& frames) {
  std::vector<std::string> own;
  for (const auto& frame : frames) {
    if (frame.find(" stacks.cc:") != std::string::npos) own.push_back(frame);
  }
  return own;
}

// Records `rounds` rounds of the target; the store stays in `dir`.
std::string record(const TempDir& dir, const std::string& exe, const std::string& kind, int rounds) {
  Daemon daemon(dir, service(exe, kind));
  Child process({exe}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  std::string done;
  for (int i = 0; i < rounds; ++i) {
    process.say("go\n");
    done += "done\n";
    REQUIRE(eventually([&] { return process.output() == done; }));
  }
  constexpr std::size_t kCalls = 6;  // of each round
  const auto stored = [&] { return backsight::tests::calls(daemon.store(), "shop::probed").size(); };
  REQUIRE(eventually([&] { return stored() == static_cast<std::size_t>(rounds) * kCalls; }));
  process.signal(SIGTERM);
  process.wait();
  REQUIRE(daemon.stop() == 0);
  return daemon.store();
}

std::map<std::int64_t, json::object> by_id(const json::array& calls) {
  std::map<std::int64_t, json::object> found;
  for (const auto& call : calls) found[call.at("args").at("id").as_int64()] = call.as_object();
  return found;
}

}  // namespace

TEST_CASE("stacks by frame pointers are gdb's, the caller at the entry too [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto exe = target("stacks_fp");
  const auto expected = gdb_stacks(exe, "shop::probed", "go\n");
  TempDir dir;
  const auto store = record(dir, exe, "fp", 2);
  const auto calls = backsight::tests::calls(store, "shop::probed");
  REQUIRE(calls.size() == 2 * expected.size());
  const auto shown = by_id(calls);
  // Up to main: the C library has no frame pointers.
  for (const auto& [id, depth] : std::map<int, std::size_t>{{10, 5}, {20, 24}, {30, 2}, {40, 2}, {50, 3}}) {
    INFO(id << " " << json::serialize(shown.at(id)));
    CHECK(first(frames_of(shown.at(id)), depth) == first(expected.at(id), depth));
  }
  // What is not whole says so, and where: the frames of the library are not believed.
  CHECK(frames_of(shown.at(30)).back() == "…");
  CHECK(reason_of(shown.at(30)) == "bad_address");
  CHECK(frames_of(shown.at(60)).size() == 128);
  CHECK(frames_of(shown.at(60)).back() == "…");
  CHECK(reason_of(shown.at(60)) == "depth_limit");
}

TEST_CASE("stacks by .eh_frame are gdb's: inlined frames, libraries, signals, threads [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto exe = target("stacks");
  const auto expected = gdb_stacks(exe, "shop::probed", "go\n");
  TempDir dir;
  const auto store = record(dir, exe, "dwarf", 2);
  const auto calls = backsight::tests::calls(store, "shop::probed");
  REQUIRE(calls.size() == 2 * expected.size());
  const auto shown = by_id(calls);
  for (const int id : {10, 20, 30, 40, 50}) {
    INFO(id << " " << json::serialize(shown.at(id)));
    CHECK(reason_of(shown.at(id)).empty());
    CHECK(names_of(frames_of(shown.at(id))) == names_of(expected.at(id)));
    CHECK(in_program(frames_of(shown.at(id))) == in_program(expected.at(id)));
  }
  // Deeper than what is copied: all that is there, and no more.
  const auto deep = frames_of(shown.at(60));
  REQUIRE(deep.size() > 100);
  CHECK(deep.back() == "…");
  CHECK(reason_of(shown.at(60)) == "byte_limit");
  CHECK(first(deep, deep.size() - 1) == first(expected.at(60), deep.size() - 1));
}

TEST_CASE("stacks that are none harm nothing, and are not believed [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto* const kind = GENERATE("fp", "dwarf");
  INFO(kind);
  TempDir dir;
  const auto store = record(dir, target("stacks_odd"), kind, 3);
  const auto calls = backsight::tests::calls(store, "shop::probed");
  REQUIRE(calls.size() == 18);
  const auto shown = by_id(calls);
  for (const int id : {1, 2, 3, 4, 5}) {
    INFO(id << " " << json::serialize(shown.at(id)));
    const auto frames = frames_of(shown.at(id));
    // The function itself and who called it; then garbage.
    REQUIRE(frames.size() == 3);
    CHECK(frames[0] == "shop::probed stacks_odd.cc:17");
    CHECK(frames[1].find("call_on stacks_odd.cc:") != std::string::npos);
    CHECK(frames[2] == "…");
    CHECK_FALSE(reason_of(shown.at(id)).empty());
  }
  const auto other = frames_of(shown.at(6));
  REQUIRE(other.size() >= 2);
  CHECK(other[1].find("on_other_stack stacks_odd.cc:") != std::string::npos);
}

TEST_CASE("a probe that redacts sends no stack that might show it [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto exe = target("stacks");
  TempDir dir;
  Daemon daemon(dir, service(exe, "dwarf") + "        redact: [\"*.secret\"]\n");
  Child process({exe}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  process.say("go\n");
  REQUIRE(eventually([&] { return process.output() == "done\n"; }));
  REQUIRE(daemon.stop() == 0);
  for (const auto& call : backsight::tests::calls(daemon.store(), "shop::probed")) {
    CHECK(call.at("stack").is_null());
    CHECK(reason_of(call.as_object()) == "redacted");
  }
}

TEST_CASE("redis: stacks are gdb's, by either way [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto* const kind = GENERATE("fp", "dwarf");
  INFO(kind);
  const char* built = std::getenv("BACKSIGHT_REDIS");
  REQUIRE(built != nullptr);
  const std::string bin = built + std::string("/ready/");
  TempDir dir;
  const auto socket = dir.file("redis.sock");
  const auto cli = [&](std::vector<std::string> words) {
    std::vector<std::string> argv = {bin + "redis-cli", "-s", socket};
    argv.insert(argv.end(), words.begin(), words.end());
    return run(argv).out;
  };
  const auto up = [&] { return cli({"ping"}) == "PONG\n"; };
  const std::string arguments = "--port 0 --unixsocket " + socket + " --save '' --dir " + dir.path();

  std::vector<std::string> expected;
  {
    write_file(dir.file("commands"), gdb_commands("dbAdd", "1", arguments));
    Child gdb({"/usr/bin/gdb", "-q", "-batch", "-nx", "-x", dir.file("commands"), bin + "redis-server"},
              dir.file("gdb.out"));
    REQUIRE(eventually(up, std::chrono::seconds(60)));
    CHECK(cli({"set", "a", "1"}) == "OK\n");
    cli({"shutdown", "nosave"});
    gdb.wait();
    expected = read_gdb_stacks(gdb.output())[1];
    REQUIRE(expected.size() > 5);
  }
  std::string store;
  {
    Daemon daemon(dir, R"(
  - name: stacks
    match: { exe: ")" + bin +
                           R"(redis-server" }
    probes:
      - function: dbAdd
        capture: []
        stack: )" + kind + "\n");
    Child redis(
        {bin + "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir.path()},
        dir.file("redis.log"));
    REQUIRE(daemon.wait_active(1));
    REQUIRE(eventually(up));
    for (int i = 0; i < 20; ++i) CHECK(cli({"set", "key" + std::to_string(i), "1"}) == "OK\n");
    REQUIRE(daemon.stop() == 0);
    store = daemon.store();
  }
  const auto adds = backsight::tests::calls(store, "dbAdd");
  REQUIRE(adds.size() == 20);
  for (const auto& add : adds) {
    INFO(json::serialize(add));
    auto frames = frames_of(add.as_object());
    if (kind == std::string("dwarf")) {
      CHECK(reason_of(add.as_object()).empty());
      CHECK(names_of(frames) == names_of(expected));
    } else {
      // What frame pointers lead to is in the true stack, in its order.
      if (frames.back() == "…") frames.pop_back();
      REQUIRE(frames.size() >= 2);
      CHECK(first(frames, 2) == first(expected, 2));
      auto at = expected.begin();
      for (const auto& frame : names_of(frames)) {
        const auto names = names_of({at, expected.end()});
        const auto found = std::find(names.begin(), names.end(), frame);
        CHECK(found != names.end());
        at += found == names.end() ? 0 : found - names.begin() + 1;
      }
    }
  }
}
