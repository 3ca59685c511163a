// Which processes belong to a service: a pure function of configuration and facts.
#pragma once

#include "collector/proc_fs.h"
#include "probes/config.h"

#include <string>

namespace backsight::collector {

// All given conditions hold; a configuration without any matches nothing.
//   exe     glob (probes/glob.h: '*' crosses '/'); without '/' it is matched with the file's name
//   cmdline regular expression (ECMAScript), searched in the arguments joined by spaces
//   cgroup  glob on the path of any hierarchy
//   unit    a component of the cgroup path; "checkout" means "checkout.service"
bool matches(const probes::MatchConfig& match, const ProcessFacts& facts);

// Only the part of `matches` that needs no more than the executable and the
// pid: false means that reading more of /proc is of no use.
bool may_match(const probes::MatchConfig& match, std::uint32_t pid, const std::string& exe);

// Nothing but `exe` is given: whoever runs the file belongs to the service.
bool is_exe_only(const probes::MatchConfig& match);

// As `exe` above.
bool path_matches(const std::string& glob, const std::string& path);

}  // namespace backsight::collector
