// `store verify` with a progress bar on standard error: it reads every byte of a
// store, which may take minutes.
#pragma once

#include "query/verbs.h"
#include "schema/result.h"

#include <boost/json.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace backsight::tools {

// "[####      ] 40 %  1.2 GiB of 3.0 GiB"; empty while nothing is known.
std::string progress_bar(std::uint64_t done, std::uint64_t total);

// The same answer as query::answer() for "store verify". `draw` gets one line, not ended.
schema::Result<boost::json::object> verify_with_progress(const query::Request& request,
                                                         const std::function<void(const std::string&)>& draw);

}  // namespace backsight::tools
