// Reads debug information in a process of its own: without capabilities, behind
// a seccomp filter, with limits on memory and time. Whatever damaged or hostile
// input does to it, the collector gets an error.
//
//   collector                              planning process (the same program)
//   open_in_sandbox() ── spawn, Open ────▶ enter_jail(), Binary::open()
//        ◀──────── WantFile path ───────── every file
//        ───── descriptor ───────────────▶
//   plan() ──────────── Plan ────────────▶ Binary::plan()
//        ◀────── Planned …, PlanEnd ──────
#pragma once

#include "probes/planner.h"
#include "probes/sandbox_jail.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace backsight::probes {

struct SandboxOptions {
  // What opens files and keeps indexes on behalf of the planning process, which
  // gets regular ELF files only. Null: files are opened, nothing is cached.
  std::shared_ptr<FileSource> files = nullptr;
  std::vector<std::string> debug_roots = {"/usr/lib/debug"};
  JailLimits limits = {};
  std::chrono::seconds time_limit{120};    // of one question
  std::string program = "/proc/self/exe";  // whose main() calls planning_process()
};

// As Binary::open. The process lives as long as the binary. When it dies, or
// exceeds a limit, plan() answers with an issue that says so.
schema::Result<std::shared_ptr<const Binary>> open_in_sandbox(const ModuleFile& file,
                                                              const SandboxOptions& options);

// names_at() (probes/symbol_table.h), in a process that ends with the answer: as
// many names as offsets.
schema::Result<std::vector<std::string>> names_in_sandbox(const ModuleFile& file,
                                                          const std::vector<std::uint64_t>& file_offsets,
                                                          const SandboxOptions& options);

// For main(): whether this process was started as a planning process; then runs
// it and gives the exit code in `code`.
bool planning_process(int argc, char** argv, int& code);

}  // namespace backsight::probes
