// The `listen` key: an address alone, or a mapping with what a port that others
// can reach needs (token, certificate). Called by the parser of the
// configuration (probes/config.cc).
#pragma once

#include "probes/config.h"
#include "probes/config_reader.h"

namespace backsight::probes {

// Throws ConfigFailure.
ListenConfig read_listen(const ConfigValue& value);

}  // namespace backsight::probes
