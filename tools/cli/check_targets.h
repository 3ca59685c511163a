// Which files a service's probes would look into: executables matched by path
// or by running processes, and the libraries that running ones have loaded.
#pragma once

#include "collector/proc_fs.h"
#include "probes/config.h"
#include "probes/planner.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::tools {

struct CheckTarget {
  probes::ModuleFile executable;
  std::vector<probes::ModuleFile> libraries;
};

class CheckTargets {
 public:
  CheckTargets();
  // Each executable once. Empty: nothing on disk and nothing running matches.
  std::vector<CheckTarget> find(const probes::MatchConfig& match);

 private:
  void add_running(const probes::MatchConfig& match, std::map<std::string, CheckTarget>& targets);
  probes::ModuleFile keep(collector::LoadedFile file);

  std::unique_ptr<collector::ProcFs> proc_;
  std::vector<collector::LoadedFile> kept_;  // open while their open_path is used
};

// The files that `probe` is looked for in, in order.
std::vector<probes::ModuleFile> probe_files(const probes::ProbeConfig& probe, const CheckTarget& target);

}  // namespace backsight::tools
