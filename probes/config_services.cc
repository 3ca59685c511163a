#include "probes/config_services.h"

#include "probes/config_redact.h"
#include "probes/glob.h"

#include <algorithm>
#include <regex>
#include <set>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxServices = 256;
constexpr std::size_t kMaxServiceName = 64;
constexpr std::uint64_t kMaxPid = 4'194'304;  // PID_MAX_LIMIT of 64-bit Linux

constexpr KeySpec kServiceKeys[] = {
    {"name"}, {"match"}, {"probes"}, {"globals"}, {"redact"},
};

constexpr KeySpec kMatchKeys[] = {{"exe"}, {"cmdline"}, {"cgroup"}, {"unit"}, {"pid"}};

// Service names are directory names, URL parts and the first half of event ids.
std::string read_service_name(const ConfigValue& value) {
  std::string name = value.text_up_to(kMaxServiceName);
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  if (name.front() == '.' || !std::all_of(name.begin(), name.end(), is_allowed)) {
    value.fail("\"" + name + "\" is not a service name",
               "1 to 64 letters, digits, '_', '-' and '.', not beginning with '.'");
  }
  return name;
}

std::string read_glob(const ConfigValue& value) {
  std::string pattern = value.text();
  if (const auto problem = glob_problem(pattern)) {
    value.fail("bad glob \"" + pattern + "\": " + *problem,
               "'*', '?', '[a-z]'; '\\' takes the next as it is");
  }
  return pattern;
}

std::string read_exe(const ConfigValue& value) {
  std::string pattern = read_glob(value);
  if (pattern.find_first_of("/*?[") != 0) {
    value.fail("\"" + pattern + "\" can never match: the path of an executable begins with '/'",
               "\"*/" + pattern + "\" finds it in every folder");
  }
  return pattern;
}

std::string read_regex(const ConfigValue& value) {
  std::string pattern = value.text();
  try {
    const std::regex checked(pattern, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    value.fail("bad regular expression \"" + pattern + "\": " + error.what(), "ECMAScript syntax");
  }
  return pattern;
}

MatchConfig read_match(const ConfigValue& value) {
  const ConfigMap map(value, "match", kMatchKeys);
  MatchConfig match;
  match.position = value.position();
  if (map.size() == 0) {
    value.fail("is empty and would take every process", "give one of exe, cmdline, cgroup, unit, pid");
  }
  if (const auto* exe = map.find("exe")) match.exe = read_exe(*exe);
  if (const auto* cmdline = map.find("cmdline")) match.cmdline = read_regex(*cmdline);
  if (const auto* cgroup = map.find("cgroup")) match.cgroup = read_glob(*cgroup);
  if (const auto* unit = map.find("unit")) match.unit = unit->text();
  if (const auto* pid = map.find("pid")) {
    match.pid = static_cast<std::uint32_t>(pid->integer(1, kMaxPid));
  }
  return match;
}

ServiceConfig read_service(const ConfigValue& value) {
  const ConfigMap map(value, "service", kServiceKeys);
  ServiceConfig service;
  service.position = value.position();
  service.name = read_service_name(map.require("name", "name: checkout"));
  service.match = read_match(map.require("match", "match: { exe: \"/opt/checkout/bin/checkout\" }"));
  if (const auto* probes = map.find("probes")) service.probes = read_probes(*probes);
  if (const auto* globals = map.find("globals")) {
    for (ProbeConfig& global : read_globals(*globals)) service.probes.push_back(std::move(global));
  }
  if (const auto* redact = map.find("redact")) redact_all(read_redact(*redact, true), service.probes);
  return service;
}

}  // namespace

std::vector<ServiceConfig> read_services(const ConfigValue& value) {
  std::vector<ServiceConfig> services;
  std::set<std::string> names;
  for (const ConfigValue& entry : value.list()) {
    if (services.size() == kMaxServices) entry.fail("too many services", "at most 256");
    ServiceConfig service = read_service(entry);
    if (!names.insert(service.name).second) {
      entry.fail("service \"" + service.name + "\" is given twice",
                 "one timeline per name: put the probes together, or choose another name");
    }
    services.push_back(std::move(service));
  }
  return services;
}

}  // namespace backsight::probes
