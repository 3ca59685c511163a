// Binary: opens a file with its debug information and plans probes on it.
#include "probes/capture_compiler.h"
#include "probes/debug_file.h"
#include "probes/debug_index.h"
#include "probes/function_info.h"
#include "probes/function_pattern.h"
#include "probes/nearest.h"
#include "probes/planner.h"
#include "probes/prologue.h"
#include "probes/sites.h"

#include <algorithm>
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
  // False: there is no code for it.
  bool plan_entry(const FunctionEntry& entry, const FunctionPattern& pattern, const ProbeConfig& probe,
                  std::set<std::uint64_t>& seen, PlanResult& result) const;
  void plan_instance(const ProbeConfig& probe, FunctionInfo function, PlanResult& result) const;
  Issue inlined_only(const std::vector<const FunctionEntry*>& entries) const;
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
  std::vector<FunctionSymbol> symbols_;
  mutable std::mutex mutex_;  // libdwarf is not thread-safe
};

Result<std::shared_ptr<const Binary>> ElfBinary::open(const ModuleFile& file, const Options& options) {
  const Reading reading{options.files, options.map_files ? ElfFile::Access::kMapped : ElfFile::Access::kCopied};
  auto opened = ElfFile::open(file.open_path.empty() ? file.path : file.open_path, reading.files.get(),
                              reading.access);
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
  binary->index_ = std::make_unique<DebugIndex>(*binary->session_);
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
  std::vector<const FunctionEntry*> inlined;
  for (const FunctionEntry* entry : entries) {
    if (result.plans.size() >= kMaxInstances) {
      result.issues.push_back(
          {probe.function + " matches more than " + std::to_string(kMaxInstances) + " functions",
           "use a narrower pattern"});
      break;
    }
    if (!plan_entry(*entry, pattern, probe, seen, result)) inlined.push_back(entry);
  }
  if (!inlined.empty()) result.issues.push_back(inlined_only(inlined));
  if (result.plans.empty() && result.issues.empty()) {
    result.issues.push_back(
        {"no overload of " + pattern.name() + " in " + path_ + " matches " + probe.function,
         "write the parameter types as they are declared, or use * for any"});
  }
  return result;
}

bool ElfBinary::plan_entry(const FunctionEntry& entry, const FunctionPattern& pattern,
                           const ProbeConfig& probe, std::set<std::uint64_t>& seen,
                           PlanResult& result) const {
  std::size_t with_code = 0;
  for (const DieKey key : entry.concrete) {
    TypeBuilder types(*session_, *index_);
    FunctionInfo names = read_function_names(*session_, *index_, types, key);
    if (pattern.is_mangled() && names.linkage_name != pattern.name()) continue;
    if (!pattern.matches_parameters(names.parameter_types)) {
      ++with_code;  // another overload
      continue;
    }
    FunctionInfo function = read_function(*session_, *index_, types, key);
    // The linker drops all copies of an inline function but one; the others have address 0.
    if (function.ranges.empty() || function.ranges.front().begin < kFirstAddress ||
        !elf_->is_code(function.ranges.front().begin)) {
      continue;
    }
    if (!order_ranges(function)) continue;
    ++with_code;
    judge_return(function);
    if (seen.insert(function.ranges.front().begin).second) plan_instance(probe, std::move(function), result);
  }
  return with_code > 0 || pattern.is_mangled();
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

Issue ElfBinary::inlined_only(const std::vector<const FunctionEntry*>& entries) const {
  const char* hint = "probe a caller, or build it with __attribute__((noinline))";
  if (entries.size() == 1) {
    const std::size_t copies = index_->count_inlined_copies(entries[0]->inlined_only);
    return {index_->qualified(*entries[0]) + " exists only as inlined copies (" + std::to_string(copies) +
                "); not supported yet",
            hint};
  }
  constexpr std::size_t kShown = 3;
  std::string names;
  for (std::size_t i = 0; i < entries.size() && i < kShown; ++i) {
    names += (i ? ", " : "") + index_->qualified(*entries[i]);
  }
  if (entries.size() > kShown) names += ", …";
  return {
      std::to_string(entries.size()) + " functions exist only as inlined copies; not supported yet: " + names,
      hint};
}

Issue ElfBinary::not_found(const ProbeConfig& probe, const FunctionPattern& pattern) const {
  NearestNames nearest(pattern.name());
  for (const FunctionEntry& entry : index_->functions()) nearest.offer(index_->qualified(entry));
  return {"no function " + probe.function + " in " + path_, suggestion(nearest.names())};
}

void ElfBinary::plan_instance(const ProbeConfig& probe, FunctionInfo function, PlanResult& result) const {
  const FunctionCode code = disassemble(*elf_, function.ranges);
  const EntrySite entry = choose_entry_site(*elf_, code);
  if (!entry.site) {
    result.issues.push_back({function.name + " cannot be probed: " + entry.reason, ""});
    return;
  }
  CompiledPlan compiled;
  schema::Plan& plan = compiled.plan;
  plan.probe = probe.function;
  plan.function = function.name;
  plan.signature = function.signature;
  plan.source = function.source;
  plan.module_path = path_;
  plan.build_id = elf_->build_id();
  plan.address = function.ranges.front().begin;
  plan.site = entry.site->address;
  plan.site_class = entry.site->site_class;
  plan.site_reason = entry.reason;
  plan.on_entry = probe.on_entry;
  plan.limits = probe.limits;
  ReturnSites returns = choose_return_sites(*elf_, code, function.is_c);
  plan.return_via = probe.on_return ? returns.via : schema::ReturnVia::kNone;
  plan.return_reason = probe.on_return ? returns.reason : "not asked for";
  plan.on_return = plan.return_via != schema::ReturnVia::kNone;
  if (probe.on_return && !plan.on_return) {
    compiled.issues.push_back({"returns of " + function.name + " are not caught: " + returns.reason, ""});
  }
  if (!plan.on_entry && !plan.on_return) {
    result.issues.insert(result.issues.end(), compiled.issues.begin(), compiled.issues.end());
    return;
  }
  if (plan.on_entry) compiled.sites.push_back(*entry.site);
  if (plan.on_return) compiled.sites.insert(compiled.sites.end(), returns.sites.begin(), returns.sites.end());

  const Prologue prologue = analyse_prologue(*elf_, function.ranges.front());
  const Die die = session_->die(function.die);
  const LocationReader locations(*session_, die, plan.site, prologue,
                                 code.problem.empty() && code.keeps_stack);
  TypeBuilder types(*session_, *index_);
  const FunctionContext context{*session_, *index_, types, function, locations, elf_->is_library()};
  CaptureCompiler(context, compiled).compile(probe);
  result.plans.push_back(std::move(compiled));
}

}  // namespace

Result<std::shared_ptr<const Binary>> Binary::open(const ModuleFile& file, const Options& options) {
  return ElfBinary::open(file, options);
}

}  // namespace backsight::probes
