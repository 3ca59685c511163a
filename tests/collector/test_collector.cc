// The collector as a whole, with a kernel, a /proc and a store made up.
#include "collector/collector.h"

#include "collector/clocks.h"
#include "collector/planning.h"
#include "tests/collector/fake_kernel.h"
#include "tests/collector/fake_proc_fs.h"
#include "tests/collector/fake_store.h"
#include "tests/collector/ring_records.h"
#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace backsight::collector {
namespace {

using schema::ProbeState;

// Functions called "missing…" are nowhere, those called "lib…" in libraries.
PlanAnswer plan_by_name(const PlanJob& job) {
  const bool is_library = job.shown_path.find(".so") != std::string::npos;
  const bool wants_library = job.probe.function.starts_with("lib");
  if (job.probe.function.starts_with("missing") || is_library != wants_library) {
    return {PlanOutcome::kNotHere, "no function " + job.probe.function + " in " + job.shown_path, nullptr};
  }
  auto result = std::make_shared<probes::PlanResult>();
  auto& plan = result->plans.emplace_back();
  plan.plan.probe = plan.plan.function = job.probe.function;
  plan.plan.module_path = job.shown_path;
  plan.sites.emplace_back();
  if (job.probe.function.starts_with("twice")) {
    result->plans.push_back(plan);
    result->plans[1].plan.address = 0x1000;
  }
  return {PlanOutcome::kFound, {}, result};
}

probes::ServiceConfig service(const std::string& name, const std::string& exe,
                              const std::vector<std::string>& functions) {
  probes::ServiceConfig config;
  config.name = name;
  config.match.exe = exe;
  for (const auto& function : functions) config.probes.emplace_back().function = function;
  return config;
}

probes::Config config_of(std::vector<probes::ServiceConfig> services) {
  probes::Config config;
  config.store.path = "/nonexistent/backsight-store";
  config.services = std::move(services);
  return config;
}

struct Fixture {
  explicit Fixture(probes::Config config, std::string tape = {}) {
    CollectorOptions options;
    options.record_tape = std::move(tape);
    options.proc_fs = proc;
    options.plan = plan_by_name;
    collector = Collector::create(loop, std::move(config), std::make_unique<FakeKernel>(kernel), store,
                                  std::move(options));
  }
  // Runs the loop until `done`; false: it never was.
  template <class Done>
  bool run_until(Done done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      loop.run_for(std::chrono::milliseconds(5));
      loop.restart();
    }
    return true;
  }
  void control(bs_process_event_kind kind, std::uint32_t tgid, std::uint32_t parent, std::int64_t start_ns,
               std::int64_t boot_ns) {
    const bs_process_event event{
        kind, tgid, parent, 0, static_cast<std::uint64_t>(boot_ns), static_cast<std::uint64_t>(start_ns)};
    const auto bytes = std::as_bytes(std::span(&event, 1));
    kernel.control.emplace_back(bytes.begin(), bytes.end());
  }
  const FakeKernelState::Plan* plan(const std::string& function) const {
    for (const auto& [index, plan] : kernel.plans) {
      if (plan.function == function) return &plan;
    }
    return nullptr;
  }
  bool attached(const std::string& function) const { return plan(function) && plan(function)->attached; }
  std::uint32_t index(const std::string& function) const {
    for (const auto& [index, plan] : kernel.plans) {
      if (plan.function == function) return index;
    }
    return 0;
  }
  std::vector<schema::ProbeStatus> statuses() const {
    std::vector<schema::ProbeStatus> all;
    for (const auto& probe : collector->metrics().probes) all.push_back(probe.status);
    return all;
  }

  FakeKernelState kernel;
  FakeStore store;
  std::shared_ptr<FakeProcFs> proc = std::make_shared<FakeProcFs>();
  boost::asio::io_context loop;
  std::unique_ptr<Collector> collector;
};

}  // namespace

TEST_CASE("A running process is found, probed and recorded") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f", "missing"})}));
  const auto start_ns = boot_now_ns() - 5'000'000'000;
  f.proc->add(41, "/bin/shop", start_ns);
  f.proc->add(42, "/bin/other", start_ns);
  CHECK_FALSE(f.collector->ready());
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.collector->ready(); }));
  CHECK(f.attached("f"));
  CHECK(f.plan("f")->flags == (BS_PLAN_ENABLED | BS_PLAN_ANY_PROCESS));
  CHECK(f.kernel.members == std::set<std::pair<std::uint32_t, std::uint32_t>>{{1, 41}});
  f.kernel.data.push_back(
      ring_record({.boot_ns = static_cast<std::uint64_t>(boot_now_ns()), .plan = f.index("f"), .tgid = 41}));
  CHECK(f.run_until([&] { return f.store.totals.rows == 1; }));
  f.collector->stop();

  auto& shop = f.store.services["shop"];
  CHECK(shop.processes.at(0).pid == 41);
  CHECK(shop.rows.at(0).process == shop.processes.at(0).id.value);
  const auto is_late = [&](const auto& gap) { return gap.reason == schema::LossReason::kNotAttached; };
  CHECK(std::count_if(shop.gaps.begin(), shop.gaps.end(), is_late) == 1);
  const auto failed = std::find_if(shop.statuses.begin(), shop.statuses.end(),
                                   [](const auto& status) { return status.state == ProbeState::kFailed; });
  REQUIRE(failed != shop.statuses.end());
  CHECK(failed->message == "no function missing in /bin/shop");
  CHECK(f.kernel.plans.empty());
  CHECK_FALSE(f.store.clock.empty());
}

TEST_CASE("Processes that start, fork, exec and end later are followed") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f"})}));
  REQUIRE(f.collector->start());
  const auto t = boot_now_ns();
  f.proc->add(50, "/bin/shop", t);
  f.control(BS_PROCESS_FORK, 50, 1, t, t);
  f.control(BS_PROCESS_EXEC, 50, 0, t, t + 1000);
  REQUIRE(f.run_until([&] { return f.attached("f"); }));
  const auto plan = f.index("f");
  f.proc->add(51, "/bin/shop", t + 2000);
  f.control(BS_PROCESS_FORK, 51, 50, t + 2000, t + 2000);
  const auto record = [&](std::uint32_t tgid, std::int64_t at_ns) {
    f.kernel.data.push_back(
        ring_record({.boot_ns = static_cast<std::uint64_t>(at_ns), .plan = plan, .tgid = tgid}));
  };
  record(50, t + 3000);
  record(51, t + 3000);
  REQUIRE(f.run_until([&] { return f.store.totals.rows == 2; }));
  CHECK(f.kernel.members.size() == 2);
  // One ends, the other becomes something else; a third lived too shortly to be looked at.
  f.control(BS_PROCESS_EXIT, 50, 0, t, t + 4000);
  f.proc->processes.erase(50);
  f.proc->add(51, "/bin/sh", t + 2000);
  f.control(BS_PROCESS_EXEC, 51, 0, t + 2000, t + 5000);
  f.control(BS_PROCESS_FORK, 52, 1, t + 6000, t + 6000);
  f.control(BS_PROCESS_EXEC, 52, 0, t + 6000, t + 7000);
  f.control(BS_PROCESS_EXIT, 52, 0, t + 6000, t + 9000);
  record(52, t + 8000);
  REQUIRE(f.run_until([&] { return f.store.totals.rows == 3 && f.kernel.members.empty(); }));
  f.collector->stop();
  auto& shop = f.store.services["shop"];
  std::map<std::uint32_t, schema::Process> last;
  for (const auto& process : shop.processes) last[process.pid] = process;
  const auto base = f.store.base_ns;
  CHECK(last[50].started.ns == t + 1000 + base);
  CHECK(last[50].ended == schema::BootTime{t + 4000 + base});
  CHECK(last[51].started.ns == t + 2000 + base);
  CHECK(last[51].ended == schema::BootTime{t + 5000 + base});
  CHECK(last[52].started.ns == t + 7000 + base);
  CHECK(last[52].ended == schema::BootTime{t + 9000 + base});
  for (const auto& row : shop.rows) {
    const auto owns = [&](const auto& entry) { return entry.second.id.value == row.process; };
    CHECK(std::any_of(last.begin(), last.end(), owns));
  }
}

TEST_CASE("An event may come before the record of its process") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f"})}));
  const auto t = boot_now_ns();
  f.proc->add(41, "/bin/shop", t);
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.attached("f"); }));
  // As the kernel has it when the process begins between the two rings.
  f.kernel.before_data = [&] { f.control(BS_PROCESS_FORK, 42, 41, t + 1000, t + 1000); };
  f.kernel.data.push_back(
      ring_record({.boot_ns = static_cast<std::uint64_t>(t + 2000), .plan = f.index("f"), .tgid = 42}));
  REQUIRE(f.run_until([&] { return f.store.totals.rows == 1; }));
  f.collector->stop();
  const auto& processes = f.store.services["shop"].processes;
  CHECK(std::count_if(processes.begin(), processes.end(), [](const auto& it) { return it.pid == 42; }) == 1);
  CHECK(processes.back().parent_pid == 41);
}

TEST_CASE("A library is probed where it is loaded, even later") {
  Fixture f(config_of({service("shop", "/bin/shop", {"lib_call"})}));
  const auto start_ns = boot_now_ns() - 5'000'000'000;
  f.proc->add(41, "/bin/shop", start_ns, {"/lib/ld-linux-x86-64.so.2"});
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.collector->ready(); }));
  // The made-up library answers for every library: the linker is one, too.
  CHECK(f.attached("lib_call"));
  const auto before = f.kernel.attaches;
  f.proc->processes[41].libraries.push_back("/lib/libpool.so");
  f.control(BS_PROCESS_MODULES, 41, 0, start_ns, boot_now_ns());
  CHECK(f.run_until([&] { return f.kernel.attaches == before + 1; }));
  CHECK((f.plan("lib_call")->flags & BS_PLAN_ANY_PROCESS) == 0);
}

TEST_CASE("A reload leaves what has not changed attached, with its counters") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f", "g"})}));
  f.proc->add(41, "/bin/shop", boot_now_ns() - 5'000'000'000);
  f.proc->add(42, "/bin/new", boot_now_ns() - 5'000'000'000);
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.attached("f") && f.attached("g"); }));
  const auto index = f.index("f");
  f.kernel.plans[index].counters.hits = f.kernel.plans[index].counters.kept = 7;
  REQUIRE(f.collector->reload(
      config_of({service("new", "/bin/new", {"n"}), service("shop", "/bin/shop", {"f", "h"})})));
  REQUIRE(f.run_until([&] { return f.attached("h") && f.attached("n"); }));
  CHECK(f.index("f") == index);
  CHECK(f.attached("f"));
  CHECK_FALSE(f.plan("g"));
  CHECK(f.kernel.attaches == 4);
  CHECK(f.kernel.detaches == 1);
  f.kernel.plans[index].counters.hits = f.kernel.plans[index].counters.kept = 9;
  CHECK(f.run_until([&] {
    const auto all = f.statuses();
    return std::any_of(all.begin(), all.end(),
                       [](const auto& it) { return it.function == "f" && it.hits == 9; });
  }));
  REQUIRE(f.collector->reload(config_of({})));
  CHECK(f.kernel.plans.empty());
  CHECK(f.kernel.members.empty());
}

TEST_CASE("Copies of a function are counted apart, and over attachments") {
  auto config = service("shop", "/bin/shop", {"twice"});
  Fixture f(config_of({config}));
  f.proc->add(41, "/bin/shop", boot_now_ns());
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.kernel.attaches == 2; }));
  const auto count = [&](std::uint64_t hits) {
    for (auto& [index, plan] : f.kernel.plans) {
      plan.counters.hits = hits++;
      plan.counters.lost[BS_LOSS_RING_FULL] = plan.counters.hits;
    }
  };
  count(7);
  config.match.pid = 41;  // who may be seen is decided anew
  REQUIRE(f.collector->reload(config_of({config})));
  REQUIRE(f.run_until([&] { return f.kernel.attaches == 4; }));
  count(100);
  f.collector->stop();
  std::map<std::uint32_t, schema::ProbeStatus> last;
  for (const auto& status : f.store.services["shop"].statuses) {
    if (!status.function.empty()) last[status.instance] = status;
  }
  REQUIRE(last.size() == 2);
  CHECK(last.at(0).hits == 107);
  CHECK(last.at(1).hits == 109);
  CHECK(last.at(1).lost.at(BS_LOSS_RING_FULL) == 109);
  std::uint64_t lost = 0;
  for (const auto& gap : f.store.services["shop"].gaps) lost += gap.lost;
  CHECK(lost == 216);
}

TEST_CASE("A probe that the kernel refuses fails alone") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f", "g"})}));
  f.proc->add(41, "/bin/shop", boot_now_ns());
  f.kernel.attach_failure = "g";
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.collector->ready(); }));
  CHECK(f.attached("f"));
  CHECK_FALSE(f.plan("g"));
  const auto all = f.statuses();
  const auto failed = std::find_if(all.begin(), all.end(), [](const auto& it) { return it.probe == "g"; });
  REQUIRE(failed != all.end());
  CHECK(failed->state == ProbeState::kFailed);
  CHECK(failed->message.find("the kernel refused") != std::string::npos);
}

TEST_CASE("Classes that found no room are told") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f"})}));
  f.proc->add(41, "/bin/shop", boot_now_ns());
  f.kernel.classes_left_out = 7;
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.collector->ready(); }));
  CHECK(f.attached("f"));
  const auto all = f.statuses();
  const auto active = std::find_if(all.begin(), all.end(), [](const auto& it) { return it.probe == "f"; });
  REQUIRE(active != all.end());
  CHECK(active->state == ProbeState::kActive);
  CHECK(active->message.find("7 derived classes are more than there is room for") != std::string::npos);
}

TEST_CASE("Lost process records are made up for by looking at /proc") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f"})}));
  const auto t = boot_now_ns();
  f.proc->add(41, "/bin/shop", t);
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.attached("f"); }));
  f.proc->processes.erase(41);
  f.proc->add(42, "/bin/shop", t);
  f.kernel.lost_control = 5;
  CHECK(f.run_until([&] {
    return f.kernel.members.contains({1, 42}) && !f.kernel.members.contains({1, 41});
  }));
}

TEST_CASE("Hostile records do not stop the collector") {
  Fixture f(config_of({service("shop", "/bin/shop", {"f"})}));
  f.proc->add(41, "/bin/shop", boot_now_ns());
  REQUIRE(f.collector->start());
  REQUIRE(f.run_until([&] { return f.attached("f"); }));
  f.kernel.control.emplace_back(3);
  f.control(static_cast<bs_process_event_kind>(99), 1, 1, 1, 1);
  f.control(BS_PROCESS_MODULES, 4242, 0, 0, 0);
  f.control(BS_PROCESS_EXIT, 4242, 0, 0, 0);
  f.control(BS_PROCESS_FORK, 4243, 4242, 0, 0);
  f.kernel.data.emplace_back(5);
  f.kernel.data.push_back(ring_record({.boot_ns = ~std::uint64_t{0}, .plan = f.index("f"), .tgid = 9}));
  f.kernel.data.push_back(ring_record({.boot_ns = 0, .plan = f.index("f"), .tgid = 9}));
  CHECK(f.run_until([&] { return f.store.totals.rows == 2; }));
}

}  // namespace backsight::collector
