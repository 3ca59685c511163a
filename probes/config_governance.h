// What decides which calls of a probe are kept, and how much of each: `where`,
// `sample`, `limits` (interface.md, 2).
#pragma once

#include "probes/config_reader.h"

#include <string>
#include <string_view>

namespace backsight::probes {

// All throw ConfigFailure.

// An expression of the language, parsed once to say early what is wrong with it.
// `what` begins its messages: "capture", "where".
std::string read_expression(const ConfigValue& value, std::string_view what);

std::string read_where(const ConfigValue& value);
SampleConfig read_sample(const ConfigValue& value);
// Depth, elements, string and bytes to `limits`, rate and burst to `rate`.
void read_limits(const ConfigValue& value, schema::CaptureLimits& limits, RateLimit& rate);

}  // namespace backsight::probes
