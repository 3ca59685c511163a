// Binary: opens a file with its debug information and plans probes on it.
#include "probes/debug_file.h"
#include "probes/debug_index.h"
#include "probes/function_info.h"
#include "probes/function_pattern.h"
#include "probes/inlined_copies.h"
#include "probes/instance_planner.h"
#include "probes/lines.h"
#include "probes/nearest.h"
#include "probes/planner.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace backsight::probes {

using schema::Result;

namespace {

constexpr std::size_t kMaxInstances = 10'000;
// Linkers give functions that they dropped the address 0 or 1.
constexpr std::uint64_t kFirstAddress = 64;

class ElfBinary final : public Binary {
 public:
  static Result<std::shared_ptr<const Binary>> open(const ModuleFile& file, const Options& options);

  const std::string& path() const override { return path_; }
  const std::string& build_id() const override { return elf_->build_id(); }
  const std::vector<Issue>& debug_issues() const override { return debug_issues_; }
  PlanResult plan(const ProbeConfig& probe) const override;
  bool has_function(const std::string& pattern) const override;

 private:
  std::vector<const FunctionEntry*> matching(const FunctionPattern& pattern) const;
  std::vector<const FunctionEntry*> matching_mangled(const std::string& name) const;
  void plan_entry(const FunctionEntry& entry, const FunctionPattern& pattern, const ProbeConfig& probe,
                  std::set<std::uint64_t>& seen, PlanResult& result) const;
  void plan_inlined(const std::vector<const FunctionEntry*>& entries, const FunctionPattern& pattern,
                    const ProbeConfig& probe, PlanResult& result) const;
  BinaryParts parts() const;
  Issue not_found(const ProbeConfig& probe, const FunctionPattern& pattern) const;
  // Puts the range with the entry first; false: not the whole function (a part split off).
  bool order_ranges(FunctionInfo& function) const;
  // Compilers drop results that no caller uses, where they know all callers.
  void judge_return(FunctionInfo& function) const;
  const std::string* symbol_at(std::uint64_t address) const;

  std::string path_;
  std::shared_ptr<const ElfFile> elf_;
  std::vector<Issue> debug_issues_;
  std::unique_ptr<DwarfSession> session_;
  std::unique_ptr<DebugIndex> index_;
  std::unique_ptr<FrameTable> frames_;
  std::unique_ptr<Landmarks> landmarks_;
  std::unique_ptr<LineTables> lines_;
  std::unique_ptr<ClassHierarchy> classes_;
  std::vector<FunctionSymbol> symbols_;
  mutable std::mutex mutex_;  // libdwarf is not thread-safe
};

Result<std::shared_ptr<const Binary>> ElfBinary::open(const ModuleFile& file, const Options& options) {
  const Reading reading{options.files,
                        options.map_files ? ElfFile::Access::kMapped : ElfFile::Access::kCopied};
  auto opened =
      ElfFile::open(file.open_path.empty() ? file.path : file.open_path, reading.files.get(), reading.access);
  if (!opened) return opened.error();
  auto binary = std::make_shared<ElfBinary>();
  binary->path_ = file.path;
  binary->elf_ = std::make_shared<const ElfFile>(std::move(*opened));
  DebugFile debug = find_debug_file(binary->elf_, file.path, options.debug_roots, reading);
  binary->debug_issues_ = std::move(debug.issues);
  if (!debug.file) return std::shared_ptr<const Binary>(std::move(binary));
  auto session = DwarfSession::open(debug.file);
  if (!session) {
    binary->debug_issues_.push_back({session.error().message, session.error().hint});
    return std::shared_ptr<const Binary>(std::move(binary));
  }
  binary->session_ = std::move(*session);
  if (!binary->session_->complete()) {
    binary->debug_issues_.push_back(
        {"the debug information of " + file.path + " is damaged; some functions are missing",
         "rebuild it, or install its debug symbol package again"});
  }
  binary->index_ = std::make_unique<DebugIndex>(*binary->session_, options.files.get());
  binary->frames_ = std::make_unique<FrameTable>(*binary->elf_, binary->session_.get());
  binary->landmarks_ = std::make_unique<Landmarks>(*binary->elf_, debug.file.get());
  binary->lines_ = std::make_unique<LineTables>(*binary->session_);
  binary->classes_ = std::make_unique<ClassHierarchy>(*binary->elf_, debug.file.get(), *binary->session_,
                                                      *binary->index_);
  binary->symbols_ = debug.file->function_symbols();
  return std::shared_ptr<const Binary>(std::move(binary));
}

std::vector<const FunctionEntry*> ElfBinary::matching(const FunctionPattern& pattern) const {
  if (pattern.is_mangled()) return matching_mangled(pattern.name());
  std::vector<const FunctionEntry*> exact;
  std::vector<const FunctionEntry*> loose;
  for (const FunctionEntry& entry : index_->functions()) {
    const std::string name = index_->qualified(entry);
    if (pattern.matches_name(name)) exact.push_back(&entry);
    if (exact.empty() && pattern.matches_loosely(name)) loose.push_back(&entry);
  }
  return exact.empty() ? loose : exact;
}

std::vector<const FunctionEntry*> ElfBinary::matching_mangled(const std::string& name) const {
  std::vector<const FunctionEntry*> result;
  TypeBuilder types(*session_, *index_);
  for (const FunctionEntry& entry : index_->functions()) {
    // The mangled name holds the plain one, but for operators and constructors.
    const std::string_view plain = entry.name.substr(0, entry.name.find('<'));
    const bool special = plain.rfind("operator", 0) == 0 || plain.rfind('~', 0) == 0;
    if (!special && name.find(plain) == std::string::npos && name.find("C2E") == std::string::npos &&
        name.find("C1E") == std::string::npos) {
      continue;
    }
    for (const DieKey key : entry.concrete) {
      if (read_function_names(*session_, *index_, types, key).linkage_name != name) continue;
      result.push_back(&entry);
      break;
    }
  }
  return result;
}

bool ElfBinary::has_function(const std::string& pattern) const {
  if (!index_) return false;
  const std::lock_guard lock(mutex_);
  return !matching(FunctionPattern(pattern)).empty();
}

PlanResult ElfBinary::plan(const ProbeConfig& probe) const {
  PlanResult result;
  if (!index_) {
    result.issues = debug_issues_;
    return result;
  }
  const std::lock_guard lock(mutex_);
  const FunctionPattern pattern(probe.function);
  const auto entries = matching(pattern);
  if (entries.empty()) {
    result.issues.push_back(not_found(probe, pattern));
    return result;
  }
  std::set<std::uint64_t> seen;
  for (const FunctionEntry* entry : entries) plan_entry(*entry, pattern, probe, seen, result);
  plan_inlined(entries, pattern, probe, result);
  if (result.plans.size() >= kMaxInstances) {
    result.issues.push_back(
        {probe.function + " matches more than " + std::to_string(kMaxInstances) + " functions",
         "use a narrower pattern"});
  }
  if (result.plans.empty() && result.issues.empty()) {
    result.issues.push_back(
        {"no overload of " + pattern.name() + " in " + path_ + " matches " + probe.function,
         "write the parameter types as they are declared, or use * for any"});
  }
  return result;
}

void ElfBinary::plan_entry(const FunctionEntry& entry, const FunctionPattern& pattern,
                           const ProbeConfig& probe, std::set<std::uint64_t>& seen,
                           PlanResult& result) const {
  const BinaryParts binary = parts();
  InstancePlanner planner(binary, probe, result);
  for (const DieKey key : entry.concrete) {
    TypeBuilder types(*session_, *index_);
    FunctionInfo names = read_function_names(*session_, *index_, types, key);
    if (pattern.is_mangled() && names.linkage_name != pattern.name()) continue;
    if (!pattern.matches_parameters(names.parameter_types)) continue;  // another overload
    FunctionInfo function = read_function(*session_, *index_, types, key);
    // The linker drops all copies of an inline function but one; the others have address 0.
    if (function.ranges.empty() || function.ranges.front().begin < kFirstAddress ||
        !elf_->is_code(function.ranges.front().begin)) {
      continue;
    }
    if (!order_ranges(function)) continue;
    judge_return(function);
    if (result.plans.size() >= kMaxInstances) return;
    if (seen.insert(function.ranges.front().begin).second) planner.plan_function(std::move(function));
  }
}

void ElfBinary::plan_inlined(const std::vector<const FunctionEntry*>& entries, const FunctionPattern& pattern,
                             const ProbeConfig& probe, PlanResult& result) const {
  std::vector<DieKey> abstract;
  for (const FunctionEntry* entry : entries)
    abstract.insert(abstract.end(), entry->inlined_only.begin(), entry->inlined_only.end());
  const BinaryParts binary = parts();
  InstancePlanner planner(binary, probe, result);
  TypeBuilder types(*session_, *index_);
  std::map<std::string, std::map<std::string, std::size_t>> refused;  // function, reason: copies
  for (const InlinedCopy& copy : find_inlined_copies(*session_, abstract, kMaxInstances)) {
    if (result.plans.size() >= kMaxInstances) break;
    FunctionInfo function = read_function(*session_, *index_, types, copy.die);
    if (pattern.is_mangled() && function.linkage_name != pattern.name()) continue;
    if (!pattern.matches_parameters(function.parameter_types)) continue;
    FunctionInfo enclosing = read_function(*session_, *index_, types, copy.enclosing);
    if (enclosing.ranges.empty() || enclosing.ranges.front().begin < kFirstAddress ||
        !elf_->is_code(enclosing.ranges.front().begin)) {
      continue;
    }
    order_ranges(enclosing);
    const FunctionCode code = disassemble(*elf_, enclosing.ranges);
    const InlinedEntry entry = find_inlined_entry(*session_, *lines_, session_->die(copy.die), code);
    if (!entry.problem.empty()) {
      ++refused[function.name][entry.problem];
      continue;
    }
    function.return_type.reset();
    InnerSite site;
    site.address = entry.address;
    site.inlined = true;
    site.reason = "inlined into " + enclosing.name + ", where this copy begins";
    planner.plan_inner(std::move(function), enclosing, site);
  }
  for (const auto& [name, reasons] : refused) {
    for (const auto& [reason, copies] : reasons) {
      result.issues.push_back({std::to_string(copies) +
                                   (copies == 1 ? " inlined copy of " : " inlined copies of ") + name +
                                   " cannot be probed: " + reason,
                               "probe a caller, or build it with __attribute__((noinline))"});
    }
  }
}

BinaryParts ElfBinary::parts() const {
  return {path_, *elf_, *session_, *index_, *frames_, *landmarks_, *classes_};
}

const std::string* ElfBinary::symbol_at(std::uint64_t address) const {
  const auto it =
      std::lower_bound(symbols_.begin(), symbols_.end(), address,
                       [](const FunctionSymbol& a, std::uint64_t value) { return a.address < value; });
  return it != symbols_.end() && it->address == address ? &it->name : nullptr;
}

bool ElfBinary::order_ranges(FunctionInfo& function) const {
  for (std::size_t i = 0; i < function.ranges.size(); ++i) {
    const std::string* symbol = symbol_at(function.ranges[i].begin);
    if (!symbol || symbol->find(".cold") != std::string::npos) continue;
    if (symbol->find(".part.") != std::string::npos) return false;
    std::swap(function.ranges[0], function.ranges[i]);
    return true;
  }
  return true;  // no symbols: compilers put the part with the entry first
}

void ElfBinary::judge_return(FunctionInfo& function) const {
  if (!function.return_is_dropped.empty()) return;
  const std::string* symbol = symbol_at(function.ranges.front().begin);
  if (symbol && symbol->find(".isra.") != std::string::npos) {
    function.return_is_dropped =
        "this is a reduced copy of the function (" + *symbol + "), which may return nothing";
  } else if (!symbol && function.is_clone && !function.is_external) {
    function.return_is_dropped =
        "without symbols, it may be a reduced copy of the function, which returns nothing";
  } else if (function.by_clang && !function.is_external) {
    function.return_is_dropped = "clang drops unused results of functions that are local to a file";
  }
}

Issue ElfBinary::not_found(const ProbeConfig& probe, const FunctionPattern& pattern) const {
  NearestNames nearest(pattern.name());
  for (const FunctionEntry& entry : index_->functions()) nearest.offer(index_->qualified(entry));
  return {"no function " + probe.function + " in " + path_, suggestion(nearest.names())};
}

}  // namespace

Result<std::shared_ptr<const Binary>> Binary::open(const ModuleFile& file, const Options& options) {
  return ElfBinary::open(file, options);
}

}  // namespace backsight::probes
