// The `services` part of the configuration (interface.md, 2).
#pragma once

#include "probes/config_reader.h"

namespace backsight::probes {

// Throws ConfigFailure.
std::vector<ServiceConfig> read_services(const ConfigValue& value);
// Probes of one service; probes/config_probe.cc.
std::vector<ProbeConfig> read_probes(const ConfigValue& value);
schema::CaptureLimits read_limits(const ConfigValue& value);
// Globals of one service, each as a probe; probes/config_globals.cc.
std::vector<ProbeConfig> read_globals(const ConfigValue& value);

}  // namespace backsight::probes
