#include "collector/probe_summary.h"

#include <algorithm>

namespace backsight::collector {
namespace {

using State = ActuatorState;
using Phase = ActuatorState::Phase;

// A probe's instances by what became of them.
struct Instances {
  const State::Instance *attached = nullptr, *failed = nullptr, *planning = nullptr, *missing = nullptr;
};

Instances instances_of(const State& state, ProbeKey key) {
  Instances found;
  for (auto it = state.instances.lower_bound({key, {}});
       it != state.instances.end() && it->first.probe == key; ++it) {
    const auto& instance = it->second;
    const bool is_missing = instance.phase == Phase::kNotHere || instance.phase == Phase::kUnreadable;
    if (instance.phase == Phase::kAttached || instance.phase == Phase::kReady) found.attached = &instance;
    if (instance.phase == Phase::kFailed) found.failed = &instance;
    if (instance.phase == Phase::kPlanning) found.planning = &instance;
    if (is_missing && (!found.missing || instance.is_executable)) found.missing = &instance;
  }
  return found;
}

// An executable has not got the function; libraries that are loaded later may have it.
ProbeSummary summarise_missing(const State& state, const State::Instance& missing, bool is_planning) {
  using schema::ProbeState;
  bool searching = is_planning, can_load = false;
  for (const auto pid : missing.users) {
    const auto& process = state.processes.at(pid);
    searching = searching || !process.modules_known;
    can_load = can_load || !process.modules.empty();  // a static program has none
  }
  const bool is_readable = missing.phase == Phase::kNotHere;
  if (is_readable && (searching || can_load || missing.users.empty()))
    return {ProbeState::kPending, missing.message + "; libraries are searched when they are loaded", true};
  if (searching) return {ProbeState::kPending, "looking into the libraries of " + missing.path, false};
  return {ProbeState::kFailed, missing.message, false};
}

}  // namespace

ProbeSummary summarise(const ActuatorState& state, ProbeKey key, const ActuatorState::Probe& probe) {
  using schema::ProbeState;
  const auto [attached, failed, planning, missing] = instances_of(state, key);
  const bool may_come = missing && missing->is_executable && probe.config.module.empty();
  if (attached) return {ProbeState::kActive, {}, false};
  if (planning && may_come) return summarise_missing(state, *missing, true);
  if (planning) return {ProbeState::kPending, "reading the debug information of " + planning->path, false};
  if (failed) return {ProbeState::kFailed, failed->message, false};
  if (may_come) return summarise_missing(state, *missing, false);
  if (missing) return {ProbeState::kFailed, missing->message, false};
  const auto is_member = [&](const auto& entry) { return entry.second.services.contains(probe.service); };
  if (std::any_of(state.processes.begin(), state.processes.end(), is_member)) {
    return {ProbeState::kPending,
            "no process of the service has loaded a module that matches \"" + probe.config.module + "\" yet",
            false};
  }
  return {ProbeState::kPending, "no running process matches the service yet", false};
}

}  // namespace backsight::collector
