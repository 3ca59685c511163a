#include "collector/recorded_past.h"

#include "store/timeline.h"

#include <algorithm>
#include <cstdint>

namespace backsight::collector {

std::optional<RecordedPast> load_recorded_past(const std::string& store_path, const std::string& service,
                                               const std::string& boot_id, std::int64_t boot_base_ns) {
  auto reader = store::TimelineReader::open(store_path, service);
  if (!reader || (*reader)->clock().empty()) return {};
  // The clock is recorded each second; rows go on after its last sample.
  auto last = (*reader)->clock().samples().back().boot;
  const auto later = (*reader)->scan_backwards(last, {INT64_MAX}, [&last](const store::StoredEvent& stored) {
    last = std::max(last, stored.event.time());
    return true;
  });
  if (!later) return {};
  RecordedPast past;
  past.last_boot_ns = last.ns - boot_base_ns;
  for (const auto& [id, process] : (*reader)->processes()) {
    if (process.ended) continue;
    if (process.boot_id != boot_id) {
      past.earlier_boots.push_back(process);
      past.earlier_boots.back().ended = last;
      continue;
    }
    past.alive.push_back({process.pid,
                          process.parent_pid,
                          process.exe,
                          process.cmdline,
                          process.build_id,
                          process.started.ns - boot_base_ns,
                          {}});
  }
  return past;
}

}  // namespace backsight::collector
