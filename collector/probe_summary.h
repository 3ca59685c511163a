// The state of a probe as a whole, from what became of it in each file. Told to
// the user while no function of it is attached.
#pragma once

#include "collector/actuator.h"

#include <string>

namespace backsight::collector {

struct ProbeSummary {
  schema::ProbeState state = schema::ProbeState::kPending;
  std::string message;
  bool is_doubtful = false;  // pending for something that may never come
};

ProbeSummary summarise(const ActuatorState& state, ProbeKey key, const ActuatorState::Probe& probe);

}  // namespace backsight::collector
