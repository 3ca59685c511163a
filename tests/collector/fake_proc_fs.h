// Processes made up by a test.
#pragma once

#include "collector/proc_fs.h"

#include <map>
#include <string>
#include <vector>

namespace backsight::collector {

class FakeProcFs final : public ProcFs {
 public:
  struct Process {
    ProcessFacts facts;
    std::vector<std::string> libraries;
  };

  void add(std::uint32_t pid, const std::string& exe, std::int64_t start_ns,
           std::vector<std::string> libraries = {}) {
    ProcessFacts facts;
    facts.pid = pid;
    facts.parent_pid = 1;
    facts.exe = exe;
    facts.start_boot_ns = start_ns;
    processes[pid] = {facts, std::move(libraries)};
  }

  std::vector<std::uint32_t> list_pids() override {
    std::vector<std::uint32_t> pids;
    for (const auto& [pid, process] : processes) pids.push_back(pid);
    return pids;
  }
  schema::Result<std::string> read_exe(std::uint32_t pid) override {
    if (!processes.contains(pid)) return gone(pid);
    return processes[pid].facts.exe;
  }
  schema::Result<std::int64_t> read_start_boot_ns(std::uint32_t pid) override {
    if (!processes.contains(pid)) return gone(pid);
    return processes[pid].facts.start_boot_ns / 10'000'000 * 10'000'000;  // as /proc has it
  }
  schema::Result<ProcessFacts> read_process(std::uint32_t pid) override {
    if (!processes.contains(pid)) return gone(pid);
    ++reads;
    return processes[pid].facts;
  }
  schema::Result<LoadedFile> open_executable(std::uint32_t pid) override {
    if (!processes.contains(pid)) return gone(pid);
    return file(processes[pid].facts.exe);
  }
  schema::Result<std::vector<LoadedFile>> open_modules(std::uint32_t pid) override {
    if (!processes.contains(pid)) return gone(pid);
    std::vector<LoadedFile> files;
    for (const auto& library : processes[pid].libraries) files.push_back(file(library));
    return files;
  }

  std::map<std::uint32_t, Process> processes;
  unsigned reads = 0;

 private:
  static schema::Error gone(std::uint32_t pid) {
    return schema::make_error(schema::ErrorCode::kNotFound, "no process " + std::to_string(pid));
  }
  static LoadedFile file(const std::string& path) {
    return {{1, std::hash<std::string>{}(path), path}, path, "ab12", std::make_shared<OpenFile>(-1)};
  }
};

}  // namespace backsight::collector
