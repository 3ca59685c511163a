// The `redact` lists of probes and services. Private to the configuration's parser.
#pragma once

#include "probes/config.h"
#include "probes/config_reader.h"

#include <vector>

namespace backsight::probes {

std::vector<RedactPattern> read_redact(const ConfigValue& value, bool of_service);
// Behind the patterns that the probes have themselves.
void redact_all(const std::vector<RedactPattern>& patterns, std::vector<ProbeConfig>& probes);

}  // namespace backsight::probes
