// What the kernel counts for a plan, by the reasons that the timeline knows.
#pragma once

#include "bpf/abi/event.h"
#include "schema/facts.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace backsight::collector {

using LossCounts = std::array<std::uint64_t, schema::kLossReasonCount>;

inline LossCounts losses_of(const bs_plan_counters& counters) {
  LossCounts losses{};
  for (std::size_t reason = 0; reason < BS_LOSS_REASONS; ++reason) losses[reason] = counters.lost[reason];
  losses[static_cast<std::size_t>(schema::LossReason::kUndecided)] = counters.undecided;
  losses[static_cast<std::size_t>(schema::LossReason::kOpenCalls)] = counters.open_calls;
  return losses;
}

}  // namespace backsight::collector
