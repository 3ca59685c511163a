// From a configured probe and a binary to capture plans: the meeting point of
// configuration, ELF, debug information, instruction decoding and the BPF ABI.
#pragma once

#include "bpf/abi/plan.h"
#include "probes/config.h"
#include "probes/file_source.h"
#include "schema/plan.h"
#include "schema/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace backsight::probes {

// A problem of one probe. The other probes run all the same.
struct Issue {
  std::string message;
  std::string hint;
};

// One instruction to attach to.
struct Site {
  std::uint64_t address = 0;      // link-time
  std::uint64_t file_offset = 0;  // address - p_vaddr + p_offset
  bs_site_kind kind = BS_SITE_ENTRY;
  bool is_uretprobe = false;      // attach as return probe at the function's entry
  std::int16_t frame_adjust = 0;  // frame = rsp (or rbp: see kind) + frame_adjust
  schema::SiteClass site_class = schema::SiteClass::kSingleStep;
  // The instruction that was decoded there; compared with the file once more right
  // before attaching. Empty: not compared.
  std::vector<std::uint8_t> bytes;

  bool is_entry() const { return !is_uretprobe && (kind == BS_SITE_ENTRY || kind == BS_SITE_ENTRY_BY_RBP); }
};

// A class that objects may be of at run time.
struct Vtable {
  std::uint64_t address = 0;  // link-time, of the primary address point: the vptr of a complete object
  schema::TypeId type;
};

// A plan ready to be put into the maps. Program counters and type indexes are
// relative to the vectors here; the loader relocates them (operation index 0
// is reserved there to mean "none").
struct CompiledPlan {
  schema::Plan plan;
  std::vector<Site> sites;  // the entry site first, if any
  std::vector<bs_op> ops;
  std::vector<bs_type> types;  // index = TypeId; chase_pc relative, 0xffffffff: none
  std::vector<Vtable> vtables;
  std::uint32_t entry_pc = 0xffffffff;
  std::uint32_t return_pc = 0xffffffff;
  std::uint32_t where_pc = 0xffffffff;   // leaves a truth value
  std::uint32_t sample_pc = 0xffffffff;  // leaves a hash; none: by chance, if sampled at all
  std::vector<Issue> issues;             // captures that are not available here, and why
  // While planning: what is asked to decide which calls are kept, and why that cannot be.
  std::vector<schema::Unavailable> conditions = {};
  std::string refusal = {};
};

struct PlanResult {
  std::vector<CompiledPlan> plans;  // one per function instance
  std::vector<Issue> issues;        // nothing resolved, nearest names, refused instances
};

// Identity of a file that may be probed.
struct ModuleFile {
  std::string path;       // as the process sees it, for showing and for module globs
  std::string open_path;  // how to open it now (e.g. /proc/self/fd/7); = path for local files
  // Where it lies, e.g. /proc/41/root/...: debug files are looked for beside it. Empty: at `path`.
  std::string located = {};
};

// An opened binary with its debug information, indexed by function name.
// Const methods are thread-safe.
class Binary {
 public:
  struct Options {
    std::vector<std::string> debug_roots = {"/usr/lib/debug"};
    std::shared_ptr<FileSource> files = nullptr;  // null: opens files itself, caches nothing
    // Debug information is mapped, not copied: less memory and time, but a file that
    // is cut meanwhile ends the process (SIGBUS). For processes that may die.
    bool map_files = false;
  };
  // kNotFound, kPermission, kCorrupt (not an ELF file for x86-64). A binary
  // without debug information opens: debug_issue() says what was looked for.
  static schema::Result<std::shared_ptr<const Binary>> open(const ModuleFile& file, const Options& options);
  virtual ~Binary() = default;

  virtual const std::string& path() const = 0;
  virtual const std::string& build_id() const = 0;             // hex; empty if none
  virtual const std::vector<Issue>& debug_issues() const = 0;  // none found, build-id mismatch, damaged

  // Never fails as a whole; what cannot be planned is an Issue.
  virtual PlanResult plan(const ProbeConfig& probe) const = 0;
  // Does any function match? Cheap after open.
  virtual bool has_function(const std::string& pattern) const = 0;
};

// Reads .note.gnu.build-id only: cheap. Empty when the file has none.
schema::Result<std::string> read_build_id(const std::string& path);

}  // namespace backsight::probes
