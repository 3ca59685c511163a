#include "tools/daemon/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <utility>
#include <vector>

namespace backsight::tools {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Families {
 public:
  void counter(const std::string& name, const std::string& help, double value, const Labels& labels = {}) {
    add(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
  }
  void gauge(const std::string& name, const std::string& help, double value, const Labels& labels = {}) {
    add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
  }
  std::string text() && { return prometheus::TextSerializer().Serialize(std::exchange(families_, {})); }

 private:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                const Labels& labels) {
    const auto [known, is_new] = by_name_.try_emplace(name, families_.size());
    if (is_new) families_.push_back({name, help, type, {}});
    auto& metric = families_[known->second].metric.emplace_back();
    for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    return metric;
  }
  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, std::size_t> by_name_;
};

void add_probe(Families& families, const collector::CollectorMetrics::Probe& probe,
               std::map<Labels, int>& seen) {
  const auto& status = probe.status;
  const Labels labels{{"service", probe.service},
                      {"probe", status.probe},
                      {"function", status.function},
                      {"module", status.module_path}};
  // Two captures of one function, overloads, inlined copies: a series must be unique.
  auto unique = labels;
  if (const int again = seen[labels]++; again > 0) unique.emplace_back("instance", std::to_string(again + 1));
  for (const auto state :
       {schema::ProbeState::kPending, schema::ProbeState::kActive, schema::ProbeState::kFailed}) {
    auto with_state = unique;
    with_state.emplace_back("state", to_string(state));
    families.gauge("backsight_probe_state", "1 for the state that the probe is in.", status.state == state,
                   with_state);
  }
  if (status.function.empty()) return;
  families.counter("backsight_probe_hits_total", "Hits of the probe in processes of the service.",
                   static_cast<double>(status.hits), unique);
  families.counter("backsight_probe_kept_total", "Hits that became events.", static_cast<double>(status.kept),
                   unique);
  for (std::size_t reason = 0; reason < status.lost.size(); ++reason) {
    if (status.lost[reason] == 0) continue;
    auto with_reason = unique;
    with_reason.emplace_back("reason", to_string(static_cast<schema::LossReason>(reason)));
    families.counter("backsight_probe_lost_total", "Hits that are missing in the timeline, by reason.",
                     static_cast<double>(status.lost[reason]), with_reason);
  }
}

}  // namespace

std::string metrics_text(const collector::CollectorMetrics& metrics, bool ready) {
  Families families;
  families.gauge("backsight_ready", "1 when every service was scanned and its probes were planned.", ready);
  families.counter("backsight_events_total", "Events stored since the collector started.",
                   static_cast<double>(metrics.events));
  families.counter("backsight_raw_bytes_total", "Size of the stored events before compression.",
                   static_cast<double>(metrics.raw_bytes));
  families.counter("backsight_stored_bytes_total", "Size of the stored events as written.",
                   static_cast<double>(metrics.stored_bytes));
  families.gauge("backsight_processes", "Processes that are recorded now.",
                 static_cast<double>(metrics.processes));
  families.gauge("backsight_queue_bytes", "Events that wait to be written.",
                 static_cast<double>(metrics.queue_bytes));
  families.counter("backsight_stacks_given_up_total", "Stacks that were copied and not unwound in time.",
                   static_cast<double>(metrics.stacks_given_up));
  families.counter("backsight_store_errors_total", "Writes that the store refused.",
                   static_cast<double>(metrics.store_errors));
  families.counter("backsight_cpu_seconds_total", "CPU time of the collector.", metrics.cpu_seconds);
  families.gauge("backsight_resident_bytes", "Resident memory of the collector.",
                 static_cast<double>(metrics.resident_bytes));
  std::map<Labels, int> seen;
  for (const auto& probe : metrics.probes) add_probe(families, probe, seen);
  return std::move(families).text();
}

}  // namespace backsight::tools
