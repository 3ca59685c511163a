// The fold as facts complete it: calls of processes that have ended are not
// open, and those that ended long ago are forgotten. One rule for keyframes,
// reads and verification. Internal to store/.
#pragma once

#include "schema/facts.h"
#include "store/call_fold.h"

#include <map>

namespace backsight::store {

// Rows of different CPUs may be this much out of order across frames.
inline constexpr std::int64_t kOrderSlackNs = 1'000'000'000;
// State knows the last calls of a process for so long after its end.
inline constexpr std::int64_t kForgetEndedNs = 600'000'000'000;

using Processes = std::map<schema::ProcessId, schema::Process>;

void forget_ended(CallFold& fold, const Processes& processes, schema::BootTime at);
// The state at `at`; `fold` holds the rows up to then.
Fold settled_fold(CallFold fold, const Processes& processes, schema::BootTime at, schema::Sequence next);

}  // namespace backsight::store
