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
#include "schema/stack.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace backsight::probes {

struct UnwindRequest;  // probes/unwind_codec.h

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

// With this bit, a place counts as code only if a call instruction ends right behind it.
inline constexpr std::uint64_t kEndsCall = 1ull << 62;

// CodePlaces (probes/code_places.h), in a process that lives as long as this object.
class SandboxedPlaces {
 public:
  virtual ~SandboxedPlaces() = default;
  // As many texts as places.
  virtual schema::Result<std::vector<std::string>> at(const std::vector<std::uint64_t>& file_offsets) = 0;
};
schema::Result<std::shared_ptr<SandboxedPlaces>> open_places_in_sandbox(const ModuleFile& file,
                                                                        const SandboxOptions& options);

// Unwinder (probes/unwinder.h), in a process that lives as long as this object.
class SandboxedUnwinder {
 public:
  virtual ~SandboxedUnwinder() = default;
  // As many stacks as were asked for. After an error the process is gone.
  virtual schema::Result<std::vector<schema::Stack>> unwind(const UnwindRequest& request) = 0;
};
schema::Result<std::unique_ptr<SandboxedUnwinder>> start_unwinder(const SandboxOptions& options);

// For main(): whether this process was started as a planning process; then runs
// it and gives the exit code in `code`.
bool planning_process(int argc, char** argv, int& code);

}  // namespace backsight::probes
