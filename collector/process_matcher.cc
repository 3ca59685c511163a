#include "collector/process_matcher.h"

#include "probes/glob.h"

#include <algorithm>
#include <regex>

namespace backsight::collector {
namespace {

bool cmdline_matches(const std::string& pattern, const std::vector<std::string>& arguments) {
  std::string line;
  for (const auto& argument : arguments) {
    if (!line.empty()) line += ' ';
    line += argument;
  }
  constexpr std::size_t kLongest =
      4096;  // std::regex recurses: a hostile command line must not exhaust the stack
  line.resize(std::min(line.size(), kLongest));
  try {
    return std::regex_search(line, std::regex(pattern, std::regex::ECMAScript));
  } catch (const std::regex_error&) {
    return false;  // validated when the configuration was read, or too complex for this line
  }
}

bool has_component(const std::string& path, const std::string& name) {
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    if (path.compare(at, end - at, name) == 0) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

bool path_matches(const std::string& glob, const std::string& path) {
  if (glob.find('/') != std::string::npos) return probes::glob_match(glob, path);
  const auto slash = path.rfind('/');
  return probes::glob_match(glob, slash == std::string::npos ? path : path.substr(slash + 1));
}

bool is_exe_only(const probes::MatchConfig& match) {
  return match.exe && !match.cmdline && !match.cgroup && !match.unit && !match.pid;
}

bool may_match(const probes::MatchConfig& match, std::uint32_t pid, const std::string& exe) {
  if (!match.exe && !match.cmdline && !match.cgroup && !match.unit && !match.pid) return false;
  if (match.pid && *match.pid != pid) return false;
  return !match.exe || path_matches(*match.exe, exe);
}

bool matches(const probes::MatchConfig& match, const ProcessFacts& facts) {
  if (!may_match(match, facts.pid, facts.exe)) return false;
  const auto in_cgroups = [&](const auto& condition) {
    return std::any_of(facts.cgroups.begin(), facts.cgroups.end(), condition);
  };
  if (match.cgroup &&
      !in_cgroups([&](const std::string& path) { return probes::glob_match(*match.cgroup, path); })) {
    return false;
  }
  if (match.unit && !in_cgroups([&](const std::string& path) {
        return has_component(path, *match.unit) || has_component(path, *match.unit + ".service");
      })) {
    return false;
  }
  return !match.cmdline || cmdline_matches(*match.cmdline, facts.cmdline);
}

}  // namespace backsight::collector
