// The collector's metrics as Prometheus text.
#pragma once

#include "collector/collector.h"

#include <string>

namespace backsight::tools {

std::string metrics_text(const collector::CollectorMetrics& metrics, bool ready);

}  // namespace backsight::tools
