// What a service's timeline says about the time before this collector started.
#pragma once

#include "collector/pipeline_input.h"
#include "schema/facts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::collector {

struct RecordedPast {
  std::int64_t last_boot_ns = 0;               // last moment, on this boot's clock (may be negative)
  std::vector<ProcessImage> alive;             // of this boot, not known to have ended
  std::vector<schema::Process> earlier_boots;  // not known to have ended, but ended with their boot
};

// Nothing where the service was never recorded, or cannot be read.
std::optional<RecordedPast> load_recorded_past(const std::string& store_path, const std::string& service,
                                               const std::string& boot_id, std::int64_t boot_base_ns);

}  // namespace backsight::collector
