#include "tools/benches/sustained.h"

#include "tools/benches/recording.h"

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace backsight::tools::benches {
namespace {

constexpr const char* kProbes = "      - function: \"bench::handle\"\n";
constexpr double kMiB = 1 << 20;
constexpr double kWanted = 2e6;

double number(const boost::json::value& object, const char* name) {
  return object.at(name).to_number<double>();
}

struct Flood {
  double events = 0;       // that the target caused
  double cpu_seconds = 0;  // of the collector
  double peak_bytes = 0;
  boost::json::value stats;
};

// Runs the target for `seconds` at 100,000 events a second and stops the collector.
Flood flood(Recording& recording, const std::string& target, int seconds) {
  Child waiting({target, "1", "600"}, recording.file("waiting.log"));  // attaches the probe
  recording.wait_active("bench::handle");
  Flood result;
  const double before = recording.collector().cpu_seconds();
  Child busy({target, "50000", std::to_string(seconds)}, recording.file("target.log"));
  if (busy.wait() != 0) throw std::runtime_error("the target failed: " + busy.output());
  result.events = 2 * std::stod(busy.output());
  eventually([] { return false; }, std::chrono::seconds(1));  // let it write what it has
  result.cpu_seconds = recording.collector().cpu_seconds() - before;
  result.peak_bytes = static_cast<double>(recording.collector().peak_bytes());
  waiting.stop();
  recording.stop();
  result.stats = recording.ask({"store", "stats"});
  return result;
}

double median_state_ms(Recording& recording) {
  const auto stats = recording.ask({"store", "stats"});
  const std::string newest(stats.at("newest").as_string());
  std::vector<double> times;
  for (int i = 1; i <= 15; i++) {
    const auto start = std::chrono::steady_clock::now();
    recording.ask({"state", "--at", newest + "-" + std::to_string(i * 60) + "ms"});
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 7, times.end());
  return times[7];
}

}  // namespace

void run_sustained(Rows& rows) {
  const std::string target = beside("backsight-bench-target");
  Recording recording(target, kProbes);
  const Flood result = flood(recording, target, 20);
  const double stored = number(result.stats, "events"), raw = number(result.stats, "raw_bytes");
  const double lost = number(result.stats, "lost"), bytes = number(result.stats, "stored_bytes");
  rows.push_back({.name = "sustained.caused",
                  .value = result.events,
                  .unit = "events",
                  .baseline_name = "100,000 a second for 20 s",
                  .baseline = kWanted,
                  .ratio = result.events / kWanted,
                  .budget = ">= 95 % of them",
                  .ok = result.events >= 0.95 * kWanted});
  rows.push_back({.name = "sustained.stored",
                  .value = stored,
                  .unit = "events",
                  .baseline_name = "caused",
                  .baseline = result.events,
                  .ratio = stored / result.events,
                  .budget = "all of them",
                  .ok = stored >= result.events});
  rows.push_back({.name = "sustained.lost",
                  .value = lost,
                  .unit = "events",
                  .baseline_name = "caused",
                  .baseline = result.events,
                  .ratio = lost / result.events,
                  .budget = "0",
                  .ok = lost == 0});
  const double cpu_us = result.cpu_seconds * 1e6 / std::max(stored, 1.0);
  rows.push_back({.name = "sustained.cpu_per_event",
                  .value = cpu_us,
                  .unit = "us",
                  .baseline_name = "whole time per event",
                  .baseline = 10,
                  .ratio = cpu_us / 10,
                  .budget = "<= 1 us",
                  .ok = cpu_us <= 1});
  rows.push_back({.name = "sustained.stored_per_event",
                  .value = bytes / std::max(stored, 1.0),
                  .unit = "bytes",
                  .baseline_name = "raw bytes per event",
                  .baseline = raw / std::max(stored, 1.0),
                  .ratio = bytes > 0 ? raw / bytes : 0,
                  .budget = "raw : stored >= 10",
                  .ok = bytes > 0 && raw / bytes >= 10});
  rows.push_back({.name = "sustained.peak_memory",
                  .value = result.peak_bytes / kMiB,
                  .unit = "MiB",
                  .baseline_name = "limits.memory",
                  .baseline = 512,
                  .ratio = result.peak_bytes / kMiB / 512,
                  .budget = "<= 512 MiB",
                  .ok = result.peak_bytes <= 512 * kMiB});
}

void run_state(Rows& rows) {
  const std::string target = beside("backsight-bench-target");
  double small_ms = 0, small_events = 0;
  for (const int seconds : {1, 10}) {
    Recording recording(target, kProbes);
    const Flood result = flood(recording, target, seconds);
    const double ms = median_state_ms(recording), events = number(result.stats, "events");
    if (seconds == 1) {
      small_ms = ms;
      small_events = events;
      continue;
    }
    rows.push_back({.name = "state.at_1M",
                    .value = ms,
                    .unit = "ms",
                    .baseline_name = "with " + std::to_string(static_cast<long>(small_events)) + " events",
                    .baseline = small_ms,
                    .ratio = ms / small_ms,
                    .budget = "<= 50 ms, program start included; growth < 2",
                    .ok = ms <= 50 && ms / small_ms < 2});
  }
}

}  // namespace backsight::tools::benches
