// `check`: what every configured probe would do, found by opening the binaries
// that the services match, without attaching anything (interface.md, 8).
#pragma once

#include "probes/config.h"
#include "schema/result.h"

#include <boost/json.hpp>

#include <optional>
#include <string>

namespace backsight::tools {

struct CheckAnswer {
  boost::json::object object;
  bool all_resolved = true;  // every probe has at least one instance
};

// kNotFound: no such service.
schema::Result<CheckAnswer> check_config(const probes::Config& config,
                                         const std::optional<std::string>& service);

}  // namespace backsight::tools
