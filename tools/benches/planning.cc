#include "tools/benches/planning.h"

#include "probes/file_cache.h"
#include "probes/planner.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace backsight::tools::benches {
namespace {
namespace fs = std::filesystem;

constexpr const char* kOne = "big::only";
constexpr const char* kAll = "*";

struct Measured {
  double open_ms = 0;
  double plan_ms = 0;
  double plans = 0;
  double peak_mb = 0;
  double cpu_ms = 0;  // of all threads: tells a busy machine from a slow planner
};

Measured measure(const std::string& path, const std::string& cache, const std::string& function) {
  Measured result;
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&start] {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  probes::Binary::Options options;
  options.files = std::make_shared<probes::FileCache>(cache);
  options.map_files = true;
  const auto binary = probes::Binary::open({path, path}, options);
  if (!binary) return result;
  result.open_ms = passed();
  probes::ProbeConfig probe;
  probe.function = function;
  result.plans = static_cast<double>((*binary)->plan(probe).plans.size());
  result.plan_ms = passed();
  return result;
}

// In a process of its own, whose peak of memory is that of planning.
Measured run_apart(const std::string& path, const std::string& cache, const std::string& function) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const Measured result = measure(path, cache, function);
    const bool written = ::write(ends[1], &result, sizeof result) == sizeof result;
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  Measured result;
  const bool is_whole = ::read(ends[0], &result, sizeof result) == sizeof result;
  ::close(ends[0]);
  rusage usage{};
  int status = 0;
  ::wait4(child, &status, 0, &usage);
  if (!is_whole || result.plans == 0) throw std::runtime_error("cannot plan " + function + " in " + path);
  result.peak_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  result.cpu_ms = ms(usage.ru_utime) + ms(usage.ru_stime);
  return result;
}

Row row(const std::string& name, double value, const char* unit) {
  return plain_row("planning." + name, value, unit);
}

void add(Rows& rows, const std::string& name, const Measured& measured, double budget_ms) {
  Row time = row(name, measured.plan_ms, "ms");
  time.baseline_name = "opening";
  time.baseline = measured.open_ms;
  Row memory = row(name + ".memory", measured.peak_mb, "MB");
  if (budget_ms > 0) {
    time.budget = "<= " + std::to_string(static_cast<int>(budget_ms)) + " ms";
    time.ok = measured.plan_ms <= budget_ms;
    memory.budget = "<= 500 MB";
    memory.ok = measured.peak_mb <= 500;
  }
  rows.push_back(time);
  rows.push_back(memory);
  rows.push_back(row(name + ".cpu", measured.cpu_ms, "ms"));
  rows.push_back(row(name + ".plans", measured.plans, "plans"));
}

}  // namespace

void run_planning(Rows& rows) {
  const char* directory = std::getenv("BACKSIGHT_BIG_BINARY");
  if (!directory)
    throw std::runtime_error("$BACKSIGHT_BIG_BINARY is not set; tools/bench makes the binary and sets it");
  const std::string path = fs::path(directory) / "big.so";
  const std::string cache = fs::path(directory) / "cache";
  const auto forget = [&cache] { fs::remove_all(cache); };
  forget();
  add(rows, "one.cold", run_apart(path, cache, kOne), 2000);
  add(rows, "one.cached", run_apart(path, cache, kOne), 100);
  forget();
  add(rows, "all.cold", run_apart(path, cache, kAll), 0);
  add(rows, "all.cached", run_apart(path, cache, kAll), 0);
  forget();
}

}  // namespace backsight::tools::benches
