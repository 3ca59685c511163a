// Binary: opens a file with its debug information and plans probes on it.
#include "probes/debug_file.h"
#include "probes/glob.h"
#include "probes/global_planner.h"
#include "probes/planner.h"
#include "probes/probe_planner.h"

#include <mutex>

namespace backsight::probes {

using schema::Result;

namespace {

class ElfBinary final : public Binary, public PlanStream {
 public:
  static Result<std::shared_ptr<const Binary>> open(const ModuleFile& file, const Options& options);

  const std::string& path() const override { return path_; }
  const std::string& build_id() const override { return elf_->build_id(); }
  const std::vector<Issue>& debug_issues() const override { return debug_issues_; }
  PlanResult plan(const ProbeConfig& probe) const override;
  std::vector<Issue> plan_each(const ProbeConfig& probe, const TakePlan& take) const override;
  bool has_function(const std::string& pattern) const override;

 private:
  BinaryParts parts() const;
  BinaryNames names() const { return {*symbols_, *finder_, *lines_}; }

  std::string path_;
  std::shared_ptr<const ElfFile> elf_;
  std::vector<Issue> debug_issues_;
  std::unique_ptr<DwarfSession> session_;
  std::unique_ptr<DebugIndex> index_;
  std::unique_ptr<FrameTable> frames_;
  std::unique_ptr<Landmarks> landmarks_;
  std::unique_ptr<LineTables> lines_;
  std::unique_ptr<ClassHierarchy> classes_;
  std::unique_ptr<SharedVariables> shared_;
  std::unique_ptr<FunctionSymbols> symbols_;
  std::unique_ptr<FunctionFinder> finder_;
  mutable std::mutex mutex_;  // libdwarf is not thread-safe
};

Result<std::shared_ptr<const Binary>> ElfBinary::open(const ModuleFile& file, const Options& options) {
  const Reading reading{options.files,
                        options.map_files ? ElfFile::Access::kMapped : ElfFile::Access::kCopied};
  auto opened =
      ElfFile::open(file.open_path.empty() ? file.path : file.open_path, reading.files.get(), reading.access);
  if (!opened) return opened.error();
  opened->locate(file.located.empty() ? file.path : file.located);
  auto binary = std::make_shared<ElfBinary>();
  binary->path_ = file.path;
  binary->elf_ = std::make_shared<const ElfFile>(std::move(*opened));
  DebugFile debug = find_debug_file(binary->elf_, file.path, options.debug_roots, reading);
  binary->debug_issues_ = std::move(debug.issues);
  if (!debug.file) return std::shared_ptr<const Binary>(std::move(binary));
  auto session = DwarfSession::open(debug.file, {reading, options.debug_roots, binary->elf_->path()});
  if (!session) {
    binary->debug_issues_.push_back({session.error().message, session.error().hint});
    return std::shared_ptr<const Binary>(std::move(binary));
  }
  binary->session_ = std::move(*session);
  binary->index_ = std::make_unique<DebugIndex>(*binary->session_, options.files.get());
  const std::vector<Issue> missing = binary->session_->issues();
  binary->debug_issues_.insert(binary->debug_issues_.end(), missing.begin(), missing.end());
  binary->frames_ = std::make_unique<FrameTable>(binary->elf_, binary->session_.get());
  binary->landmarks_ = std::make_unique<Landmarks>(*binary->elf_, debug.file.get());
  binary->shared_ = std::make_unique<SharedVariables>(*binary->elf_);
  binary->lines_ = std::make_unique<LineTables>(*binary->session_);
  binary->classes_ =
      std::make_unique<ClassHierarchy>(*binary->elf_, debug.file.get(), *binary->session_, *binary->index_);
  binary->symbols_ = std::make_unique<FunctionSymbols>(debug.file->function_symbols());
  binary->finder_ = std::make_unique<FunctionFinder>(*binary->session_, *binary->index_, *binary->symbols_);
  return std::shared_ptr<const Binary>(std::move(binary));
}

bool ElfBinary::has_function(const std::string& pattern) const {
  if (!index_) return false;
  const std::lock_guard lock(mutex_);
  if (schema::is_global(pattern)) return GlobalPlanner::is_here(*index_, pattern);
  if (const auto line = parse_line_pattern(pattern)) {
    for (const DieKey unit : lines_->units_with(*line)) {
      if (!line_places(lines_->of_unit(unit), *line).empty()) return true;
    }
    return false;
  }
  return !finder_->find(FunctionPattern(pattern)).empty();
}

PlanResult ElfBinary::plan(const ProbeConfig& probe) const {
  if (!index_) return {{}, debug_issues_};
  const std::lock_guard lock(mutex_);
  const BinaryParts binary = parts();
  const BinaryNames found = names();
  return ProbePlanner(binary, found, probe).plan();
}

std::vector<Issue> ElfBinary::plan_each(const ProbeConfig& probe, const TakePlan& take) const {
  if (!index_) return debug_issues_;
  const std::lock_guard lock(mutex_);
  const BinaryParts binary = parts();
  const BinaryNames found = names();
  return ProbePlanner(binary, found, probe).plan_each(take);
}

BinaryParts ElfBinary::parts() const {
  return {path_, *elf_, *session_, *index_, *frames_, *landmarks_, *classes_, *shared_};
}

}  // namespace

Result<std::shared_ptr<const Binary>> Binary::open(const ModuleFile& file, const Options& options) {
  return ElfBinary::open(file, options);
}

}  // namespace backsight::probes
