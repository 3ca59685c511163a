// When things go wrong: a message that says what to do, the other probes and
// the recorded past unharmed.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace backsight::tests;
namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

// A probe of `function`, and one of work() unless that is it.
std::string one_probe(const std::string& exe, const std::string& function) {
  return "  - name: family\n    match: { exe: \"" + exe + "\" }\n    probes:\n      - function: " + function +
         (function == "work" ? "\n" : "\n      - function: work\n");
}

// The message of the probe once it has failed, or is in that state.
std::string failure(const std::string& store, const std::string& probe, const char* state = "failed") {
  std::string message;
  eventually([&] {
    const auto result = run({program("backsight"), "probes", "--store", store, "--format", "json"});
    if (result.code != 0) return false;
    const auto answer = json::parse(result.out);
    for (const auto& row : answer.at("probes").as_array()) {
      if (row.at("probe") == json::value(probe) && row.at("state") == json::value(state)) {
        message = std::string(row.at("message").as_string());
      }
    }
    return !message.empty();
  });
  return message;
}

bool has_gap(const std::string& store, const std::string& reason) {
  const auto answer = ask(store, {"gaps"});
  const auto& gaps = answer.at("gaps").as_array();
  return std::any_of(gaps.begin(), gaps.end(),
                     [&](const json::value& gap) { return gap.at("reason") == json::value(reason); });
}

void make_ten_calls(Child& process) {
  process.say("plain\n");
  REQUIRE(eventually([&] { return process.output().find("done") != std::string::npos; }));
}

}  // namespace

TEST_CASE("a function that does not exist: nearest names, and the others run [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, one_probe(target("family"), "wrk"));
  Child process({target("family"), "x"}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  const auto message = failure(daemon.store(), "wrk", "pending");  // a library may bring it
  INFO(message);
  const auto log = daemon.log() + read_file(dir.file("daemon.log.err"));
  CHECK(log.find("warning: service family: probe wrk is pending") != std::string::npos);
  CHECK(message.find("wrk") != std::string::npos);
  CHECK(message.find("work") != std::string::npos);
  make_ten_calls(process);
  REQUIRE(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "work").size() == 10);
}

TEST_CASE("a stripped binary is named as such [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const auto exe = dir.file("family");
  REQUIRE(run({"/usr/bin/strip", "-o", exe, target("family")}).code == 0);
  Daemon daemon(dir, one_probe(exe, "main"));
  Child process({exe, "x"}, dir.file("out"));
  const auto message = failure(daemon.store(), "work");
  INFO(message);
  CHECK(message.find("debug information") != std::string::npos);
  make_ten_calls(process);
  CHECK(daemon.stop() == 0);
}

TEST_CASE("a debug file of another build is refused [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const auto exe = dir.file("family");
  REQUIRE(run({"/usr/bin/strip", "-o", dir.file("bare"), target("family")}).code == 0);
  REQUIRE(run({"/usr/bin/objcopy", "--only-keep-debug", target("values"), dir.file("family.debug")}).code ==
          0);
  REQUIRE(run({"/usr/bin/objcopy", "--add-gnu-debuglink=" + dir.file("family.debug"), dir.file("bare"), exe})
              .code == 0);
  Daemon daemon(dir, one_probe(exe, "main"));
  Child process({exe, "x"}, dir.file("out"));
  const auto message = failure(daemon.store(), "work");
  INFO(message);
  CHECK(message.find("build-id") != std::string::npos);
  CHECK(daemon.stop() == 0);
}

TEST_CASE("configuration errors have file, line and column, and exit 2", "[runtime]") {
  TempDir dir;
  write_file(dir.file("a.yaml"),
             "services:\n  - name: x\n    match: { exe: \"/bin/true\" }\n    probez: []\n");
  auto result = run({program("backsightd"), "--config", dir.file("a.yaml"), "--check"});
  CHECK(result.code == 2);
  CHECK(result.err.find("a.yaml:4:5") != std::string::npos);
  CHECK(result.err.find("probes") != std::string::npos);  // the nearest key
  write_file(dir.file("b.yaml"), "services: [\n");
  result = run({program("backsightd"), "--config", dir.file("b.yaml"), "--check"});
  CHECK(result.code == 2);
  CHECK(result.err.find("b.yaml:") != std::string::npos);
  result = run({program("backsightd"), "--config", dir.file("absent.yaml"), "--check"});
  CHECK(result.code == 2);
  CHECK(result.err.find("absent.yaml") != std::string::npos);
}

TEST_CASE("without permission the daemon says which, and exits 1", "[runtime]") {
  TempDir dir;
  write_file(dir.file("a.yaml"), "store: { path: " + dir.file("nobody") + " }\nservices:\n" +
                                     one_probe(target("family"), "work"));
  fs::create_directory(dir.file("nobody"));
  fs::permissions(dir.file("nobody"), fs::perms::all);
  const auto result = run({program("backsightd"), "--config", dir.file("a.yaml")}, {{}, 65534});
  INFO(result.err);
  CHECK(result.code == 1);
  CHECK(result.err.find("CAP_BPF") != std::string::npos);
}

TEST_CASE("an old kernel is named, with the version that is needed [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  write_file(dir.file("a.yaml"),
             "store: { path: " + dir.file("store") + " }\nservices:\n" + one_probe(target("family"), "work"));
  // The kernel itself says that it is a 2.6 then.
  const auto result =
      run({"/usr/bin/setarch", "--uname-2.6", program("backsightd"), "--config", dir.file("a.yaml")});
  INFO(result.err);
  CHECK(result.code == 1);
  CHECK(result.err.find("Linux 2.6") != std::string::npos);
  CHECK(result.err.find("5.15") != std::string::npos);
}

TEST_CASE("a damaged store: what is undamaged is shown, and the damage is named [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  std::string store;
  {
    Daemon daemon(dir, one_probe(target("family"), "work"));
    Child process({target("family"), "x"}, dir.file("out"));
    REQUIRE(daemon.wait_active(1));
    make_ten_calls(process);
    REQUIRE(daemon.stop() == 0);
    store = daemon.store();
  }
  // A second service with a sound past.
  fs::copy(store + "/services/family", store + "/services/sound", fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(store + "/services/family")) {
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(static_cast<std::size_t>(entry.file_size()), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
    file.seekp(0);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  const auto verified = run({program("backsight"), "store", "verify", "--store", store, "--format", "json"});
  INFO(verified.out << verified.err);
  CHECK(verified.out.find("services/family") != std::string::npos);
  CHECK(verified.out.find("services/sound") == std::string::npos);
  CHECK(calls(store, "work", {"-s", "sound"}).size() == 10);
  const auto damaged = run({program("backsight"), "calls", "work", "-s", "family", "--store", store,
                            "--format", "json", "--strict"});
  INFO(damaged.out << damaged.err);
  CHECK((damaged.code == 1 || damaged.code == 3));
  // A new recording goes on beside it.
  Daemon daemon(dir, one_probe(target("family"), "work"));
  Child process({target("family"), "x"}, dir.file("out2"));
  REQUIRE(eventually([&] {
    process.say("plain\n");
    const auto result = run({program("backsight"), "services", "--store", store, "--format", "json"});
    return result.code == 0 && daemon.child().running() && daemon.log().find("abort") == std::string::npos &&
           process.running();
  }));
  CHECK(daemon.stop() == 0);
}

TEST_CASE("a store that is locked names who holds it [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, one_probe(target("family"), "work"));
  Child process({target("family"), "x"}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  const auto second = run({program("backsightd"), "--config", dir.file("backsight.yaml")});
  INFO(second.err);
  CHECK(second.code == 1);
  CHECK(second.err.find(std::to_string(daemon.child().pid())) != std::string::npos);
  CHECK(daemon.stop() == 0);
}

TEST_CASE("a full disk stops recording with a gap and recording resumes [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  fs::create_directory(dir.file("store"));
  if (::mount("tmpfs", dir.file("store").c_str(), "tmpfs", 0, "size=160m") != 0) {
    WARN("SKIPPED: cannot mount a tmpfs here");
    return;
  }
  {
    Daemon daemon(dir, one_probe(target("family"), "work"));
    Child process({target("family"), "x"}, dir.file("out"));
    REQUIRE(daemon.wait_active(1));
    make_ten_calls(process);
    REQUIRE(eventually([&] { return calls(daemon.store(), "work").size() == 10; }));
    {
      std::ofstream fill(dir.file("store") + "/filler");
      const std::string block(1 << 20, 'x');
      while (fill.write(block.data(), static_cast<std::streamsize>(block.size())) && fill.flush()) {
      }
    }
    process.say("plain\n");
    REQUIRE(
        eventually([&] { return read_file(dir.file("daemon.log.err")).find("space") != std::string::npos; }));
    CHECK(daemon.child().running());
    fs::remove(dir.file("store") + "/filler");
    REQUIRE(eventually([&] {
      process.say("plain\n");
      return calls(daemon.store(), "work").size() >= 20;
    }));
    CHECK(eventually([&] { return has_gap(daemon.store(), "store_full"); }));
    CHECK(daemon.stop() == 0);
  }
  CHECK(::umount(dir.file("store").c_str()) == 0);
}

TEST_CASE("kill -9 of the collector loses nothing acknowledged, and the gap is named [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Child process({target("family"), "x"}, dir.file("out"));
  {
    Daemon daemon(dir, one_probe(target("family"), "work"));
    REQUIRE(daemon.wait_active(1));
    make_ten_calls(process);
    REQUIRE(eventually([&] { return calls(daemon.store(), "work").size() == 10; }));
    daemon.child().signal(SIGKILL);
    daemon.child().wait();
    CHECK(calls(daemon.store(), "work").size() == 10);
  }
  Daemon again(dir, one_probe(target("family"), "work"));
  REQUIRE(again.wait_active(1));
  // `active` may still be the word of the one that was killed.
  REQUIRE(eventually([&] {
    process.say("plain\n");
    return calls(again.store(), "work").size() >= 20;
  }));
  const auto gaps = ask(again.store(), {"gaps"});
  std::size_t down = 0;
  for (const auto& gap : gaps.at("gaps").as_array()) {
    if (gap.at("reason") != "collector_down") continue;
    ++down;
    // Nothing that was recorded lies within it.
    for (const auto& call : calls(again.store(), "work")) {
      const auto entry = call.at("entry").as_string();
      CHECK((entry <= gap.at("from").as_string() || entry >= gap.at("to").as_string()));
    }
  }
  CHECK(down == 1);
  CHECK(again.stop() == 0);
}

TEST_CASE("older kernels' uprobes give the same calls [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Child::Options options;
  options.environment = {"BACKSIGHT_FORCE_PERF_UPROBES=1"};
  Daemon daemon(dir, one_probe(target("family"), "main"), {}, options);
  Child process({target("family"), "x"}, dir.file("out"));
  REQUIRE(daemon.wait_active(2));
  make_ten_calls(process);
  REQUIRE(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "work").size() == 10);
}
