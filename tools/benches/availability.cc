#include "tools/benches/availability.h"

#include "probes/planner.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>

namespace backsight::tools::benches {
namespace {
namespace fs = std::filesystem;

constexpr double kWanted = 97;
constexpr std::size_t kMaxPrefix = 40;
constexpr std::string_view kNext =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:~<>()&,= +-";

struct Count {
  double functions = 0;
  double parameters = 0;
  double available = 0;
  std::map<std::string, double> reasons;

  void add(const probes::CompiledPlan& compiled) {
    ++functions;
    for (const schema::Capture& capture : compiled.plan.captures) {
      if (capture.at_return) continue;
      ++parameters;
      if (capture.unavailable == schema::Unavailable::kNone) {
        ++available;
      } else {
        ++reasons[schema::to_string(capture.unavailable)];
      }
    }
  }
};

// Adds the functions that begin with `prefix`: those of one more letter each, where
// they are more than one probe may match.
void count_all(const probes::Binary& binary, const std::string& prefix, Count& count) {
  probes::ProbeConfig probe;
  probe.function = prefix + "*";
  probe.on_return = false;
  const probes::PlanResult result = binary.plan(probe);
  bool is_cut = false;
  for (const probes::Issue& issue : result.issues) {
    is_cut = is_cut || issue.message.find("matches more than") != std::string::npos;
  }
  if (is_cut && prefix.size() < kMaxPrefix) {
    for (const char next : kNext) count_all(binary, prefix + next, count);
    return;
  }
  for (const probes::CompiledPlan& compiled : result.plans) {
    if (!compiled.plan.inlined) count.add(compiled);
  }
}

Row row(const std::string& name, double value, const char* unit) {
  Row result;
  result.name = "availability." + name;
  result.value = value;
  result.unit = unit;
  return result;
}

void add_binary(Rows& rows, const std::string& name, const std::string& path) {
  const auto binary = probes::Binary::open({path, path}, {});
  if (!binary) throw std::runtime_error(binary.error().to_string());
  Count count;
  count_all(**binary, "", count);
  if (count.parameters == 0) {
    throw std::runtime_error(path + " has no parameters: is its debug information there?");
  }
  Row share = row(name, 100 * count.available / count.parameters, "%");
  share.budget = ">= 97 %";
  share.ok = share.value >= kWanted;
  rows.push_back(share);
  rows.push_back(row(name + ".functions", count.functions, "functions"));
  rows.push_back(row(name + ".parameters", count.parameters, "parameters"));
  for (const auto& [reason, number] : count.reasons) {
    rows.push_back(row(name + "." + reason, 100 * number / count.parameters, "%"));
  }
}

}  // namespace

void run_availability(Rows& rows) {
  const char* redis = std::getenv("BACKSIGHT_REDIS");
  const fs::path server = fs::path(redis ? redis : "") / "ready" / "redis-server";
  if (!redis || !fs::exists(server))
    throw std::runtime_error("$BACKSIGHT_REDIS has no redis-server; tools/bench builds it");
  add_binary(rows, "redis-server", server);
  for (const char* python : {"/usr/bin/python3.11"}) {
    if (!fs::exists(python)) throw std::runtime_error("install python3.11 and python3.11-dbg");
    add_binary(rows, "python3.11", python);
  }
  add_binary(rows, "backsightd", fs::read_symlink("/proc/self/exe").parent_path() / "backsightd");
}

}  // namespace backsight::tools::benches
