#include "store/fold_facts.h"

namespace backsight::store {

using schema::BootTime;
using schema::ProcessId;

void forget_ended(CallFold& fold, const Processes& processes, BootTime at) {
  fold.forget([&](ProcessId id) {
    const auto found = processes.find(id);
    if (found == processes.end() || !found->second.ended) return false;
    const std::int64_t ended = found->second.ended->ns;
    return ended <= INT64_MAX - kForgetEndedNs && ended + kForgetEndedNs <= at.ns;
  });
}

// Endings before settle(): the order in which a keyframe took them in.
Fold settled_fold(CallFold fold, const Processes& processes, BootTime at, schema::Sequence next) {
  for (const auto& [id, process] : processes) {
    if (process.ended && *process.ended <= at) fold.process_ended(id, *process.ended, {});
  }
  fold.settle({});
  forget_ended(fold, processes, at);
  return fold.snapshot(at, next);
}

}  // namespace backsight::store
