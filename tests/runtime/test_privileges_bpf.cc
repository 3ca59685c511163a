// What backsightd's threads may do while it records, and that it records all the same.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace backsight::tests {
namespace {

constexpr uid_t kNobody = 65534;
constexpr const char* kNone = "0000000000000000";
// CAP_BPF, CAP_PERFMON, CAP_CHECKPOINT_RESTORE, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
constexpr const char* kAttaching = "000001c000080004";
std::map<std::string, std::string> status_of(const std::string& task) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(read_file(task + "/status"));
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    const auto value = line.find_first_not_of(" \t", colon + 1);
    if (value != std::string::npos) fields[line.substr(0, colon)] = line.substr(value);
  }
  return fields;
}

// Of a container's root, say.
bool has_all() {
  const auto permitted = std::stoull(status_of("/proc/self")["CapPrm"], nullptr, 16);
  return (permitted & 0x1c000080104) == 0x1c000080104;  // and CAP_SETPCAP
}

struct Task {
  std::string name;
  std::map<std::string, std::string> status;
};

std::vector<Task> tasks_of(pid_t pid) {
  std::vector<Task> tasks;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    auto status = status_of(entry.path().string());
    if (status.contains("Name")) tasks.push_back({status["Name"], std::move(status)});
  }
  return tasks;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (status_of(entry.path().string())["PPid"] == std::to_string(parent))
      children.push_back(std::stoi(name));
  }
  return children;
}

void check_locked(const Task& task) {
  for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) CHECK(task.status.at(set) == kNone);
  CHECK(task.status.at("NoNewPrivs") == "1");
  CHECK(task.status.at("Seccomp") == "2");
}

// A target of another user, with a copy of the library that it loads, which nobody else may read.
struct Family {
  TempDir dir;
  std::string library = dir.file("libplugin.so");
  Child child;

  Family() : child({target("family"), copy_library()}, open_output(), {.environment = {}, .uid = kNobody}) {
    REQUIRE(eventually([&] { return child.output().find("ready") != std::string::npos; }));
  }
  void say(const std::string& word) {
    const auto before = child.output().size();
    child.say(word + "\n");
    REQUIRE(eventually([&] { return child.output().size() > before; }));
  }

 private:
  std::string copy_library() const {
    std::filesystem::copy_file(target("libplugin.so"), library);
    REQUIRE(::chown(library.c_str(), kNobody, kNobody) == 0);
    REQUIRE(::chmod(library.c_str(), 0700) == 0);
    return library;
  }
  std::string open_output() const {
    REQUIRE(::chmod(dir.path().c_str(), 0777) == 0);
    return dir.file("out");
  }
};

std::string service(const Family& family, const std::string& probes) {
  return "  - name: family\n    match: { pid: " + std::to_string(family.child.pid()) + " }\n    probes: [" +
         probes + "]\n";
}

constexpr const char* kWork = "{function: work}";
constexpr const char* kBoth = "{function: work}, {function: plugin_work, module: \"libplugin*\"}";

TEST_CASE("root keeps what attaching needs, in the threads that attach [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  if (::geteuid() != 0 || !has_all()) {
    WARN("SKIPPED: needs root with all capabilities");
    return;
  }
  Family family;
  TempDir dir;
  Daemon daemon(dir, service(family, kWork), {"--record-tape", dir.file("tape")});
  REQUIRE(daemon.wait_active(1));
  family.say("load");
  daemon.reload(service(family, kBoth));
  REQUIRE(daemon.wait_active({"work", "plugin_work"}));
  family.say("plugin");
  const auto answered =
      run({program("backsight"), "services", "--server", "127.0.0.1:" + std::to_string(daemon.port())});
  CHECK(answered.code == 0);
  std::multiset<std::string> plain;
  for (const Task& task : tasks_of(daemon.child().pid())) {
    CAPTURE(task.name);
    check_locked(task);
    CHECK(task.status.at("CapEff") == task.status.at("CapPrm"));
    const std::string& has = task.status.at("CapPrm");
    if (task.name == "backsightd") {
      CHECK(has == kAttaching);
    } else {
      CHECK(has == kNone);
      plain.insert(task.name);
    }
  }
  CHECK(plain.count("store") >= 1);
  CHECK(plain.count("http") >= 3);
  const auto planners = children_of(daemon.child().pid());
  CHECK(!planners.empty());
  for (const pid_t planner : planners) {
    for (const Task& task : tasks_of(planner)) {
      CHECK(task.status.at("CapPrm") == kNone);
      check_locked(task);
    }
  }
  daemon.reload(service(family, kWork));
  CHECK(eventually([&] {
    return daemon.log().find("detached") != std::string::npos ||
           read_file(dir.file("daemon.log.err")).find("reloaded: 1") != std::string::npos;
  }));
  family.say("more");
  CHECK(daemon.stop() == 0);
  CHECK(calls(daemon.store(), "plugin_work").size() == 10);
  CHECK(calls(daemon.store(), "work").size() == 30);
  const auto loaded =
      run({program("backsightd"), "--replay-tape", dir.file("tape"), "--store", dir.file("again")});
  CAPTURE(loaded.err);
  CHECK(loaded.code == 0);
  CHECK(calls(dir.file("again"), "work").size() == 30);
  const std::string log = daemon.log() + read_file(dir.file("daemon.log.err"));
  CHECK(log.find("not permitted") == std::string::npos);
}

TEST_CASE("a user with ambient capabilities records other users' processes [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  if (::geteuid() != 0 || !has_all()) {
    WARN("SKIPPED: needs root with all capabilities");
    return;
  }
  constexpr uid_t kUser = 65533;
  Family family;
  family.say("load");
  TempDir dir;
  REQUIRE(::chown(dir.path().c_str(), kUser, kUser) == 0);
  const std::string config = dir.file("backsight.yaml"), store = dir.file("store");
  write_file(config, "store: { path: " + store + " }\nservices:\n" + service(family, kBoth));
  const std::string sets = "+bpf,+perfmon,+sys_ptrace,+dac_read_search,+checkpoint_restore";
  Child daemon({"/usr/bin/setpriv", "--reuid", std::to_string(kUser), "--regid", std::to_string(kUser),
                "--clear-groups", "--inh-caps", sets, "--ambient-caps", sets, "--bounding-set",
                "-all," + sets, program("backsightd"), "--config", config},
               dir.file("log"), {.environment = {"BACKSIGHT_CACHE_DIR=" + dir.path()}, .uid = 0});
  const bool active = eventually([&] {
    return read_file(dir.file("log.err")).find("plugin_work in " + family.library + " is active") !=
           std::string::npos;
  });
  INFO(read_file(dir.file("log.err")));
  REQUIRE(active);
  family.say("plugin");
  for (const Task& task : tasks_of(daemon.pid())) {
    CAPTURE(task.name);
    CHECK(task.status.at("CapEff") == (task.name == "backsightd" ? kAttaching : kNone));
    CHECK(task.status.at("CapAmb") == kNone);
    CHECK(task.status.at("CapInh") == kNone);
    CHECK(task.status.at("NoNewPrivs") == "1");
  }
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
  CHECK(calls(store, "plugin_work").size() == 10);
}

TEST_CASE("without privileges backsightd says what it lacks [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  if (::geteuid() != 0) return;
  TempDir dir;
  write_file(dir.file("backsight.yaml"), "services: []\n");
  const auto ended = run({program("backsightd"), "--config", dir.file("backsight.yaml")},
                         {.environment = {}, .uid = kNobody});
  CHECK(ended.code == 1);
  CHECK(ended.err.find("CAP_BPF and CAP_PERFMON") != std::string::npos);
}

}  // namespace
}  // namespace backsight::tests
