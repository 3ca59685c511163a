// Losses that wait to be written as gaps: merged per (service, reason, probe)
// until the store takes them.
#pragma once

#include "schema/facts.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace backsight::collector {

class LossLedger {
 public:
  using Key = std::tuple<std::uint32_t, schema::LossReason, std::string>;  // slot, reason, probe
  struct Loss {
    std::int64_t from_ns = 0, to_ns = 0;
    std::uint64_t events = 0;
  };

  void add(std::uint32_t slot, schema::LossReason reason, const std::string& probe, Loss loss) {
    if (loss.events == 0) return;
    auto [known, is_new] = losses_.try_emplace({slot, reason, probe}, loss);
    if (is_new) return;
    known->second.from_ns = std::min(known->second.from_ns, loss.from_ns);
    known->second.to_ns = std::max(known->second.to_ns, loss.to_ns);
    known->second.events += loss.events;
  }
  std::map<Key, Loss>& losses() { return losses_; }

 private:
  std::map<Key, Loss> losses_;
};

}  // namespace backsight::collector
