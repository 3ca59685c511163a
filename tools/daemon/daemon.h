// Wires the collector, the store and the HTTP port, and runs until a signal.
#pragma once

#include "probes/config.h"
#include "schema/result.h"
#include "tools/daemon/options.h"

namespace backsight::tools {

// Runs until SIGTERM or SIGINT. The error that kept it from starting.
schema::Result<void> run_daemon(const DaemonOptions& options, probes::Config config);

// Loads a tape into a store.
schema::Result<void> load_tape(const DaemonOptions& options, const probes::Config& config);

}  // namespace backsight::tools
