#include "tools/benches/attach_cost.h"

#include "collector/kernel.h"
#include "tools/benches/own_code.h"

#include <chrono>
#include <stdexcept>

// A thousand instructions to probe, never run.
extern "C" void backsight_bench_many();
asm(".text\n.globl backsight_bench_many\n.type backsight_bench_many,@function\n"
    "backsight_bench_many:\n.rept 1000\nnop\n.endr\nret\n"
    ".size backsight_bench_many, . - backsight_bench_many\n");

namespace backsight::tools::benches {
namespace {

struct Times {
  double attach_s = 0, detach_s = 0;
};

Times measure(int probes, bool by_perf_events) {
  using Clock = std::chrono::steady_clock;
  auto kernel = collector::open_libbpf_kernel({.ring_bytes = 1 << 20, .force_perf_uprobes = by_perf_events});
  if (!kernel) throw std::runtime_error(kernel.error().to_string());
  probes::CompiledPlan plan;
  plan.plan.function = "backsight_bench_many";
  const auto index = (*kernel)->install_plan(plan, 0, BS_PLAN_ENABLED);
  if (!index) throw std::runtime_error(index.error().to_string());
  const std::uint64_t begin = own_file_offset(reinterpret_cast<std::uintptr_t>(&backsight_bench_many));
  std::vector<probes::Site> sites(static_cast<std::size_t>(probes));
  for (std::size_t i = 0; i < sites.size(); i++) sites[i].file_offset = begin + i;

  const auto start = Clock::now();
  auto attached = (*kernel)->attach("/proc/self/exe", *index, sites);
  if (!attached) throw std::runtime_error(attached.error().to_string());
  const auto middle = Clock::now();
  attached->reset();
  return {std::chrono::duration<double>(middle - start).count(),
          std::chrono::duration<double>(Clock::now() - middle).count()};
}

}  // namespace

void run_attach_cost(Rows& rows) {
  const Times ours = measure(1000, false), theirs = measure(10, true);
  const auto add = [&](const char* name, double value, double baseline, const char* budget, double most) {
    rows.push_back({.name = name,
                    .value = value * 1e3,
                    .unit = "ms",
                    .baseline_name = "perf events (10, times 100)",
                    .baseline = baseline * 100 * 1e3,
                    .ratio = value / (baseline * 100),
                    .budget = budget,
                    .ok = value <= most});
  };
  add("attach.1000", ours.attach_s, theirs.attach_s, "<= 500 ms", 0.5);
  add("detach.1000", ours.detach_s, theirs.detach_s, "<= 200 ms", 0.2);
}

}  // namespace backsight::tools::benches
