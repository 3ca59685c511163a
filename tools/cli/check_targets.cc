#include "tools/cli/check_targets.h"

#include "collector/process_matcher.h"
#include "probes/glob.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace backsight::tools {
namespace {

std::vector<std::string> expand(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      struct stat info {};
      if (::stat(found.gl_pathv[i], &info) == 0 && S_ISREG(info.st_mode))
        paths.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool is_absolute(const std::string& path) {
  return !path.empty() && path.front() == '/';
}

}  // namespace

CheckTargets::CheckTargets() : proc_(collector::make_proc_fs()) {}

std::vector<CheckTarget> CheckTargets::find(const probes::MatchConfig& match) {
  std::map<std::string, CheckTarget> targets;
  add_running(match, targets);
  if (match.exe && is_absolute(*match.exe)) {
    for (const std::string& path : expand(*match.exe)) {
      if (targets.count(path) == 0) targets[path].executable = {path, path};
    }
  }
  std::vector<CheckTarget> list;
  for (auto& [path, target] : targets) list.push_back(std::move(target));
  return list;
}

void CheckTargets::add_running(const probes::MatchConfig& match,
                               std::map<std::string, CheckTarget>& targets) {
  for (std::uint32_t pid : proc_->list_pids()) {
    const auto exe = proc_->read_exe(pid);
    if (!exe || targets.count(*exe) != 0 || !collector::may_match(match, pid, *exe)) continue;
    const auto facts = proc_->read_process(pid);
    if (!facts || !collector::matches(match, *facts)) continue;
    CheckTarget target;
    auto file = proc_->open_executable(pid);
    // Not ours to look into: the path then.
    target.executable = file ? keep(std::move(*file)) : probes::ModuleFile{*exe, *exe};
    if (auto modules = proc_->open_modules(pid)) {
      for (collector::LoadedFile& module : *modules) target.libraries.push_back(keep(std::move(module)));
    }
    targets.emplace(*exe, std::move(target));
  }
}

probes::ModuleFile CheckTargets::keep(collector::LoadedFile file) {
  probes::ModuleFile module{file.path, file.file->path()};
  kept_.push_back(std::move(file));
  return module;
}

std::vector<probes::ModuleFile> probe_files(const probes::ProbeConfig& probe, const CheckTarget& target) {
  std::vector<probes::ModuleFile> files;
  if (probe.module.empty()) {
    files.push_back(target.executable);
    files.insert(files.end(), target.libraries.begin(), target.libraries.end());
    return files;
  }
  const auto add = [&](const probes::ModuleFile& file) {
    const bool known = std::any_of(files.begin(), files.end(),
                                   [&](const probes::ModuleFile& other) { return other.path == file.path; });
    if (!known) files.push_back(file);
  };
  for (const probes::ModuleFile& library : target.libraries) {
    if (collector::path_matches(probe.module, library.path)) add(library);
  }
  if (collector::path_matches(probe.module, target.executable.path)) add(target.executable);
  if (!files.empty()) return files;
  // Nothing runs: where libraries usually are.
  const std::string folder = target.executable.path.substr(0, target.executable.path.rfind('/'));
  std::vector<std::string> patterns = {probe.module};
  if (!is_absolute(probe.module)) {
    patterns.clear();
    for (const std::string& place : {folder, folder + "/../lib", std::string("/usr/local/lib"),
                                     std::string("/usr/lib/x86_64-linux-gnu"), std::string("/usr/lib64")}) {
      patterns.push_back(place + "/" + probe.module);
    }
  }
  for (const std::string& pattern : patterns) {
    for (const std::string& path : expand(pattern)) add({path, path});
    if (!files.empty()) break;
  }
  return files;
}

}  // namespace backsight::tools
