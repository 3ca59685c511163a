#include "tools/benches/site_choice.h"

#include "collector/uprobe_multi.h"
#include "probes/planner.h"
#include "tools/benches/empty_program.h"
#include "tools/benches/own_code.h"
#include "tools/benches/process.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <stdexcept>

extern "C" long backsight_bench_cet(long a, long b);

namespace backsight::tools::benches {
namespace {

constexpr const char* kSelf = "/proc/self/exe";
// Of probes::site_reason(): a sound site that was not taken. Where a parameter's
// register is used for something else by then, the site is not a sound one.
constexpr const char* kNotTaken = "but not all captured values are there";

std::shared_ptr<const probes::Binary> open_binary(const std::string& path) {
  auto binary = probes::Binary::open({path, path}, {});
  if (!binary) throw std::runtime_error(binary.error().to_string());
  return *binary;
}

probes::PlanResult plan(const probes::Binary& binary, const std::string& functions) {
  probes::ProbeConfig probe;
  probe.function = functions;
  return binary.plan(probe);
}

// Every function of the binary with all its parameters captured.
void add_share(Rows& rows, const std::string& name, const std::string& path) {
  const auto result = plan(*open_binary(path), "*");
  std::size_t cheap = 0, not_taken = 0, dear = 0;
  for (const auto& compiled : result.plans) {
    if (compiled.plan.inlined) continue;
    if (compiled.plan.site_class != schema::SiteClass::kSingleStep) {
      ++cheap;
    } else if (compiled.plan.site_reason.find(kNotTaken) != std::string::npos) {
      ++not_taken;
    } else {
      ++dear;
    }
  }
  const auto could = static_cast<double>(cheap + not_taken);
  const auto all = static_cast<double>(cheap + not_taken + dear);
  if (could == 0) throw std::runtime_error(path + " has no function that could be planned");
  rows.push_back({.name = "sites." + name,
                  .value = 100 * static_cast<double>(cheap) / could,
                  .unit = "%",
                  .baseline_name = "all functions, cheap site or not",
                  .baseline = 100 * static_cast<double>(cheap) / all,
                  .ratio = static_cast<double>(cheap) / could,
                  .budget = ">= 99 %",
                  .ok = 100 * static_cast<double>(cheap) >= 99 * could});
}

class CetCost {
 public:
  double hit_ns(std::uint64_t file_offset) {
    const double without = call_ns();
    auto link = collector::link_uprobe_multi(
        empty_.get(), {.path = kSelf, .offsets = {file_offset}, .cookies = {0}, .is_return = false});
    if (!link) throw std::runtime_error(link.error().to_string());
    call_ns();
    return call_ns() - without;
  }

 private:
  static double call_ns() {
    constexpr int kCalls = 200, kSpans = 25;
    double best = std::numeric_limits<double>::max();
    for (int span = 0; span < kSpans; ++span) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kCalls; ++i) backsight_bench_cet(i, 2);
      const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
      best = std::min(best, passed.count() / kCalls);
    }
    return best;
  }

  collector::Descriptor empty_ = load_empty_program();
};

}  // namespace

void run_site_share(Rows& rows) {
  if (const char* redis = std::getenv("BACKSIGHT_REDIS"))
    add_share(rows, "redis-server", std::string(redis) + "/ready/redis-server");
  const char* own = std::getenv("BACKSIGHT_DEBUGINFO");  // release builds say nothing of parameters
  add_share(rows, "backsightd", own ? own : beside("backsightd"));
  add_share(rows, "cet", beside("backsight-bench-cet"));
}

void run_cet_cost(Rows& rows) {
  const auto result = plan(*open_binary(kSelf), "backsight_bench_cet");
  if (result.plans.size() != 1) throw std::runtime_error("backsight_bench_cet was not planned");
  const auto& site = result.plans[0].sites.at(0);
  const auto symbol = own_file_offset(reinterpret_cast<std::uintptr_t>(&backsight_bench_cet));
  CetCost cost;
  const double at_symbol = cost.hit_ns(symbol);
  const double chosen = cost.hit_ns(site.file_offset);
  rows.push_back({.name = "cet.hit",
                  .value = chosen,
                  .unit = "ns",
                  .baseline_name = "probe on the symbol's address",
                  .baseline = at_symbol,
                  .ratio = chosen / at_symbol,
                  .budget = "<= 0.25x",
                  .ok = chosen <= 0.25 * at_symbol});
}

}  // namespace backsight::tools::benches
