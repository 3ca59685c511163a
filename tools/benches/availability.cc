#include "tools/benches/availability.h"

#include "probes/debug_file.h"
#include "probes/debug_index.h"
#include "probes/planner.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <vector>

namespace backsight::tools::benches {
namespace {
namespace fs = std::filesystem;

constexpr double kWanted = 97;
constexpr std::size_t kMaxPrefix = 200;
constexpr std::size_t kMaxFunctions = 8'000;  // of one probe, below what it may match

// Name and number of functions.
using Names = std::vector<std::pair<std::string, std::size_t>>;

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

Names function_names(const std::string& path) {
  auto elf = probes::ElfFile::open(path);
  if (!elf) throw std::runtime_error(elf.error().to_string());
  const auto file = std::make_shared<const probes::ElfFile>(std::move(*elf));
  const auto debug = probes::find_debug_file(file, path, {"/usr/lib/debug"});
  if (!debug.file) throw std::runtime_error(path + " has no debug information");
  const auto session = probes::DwarfSession::open(debug.file, {{}, {"/usr/lib/debug"}, path});
  if (!session) throw std::runtime_error(session.error().to_string());
  const probes::DebugIndex index(**session);
  Names names;
  for (const probes::FunctionEntry& entry : index.functions()) {
    if (!entry.concrete.empty()) names.emplace_back(index.qualified(entry), entry.concrete.size());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_pattern(char c) {
  return c == '*' || c == '?' || c == '[' || c == '(' || c == '\\';
}

// Counts the functions of names[begin, end), which share their first `length` letters:
// as many probes as it takes, for one may match so many functions only.
void count_all(const probes::Binary& binary, const Names& names, std::size_t begin, std::size_t end,
               std::size_t length, Count& count) {
  std::size_t functions = 0;
  for (std::size_t i = begin; i < end; ++i) functions += names[i].second;
  if (functions <= kMaxFunctions || length >= kMaxPrefix) {
    const std::string prefix = names[begin].first.substr(0, length);
    if (std::any_of(prefix.begin(), prefix.end(), is_pattern)) return;
    probes::ProbeConfig probe;
    probe.function = prefix + "*";
    probe.on_return = false;
    probe.limits.depth = 1;  // what is behind pointers is the same at entry
    for (const probes::CompiledPlan& compiled : binary.plan(probe).plans) {
      if (!compiled.plan.inlined) count.add(compiled);
    }
    return;
  }
  const auto letter = [&](std::size_t i) {
    return length < names[i].first.size() ? names[i].first[length] : '\0';
  };
  for (std::size_t i = begin; i < end;) {
    std::size_t next = i;
    while (next < end && letter(next) == letter(i)) ++next;
    if (letter(i) != '\0') count_all(binary, names, i, next, length + 1, count);
    i = next;
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
  const Names names = function_names(path);
  if (!names.empty()) count_all(**binary, names, 0, names.size(), 0, count);
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
