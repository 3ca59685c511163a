// Attaching, returns, losses and following processes on the real kernel.
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <set>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

// Entry and return events of a function without arguments of interest.
CompiledPlan return_plan() {
  return make_plan(emit_register(BS_RDI, kWord), emit_register(BS_RAX, kWord));
}

std::vector<probes::Site> with_entry(const char* name, bool by_uretprobe) {
  const auto function = find_function(Target::path(), name);
  std::vector<probes::Site> sites =
      by_uretprobe ? std::vector{uretprobe_site(function)} : ret_sites(function);
  sites.insert(sites.begin(), entry_site(function));
  return sites;
}

std::size_t count_kind(const std::vector<Record>& records, bs_site_kind kind) {
  return static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(), [&](const auto& record) { return record.header.kind == kind; }));
}

const bs_process_event* find_event(const std::vector<bs_process_event>& events, std::uint32_t kind,
                                   std::uint32_t tgid) {
  for (const auto& event : events)
    if (event.kind == kind && event.tgid == tgid) return &event;
  return nullptr;
}

std::uint64_t lost(const bs_plan_counters& counters) {
  std::uint64_t sum = 0;
  for (const auto value : counters.lost) sum += value;
  return sum;
}

}  // namespace

TEST_CASE("[bpf] a return carries its value and its entry's frame, on every path") {
  const bool force_perf = GENERATE(false, true);
  const bool by_uretprobe = GENERATE(false, true);
  Setup setup({.ring_bytes = 1 << 20, .force_perf_uprobes = force_perf});
  if (!setup.kernel) return;
  setup.attach(return_plan(), with_entry("observe", by_uretprobe));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 2);
  CHECK(records[0].header.kind == BS_SITE_ENTRY);
  CHECK(records[1].header.kind == BS_SITE_RETURN);
  CHECK(records[0].header.frame == records[1].header.frame);
  CHECK(records[0].header.boot_ns <= records[1].header.boot_ns);
  CHECK(records[1].items.at(0).number() == 7);
}

TEST_CASE("[bpf] a result in two registers") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  const std::vector<bs_op> pair = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RAX), op(BS_OP_PUSH_REG, BS_RDX),
                                   op(BS_OP_EMIT, 0, 0, kSpan, 16)};
  setup.attach(make_plan({}, pair), ret_sites(find_function(Target::path(), "make_pair")));
  const auto records = setup.run("pair");
  REQUIRE(records.size() == 1);
  CHECK(records[0].items.at(0).number(0) == 7);
  CHECK(records[0].items.at(0).number(8) == 8);
}

TEST_CASE("[bpf] an exception passes through a probed frame") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  setup.attach(return_plan(), with_entry("passed_through", false));
  CHECK(setup.target.run("throw 1") == std::vector<std::string>{"77"});
  CHECK(setup.target.run("throw 0") == std::vector<std::string>{"1"});
  const auto records = drain(*setup.kernel);
  CHECK(count_kind(records, BS_SITE_ENTRY) == 2);
  CHECK(count_kind(records, BS_SITE_RETURN) == 1);
}

TEST_CASE("[bpf] a full ring is counted: kept and lost are all hits") {
  Setup setup({.ring_bytes = 1 << 16});
  if (!setup.kernel) return;
  setup.attach_entry(make_plan(emit_register(BS_RDX, kWord)));
  setup.target.run("many 5000");
  const auto counters = setup.kernel->counters(setup.plan_index);
  const auto records = drain(*setup.kernel);
  CHECK(counters.hits == 5000);
  CHECK(counters.kept + lost(counters) == 5000);
  CHECK(counters.lost[BS_LOSS_RING_FULL] > 0);
  CHECK(records.size() == counters.kept);
  // Room again after reading.
  CHECK(setup.run("many 10").size() == 10);
}

TEST_CASE("[bpf] reading stops at the number of records that is asked") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  setup.attach_entry(make_plan(emit_register(BS_RDX, kWord)));
  setup.target.run("many 100");
  CHECK(setup.kernel->drain_data([](auto) {}, 30) == 30);
  const auto rest = drain(*setup.kernel);
  REQUIRE(rest.size() == 70);
  CHECK(rest[0].items.at(0).number() == 30);
}

TEST_CASE("[bpf] 64 threads on a RET site: nothing is missing, sequences have no hole") {
  Setup setup({.ring_bytes = 32 << 20});
  if (!setup.kernel) return;
  setup.attach(return_plan(), with_entry("observe", false));
  const auto records = setup.run("threads 200");
  const auto counters = setup.kernel->counters(setup.plan_index);
  CHECK(counters.hits == 2 * 64 * 200);
  CHECK(counters.kept + lost(counters) == counters.hits);
  CHECK(records.size() == counters.kept);
  std::map<std::uint32_t, std::set<std::uint64_t>> sequences;
  for (const auto& record : records) sequences[record.header.cpu].insert(record.header.seq);
  std::size_t distinct = 0;
  for (const auto& [cpu, numbers] : sequences) {
    distinct += numbers.size();
    CHECK(*numbers.rbegin() - *numbers.begin() + 1 == numbers.size());
  }
  CHECK(distinct == records.size());
}

TEST_CASE("[bpf] recursion 200 deep by RET sites") {
  Setup setup({.ring_bytes = 4 << 20});
  if (!setup.kernel) return;
  setup.attach(return_plan(), with_entry("recurse", false));
  const auto records = setup.run("recurse 200");
  CHECK(count_kind(records, BS_SITE_ENTRY) == 201);
  CHECK(count_kind(records, BS_SITE_RETURN) == 201);
  std::vector<std::uint64_t> open;
  for (const auto& record : records) {
    if (record.header.kind == BS_SITE_ENTRY) {
      open.push_back(record.header.frame);
    } else {
      REQUIRE_FALSE(open.empty());
      CHECK(open.back() == record.header.frame);
      open.pop_back();
    }
  }
}

TEST_CASE("[bpf] only processes of the service are seen, unless every process is") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  Target other;
  const std::uint32_t flags = GENERATE(0u, BS_PLAN_ENABLED | 0u, BS_PLAN_ENABLED | BS_PLAN_ANY_PROCESS);
  setup.attach(make_plan(emit_register(BS_RDI, kWord)),
               {entry_site(find_function(Target::path(), "observe"))}, flags);
  setup.target.run("values");
  other.run("values");
  const std::size_t expected = flags == 0 ? 0 : flags == kLive ? 1 : 2;
  CHECK(drain(*setup.kernel).size() == expected);
  CHECK(setup.kernel->counters(setup.plan_index).hits == expected);
  setup.kernel->remove_process(0, static_cast<std::uint32_t>(setup.target.pid()));
  setup.target.run("values");
  CHECK(drain(*setup.kernel).size() == (flags & BS_PLAN_ANY_PROCESS ? 1 : 0));
}

TEST_CASE("[bpf] a process may be in several services") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  const auto pid = static_cast<std::uint32_t>(setup.target.pid());
  REQUIRE(setup.kernel->add_process(200, pid).has_value());
  CHECK_FALSE(setup.kernel->add_process(BS_MAX_SERVICES, pid).has_value());
  const auto index = setup.kernel->install_plan(make_plan(emit_register(BS_RDI, kWord)), 200, kLive);
  REQUIRE(index.has_value());
  const auto attached =
      setup.kernel->attach(Target::path(), *index, {entry_site(find_function(Target::path(), "observe"))});
  REQUIRE(attached.has_value());
  CHECK(setup.run("values").size() == 1);
  setup.kernel->remove_process(0, pid);
  CHECK(setup.run("values").size() == 1);
  setup.kernel->remove_process(200, pid);
  CHECK(setup.run("values").empty());
}

TEST_CASE("[bpf] fork, exec and exit are reported, and a child is in its parent's service") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  setup.attach_entry(make_plan(emit_register(BS_RDX, kWord)));
  const auto parent = static_cast<std::uint32_t>(setup.target.pid());
  const auto lines = setup.target.run("fork");
  REQUIRE(lines.size() == 1);
  const auto child = static_cast<std::uint32_t>(std::stoul(lines[0]));
  const auto records = drain(*setup.kernel);
  REQUIRE(records.size() == 1);
  CHECK(records[0].header.tgid == child);
  CHECK(records[0].items.at(0).number() == child);
  auto events = drain_control(*setup.kernel);
  const auto* forked = find_event(events, BS_PROCESS_FORK, child);
  REQUIRE(forked);
  CHECK(forked->parent_tgid == parent);
  CHECK(forked->start_boot_ns > 0);
  CHECK(forked->boot_ns >= forked->start_boot_ns);
  const auto* exited = find_event(events, BS_PROCESS_EXIT, child);
  REQUIRE(exited);
  CHECK(exited->start_boot_ns == forked->start_boot_ns);

  setup.target.run("exec");
  events = drain_control(*setup.kernel);
  REQUIRE(find_event(events, BS_PROCESS_EXEC, parent));
  CHECK(setup.run("values").size() == 1);  // still in the service

  setup.target.run("threads 1");
  CHECK(find_event(drain_control(*setup.kernel), BS_PROCESS_EXIT, parent) == nullptr);
  setup.target.finish();
  CHECK(find_event(drain_control(*setup.kernel), BS_PROCESS_EXIT, parent) != nullptr);
  CHECK(setup.kernel->control_lost() == 0);
}

TEST_CASE("[bpf] the dynamic linker's signal is reported for processes of a service") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  // Any function will do as the place that the linker calls.
  auto watch =
      setup.kernel->watch_linker(Target::path(), find_function(Target::path(), "observe").file_offset);
  REQUIRE(watch.has_value());
  Target other;
  other.run("values");
  setup.target.run("values");
  const auto events = drain_control(*setup.kernel);
  CHECK(find_event(events, BS_PROCESS_MODULES, static_cast<std::uint32_t>(setup.target.pid())));
  CHECK_FALSE(find_event(events, BS_PROCESS_MODULES, static_cast<std::uint32_t>(other.pid())));
}

TEST_CASE("[bpf] a removed plan's index waits until its records are read") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  setup.attach_entry(make_plan(emit_register(BS_RDI, kWord)));
  setup.target.run("values");
  setup.attachment.reset();
  setup.kernel->remove_plan(setup.plan_index);
  const auto before = setup.kernel->install_plan(make_plan({}), 0, kLive);
  REQUIRE(before.has_value());
  CHECK(*before != setup.plan_index);
  CHECK(drain(*setup.kernel).size() == 1);
  const auto after = setup.kernel->install_plan(make_plan({}), 0, kLive);
  REQUIRE(after.has_value());
  CHECK(*after == setup.plan_index);
  CHECK(setup.kernel->counters(*after).hits == 0);
}

TEST_CASE("[bpf] what cannot be installed or attached is refused with a reason") {
  Setup setup({.ring_bytes = 1 << 20});
  if (!setup.kernel) return;
  auto& kernel = *setup.kernel;
  const auto refused = [&](const CompiledPlan& plan) {
    return kernel.install_plan(plan, 0, kLive).has_error();
  };
  CHECK(refused(make_plan({op(BS_OP_EMIT, 0, 0, kWord, 8)})));                      // empty stack
  CHECK(refused(make_plan({op(static_cast<bs_op_code>(50))})));                     // unknown
  CHECK(refused(make_plan({op(BS_OP_PUSH_REG, 17), op(BS_OP_EMIT, 0, 0, 0, 8)})));  // no such register
  CHECK(refused(make_plan({op(BS_OP_PUSH_REG), op(BS_OP_COPY, 0, 0, 0, BS_MAX_OBJECT + 1)})));
  CHECK(refused(make_plan(std::vector<bs_op>(17, op(BS_OP_PUSH_CONST)))));  // deeper than the stack
  auto outside = make_plan({});
  outside.types[kNode].size = 8;  // its pointer is at 8
  CHECK(refused(outside));
  auto endless = make_plan({});
  endless.ops.pop_back();
  CHECK(refused(endless));

  const auto index = kernel.install_plan(make_plan({}), 0, kLive);
  REQUIRE(index.has_value());
  const auto missing = kernel.attach("/nonexistent/file", *index, {probes::Site{}});
  REQUIRE(missing.has_error());
  CHECK(missing.error().message.find("/nonexistent/file") != std::string::npos);
}

TEST_CASE("[bpf] many probes attach and detach") {
  const bool force_perf = GENERATE(false, true);
  Setup setup({.ring_bytes = 1 << 20, .force_perf_uprobes = force_perf});
  if (!setup.kernel) return;
  const auto site = entry_site(find_function(Target::path(), "observe"));
  // One offset many times: each is a probe of its own to the kernel.
  const std::vector<probes::Site> sites(force_perf ? 10 : 500, site);
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  auto start = Clock::now();
  setup.attach(make_plan({}), sites);
  const double attaching = seconds(start);
  start = Clock::now();
  setup.attachment.reset();
  std::cout << (force_perf ? "perf events" : "uprobe_multi") << ": " << sites.size() << " attached in "
            << attaching << " s, detached in " << seconds(start) << " s" << std::endl;
  CHECK(setup.run("values").empty());
}
