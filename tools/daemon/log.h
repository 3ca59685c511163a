// The daemon's log: lines on stderr, as text or as one JSON object each.
#pragma once

#include "collector/collector.h"
#include "schema/result.h"

#include <string>

namespace backsight::tools {

void set_up_log(const std::string& level, const std::string& format);
void log_line(collector::LogLevel level, const std::string& message);
void log_error(const schema::Error& error);

}  // namespace backsight::tools
