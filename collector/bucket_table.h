// Which token bucket of the kernel a probe has: one for all its functions.
#pragma once

#include "bpf/abi/plan.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>

namespace backsight::collector {

class BucketTable {
 public:
  // By probe. Where there are more probes than buckets, the last one is shared.
  std::uint32_t of(std::uint32_t probe) {
    const auto known = buckets_.find(probe);
    if (known != buckets_.end()) return known->second;
    std::uint32_t bucket = 0;
    while (bucket + 1 < BS_MAX_BUCKETS && used_.contains(bucket)) ++bucket;
    used_.insert(bucket);
    return buckets_[probe] = bucket;
  }
  // Forgets probes that are no more.
  void keep_only(const std::function<bool(std::uint32_t probe)>& is_known) {
    std::erase_if(buckets_, [&](const auto& entry) { return !is_known(entry.first); });
    used_.clear();
    for (const auto& [probe, bucket] : buckets_) used_.insert(bucket);
  }

 private:
  std::map<std::uint32_t, std::uint32_t> buckets_;
  std::set<std::uint32_t> used_;
};

}  // namespace backsight::collector
