#include "collector/actuator.h"

#include <catch2/catch.hpp>

#include <sstream>

namespace backsight::collector {
namespace {

const FileId kExe{1, 100, "exe"}, kOther{1, 101, "other"}, kLib{1, 200, "lib"}, kLibc{1, 201, "libc"};

std::string name_of(const FileId& file) {
  return file.content;
}

// Actions as text, one line each: tables of them are what the tests compare.
struct Print {
  std::ostringstream& out;
  void operator()(const PlanProbe& a) const {
    out << "plan " << probes::searched_text(a.probe) << " in " << name_of(a.instance.file);
  }
  void operator()(const AttachInstance& a) const {
    out << "attach " << a.service << "#" << a.instance.probe << " to " << name_of(a.instance.file)
        << (a.any_process ? " any" : "");
  }
  void operator()(const DetachInstance& a) const {
    out << "detach #" << a.instance.probe << " from " << name_of(a.instance.file)
        << (a.keep_plans ? " keep" : "");
  }
  void operator()(const AddProcess& a) const { out << "add " << a.service << " " << a.pid; }
  void operator()(const RemoveProcess& a) const { out << "remove " << a.service << " " << a.pid; }
  void operator()(const ReadModules& a) const { out << "modules " << a.pid; }
  void operator()(const ReportStatus& a) const {
    out << a.service << " " << a.probe << " " << to_string(a.state) << (a.message.empty() ? "" : ": ")
        << a.message;
  }
  void operator()(const ReportGap& a) const {
    out << "gap " << a.service << " " << a.pid << " " << a.from_boot_ns << ".." << a.to_boot_ns
        << (a.probe.empty() ? "" : " ") << a.probe;
  }
};

using Lines = std::vector<std::string>;

class Table {
 public:
  Lines at(std::int64_t now_ns, const Event& event) {
    Lines lines;
    for (const auto& action : apply(state_, event, now_ns)) {
      std::ostringstream out;
      std::visit(Print{out}, action);
      lines.push_back(out.str());
    }
    return lines;
  }
  const ActuatorState& state() const { return state_; }

 private:
  ActuatorState state_;
};

probes::ProbeConfig probe(const std::string& function, const std::string& module = {}) {
  probes::ProbeConfig config;
  config.function = function;
  config.module = module;
  return config;
}

probes::ServiceConfig service(const std::string& name, const std::string& exe,
                              std::vector<probes::ProbeConfig> probes,
                              std::optional<std::string> cmdline = {}) {
  probes::ServiceConfig config;
  config.name = name;
  config.match.exe = exe;
  config.match.cmdline = std::move(cmdline);
  config.probes = std::move(probes);
  return config;
}

ProcessSeen seen(std::uint32_t pid, std::int64_t image_ns, const std::string& exe = "/bin/shop",
                 const FileId& file = kExe, bool inherited = false) {
  ProcessFacts facts;
  facts.pid = pid;
  facts.start_boot_ns = pid * 1'000'000'000ll;
  facts.exe = exe;
  facts.cmdline = {exe, "--run"};
  return {facts, image_ns, {file, exe}, inherited, 0};
}

InstanceKey key(ProbeKey probe, const FileId& file) {
  return {probe, file};
}
Event found(ProbeKey probe, const FileId& file) {
  return Planned{key(probe, file), PlanOutcome::kFound, {}};
}
Event not_here(ProbeKey probe, const FileId& file) {
  return Planned{key(probe, file), PlanOutcome::kNotHere, "no f in " + name_of(file)};
}

}  // namespace

TEST_CASE("From configuration to an attached probe") {
  Table t;
  CHECK(t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}}) ==
        Lines{"shop f pending: no running process matches the service yet"});
  CHECK(t.at(10, seen(7, 5, "/bin/else")) == Lines{});
  CHECK(t.at(20, seen(41, 15)) ==
        Lines{"add shop 41", "plan f in exe", "shop f pending: reading the debug information of /bin/shop"});
  CHECK(t.at(30, found(1, kExe)) == Lines{"attach shop#1 to exe any", "shop f active"});
  CHECK(t.at(40, Attached{key(1, kExe), {}}) == Lines{"gap shop 41 15..40"});
}

TEST_CASE("A file is planned once and attached once, whoever runs it") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  CHECK(t.at(21, seen(42, 16)) == Lines{"add shop 42"});
  CHECK(t.at(30, found(1, kExe)) == Lines{"attach shop#1 to exe any", "shop f active"});
  CHECK(t.at(40, Attached{key(1, kExe), {}}) == Lines{"gap shop 41 15..40", "gap shop 42 16..40"});
  // Attached before its exec: no gap, and nothing to do but to add it.
  CHECK(t.at(60, seen(43, 55)) == Lines{"add shop 43"});
  CHECK(t.at(70, ProcessGone{41}) == Lines{"remove shop 41"});
}

TEST_CASE("Where more than exe must hold, a process is missed until it is recognised") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")}, "--run")}});
  t.at(20, seen(41, 15));
  CHECK(t.at(30, found(1, kExe)) == Lines{"attach shop#1 to exe", "shop f active"});
  t.at(40, Attached{key(1, kExe), {}});
  CHECK(t.at(60, seen(43, 55)) == Lines{"add shop 43", "gap shop 43 55..60"});
  CHECK(t.at(80, seen(44, 75, "/bin/shop", kExe, true)) == Lines{"add shop 44"});  // forked: inherited
}

TEST_CASE("Two services on one binary have probes of their own") {
  Table t;
  t.at(0, ConfigLoaded{
              {service("audit", "/bin/shop", {probe("f")}), service("shop", "/bin/shop", {probe("f")})}});
  const auto lines = t.at(20, seen(41, 15));
  CHECK(lines == Lines{"add audit 41", "add shop 41", "plan f in exe", "plan f in exe",
                       "audit f pending: reading the debug information of /bin/shop",
                       "shop f pending: reading the debug information of /bin/shop"});
  CHECK(t.at(30, found(1, kExe)) == Lines{"attach audit#1 to exe any", "audit f active"});
  CHECK(t.at(30, found(2, kExe)) == Lines{"attach shop#2 to exe any", "shop f active"});
}

TEST_CASE("A function that the executable lacks is looked for in the loaded libraries, also later ones") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  // Told once, whatever is loaded.
  const std::string pending = "shop f pending: no f in exe; libraries are searched when they are loaded";
  CHECK(t.at(30, not_here(1, kExe)) == Lines{"modules 41", pending});
  CHECK(t.at(31, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}}}) == Lines{"plan ::f in libc"});
  CHECK(t.at(32, not_here(1, kLibc)) == Lines{});
  CHECK(t.at(50, ModulesChanged{41, 48}) == Lines{"modules 41"});
  CHECK(t.at(51, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}, {kLib, "/lib/libpool.so"}}}) ==
        Lines{"plan ::f in lib"});
  CHECK(t.at(60, found(1, kLib)) == Lines{"attach shop#1 to lib", "shop f active"});
  CHECK(t.at(61, Attached{key(1, kLib), {}}) == Lines{"gap shop 41 48..61 f"});
  // Unloaded: nobody uses it, it stays attached for a while.
  CHECK(t.at(70, ModulesChanged{41, 70}) == Lines{"modules 41"});
  CHECK(t.at(71, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}}}) == Lines{});
  CHECK(t.at(72, Tick{}) == Lines{});
  CHECK(t.at(72 + kUnusedNs, Tick{}) == Lines{"detach #1 from lib", pending});
}

TEST_CASE("A function that cannot come any more, or may be hidden, has failed: told once") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  const bool is_static = GENERATE(true, false);
  if (is_static) {
    t.at(30, not_here(1, kExe));
    CHECK(t.at(31, ModulesSeen{41, {}}) == Lines{"shop f failed: no f in exe"});
  } else {
    const Planned unreadable{key(1, kExe), PlanOutcome::kUnreadable, "no debug information"};
    CHECK(t.at(30, unreadable) ==
          Lines{"modules 41", "shop f pending: looking into the libraries of /bin/shop"});
    CHECK(t.at(31, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}}}) == Lines{"plan ::f in libc"});
    CHECK(t.at(32, not_here(1, kLibc)) == Lines{"shop f failed: no debug information"});
  }
}

TEST_CASE("A module glob waits for a library of that name") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f", "libpool.so*")})}});
  CHECK(
      t.at(20, seen(41, 15)) ==
      Lines{
          "add shop 41", "modules 41",
          "shop f pending: no process of the service has loaded a module that matches \"libpool.so*\" yet"});
  CHECK(t.at(21, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}}}) == Lines{});
  t.at(29, ModulesChanged{41, 28});
  CHECK(t.at(30, ModulesSeen{41, {{kLibc, "/lib/libc.so.6"}, {kLib, "/lib/libpool.so.1"}}}) ==
        Lines{"plan f in lib", "shop f pending: reading the debug information of /lib/libpool.so.1"});
}

TEST_CASE("A probe that fails says why, and the others go on") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f"), probe("g")})}});
  t.at(20, seen(41, 15));
  CHECK(t.at(30, Planned{key(1, kExe), PlanOutcome::kFailed, "no safe site"}) ==
        Lines{"shop f failed: no safe site"});
  CHECK(t.at(31, found(2, kExe)) == Lines{"attach shop#2 to exe any", "shop g active"});
  CHECK(t.at(32, Attached{key(2, kExe), "out of memory"}) == Lines{"shop g failed: out of memory"});
  CHECK(t.at(40, seen(42, 35)) == Lines{"add shop 42"});  // not tried again in the same file
}

TEST_CASE("Exec: another program leaves the service, the same one stays with a new image") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop*", {probe("f")})}});
  t.at(20, seen(41, 15));
  t.at(30, found(1, kExe));
  t.at(31, Attached{key(1, kExe), {}});
  CHECK(t.at(40, seen(41, 39)) == Lines{"add shop 41"});
  CHECK(t.at(50, seen(41, 49, "/bin/shop2", kOther)) == Lines{"add shop 41", "plan f in other"});
  CHECK(t.at(60, seen(41, 59, "/bin/sh", kLib)) == Lines{"remove shop 41"});
  CHECK(t.state().processes.empty());
  CHECK(t.at(61, found(1, kOther)) == Lines{});  // nobody runs it now
}

TEST_CASE("A replaced binary is another file: planned anew") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  t.at(30, found(1, kExe));
  t.at(31, Attached{key(1, kExe), {}});
  CHECK(t.at(40, seen(42, 39, "/bin/shop", {1, 100, "rebuilt"})) ==
        Lines{"add shop 42", "plan f in rebuilt"});
}

TEST_CASE("A reload touches only what has changed") {
  Table t;
  const auto f = probe("f"), g = probe("g"), h = probe("h");
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {f, g})}});
  t.at(20, seen(41, 15));
  for (const ProbeKey i : {1u, 2u}) {
    t.at(30, found(i, kExe));
    t.at(31, Attached{key(i, kExe), {}});
  }
  auto moved = f;
  moved.position = {"x.yaml", 99, 1};
  CHECK(t.at(40, ConfigLoaded{{service("shop", "/bin/shop", {moved, g})}}) == Lines{});
  CHECK(t.at(41, ConfigLoaded{{service("shop", "/bin/shop", {f, h})}}) ==
        Lines{"detach #2 from exe", "plan h in exe",
              "shop h pending: reading the debug information of /bin/shop"});
  t.at(42, found(3, kExe));
  CHECK(t.at(43, Attached{key(3, kExe), {}}) == Lines{"gap shop 41 15..43 h"});
  CHECK(t.at(44, found(2, kExe)) == Lines{});  // an answer for what is gone
  CHECK(t.at(50, ConfigLoaded{{}}) == Lines{"remove shop 41", "detach #1 from exe", "detach #3 from exe"});
  CHECK(t.state().processes.empty());
}

TEST_CASE("A changed match: members that no longer match leave; who may be seen is decided anew") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  t.at(30, found(1, kExe));
  t.at(31, Attached{key(1, kExe), {}});
  CHECK(t.at(40, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")}, "--run")}}) ==
        Lines{"detach #1 from exe keep", "attach shop#1 to exe"});
  t.at(41, Attached{key(1, kExe), {}});
  CHECK(t.at(50, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")}, "--never")}}) ==
        Lines{"remove shop 41"});
  CHECK(t.state().processes.empty());
}

TEST_CASE("A process recorded by an earlier collector: its gap begins with this one") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  auto process = seen(41, 15);
  process.accounted_until_ns = 20;
  t.at(20, process);
  t.at(30, found(1, kExe));
  CHECK(t.at(40, Attached{key(1, kExe), {}}) == Lines{"gap shop 41 20..40"});
}

TEST_CASE("A process that is seen again changes nothing") {
  Table t;
  t.at(0, ConfigLoaded{{service("shop", "/bin/shop", {probe("f")})}});
  t.at(20, seen(41, 15));
  CHECK(t.at(21, seen(41, 15)) == Lines{});
  CHECK(t.at(22, ProcessGone{99}) == Lines{});
  CHECK(t.at(23, ModulesSeen{99, {}}) == Lines{});
  CHECK(t.at(24, ModulesChanged{41, 24}) == Lines{});  // nobody asked for its libraries
}

}  // namespace backsight::collector
