// What each probe instance has counted since the collector started. It may be
// attached more than once, and the kernel counts from each attachment on.
#pragma once

#include "bpf/abi/event.h"
#include "schema/facts.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace backsight::collector {

class HitCounts {
 public:
  // What earlier attachments counted; to be called before the first counters are taken.
  bs_plan_counters before(const std::string& service, const schema::ProbeStatus& status) const {
    const auto known = detached_.find(key_of(service, status));
    return known == detached_.end() ? bs_plan_counters{} : known->second;
  }
  // The attachment is gone; `status` has its last counts.
  void detached(const std::string& service, const schema::ProbeStatus& status) {
    auto& counts = detached_[key_of(service, status)];
    counts.hits = status.hits;
    counts.kept = status.kept;
    std::copy_n(status.lost.begin(), std::min<std::size_t>(status.lost.size(), BS_LOSS_REASONS), counts.lost);
    counts.rejected = status.rejected;
    const auto lost = [&](schema::LossReason reason) {
      const auto index = static_cast<std::size_t>(reason);
      return index < status.lost.size() ? status.lost[index] : 0;
    };
    counts.undecided = lost(schema::LossReason::kUndecided);
    counts.open_calls = lost(schema::LossReason::kOpenCalls);
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::uint32_t>;
  static Key key_of(const std::string& service, const schema::ProbeStatus& status) {
    return {service, status.probe, status.function, status.module_path, status.instance};
  }
  std::map<Key, bs_plan_counters> detached_;
};

}  // namespace backsight::collector
