#include "probes/sandbox.h"

#include "probes/sandbox_codec.h"
#include "probes/sandbox_process.h"
#include "probes/unwind_codec.h"

#include <cstring>
#include <mutex>
#include <utility>

namespace backsight::probes {

using schema::Error;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

class SandboxedBinary final : public Binary {
 public:
  static Result<std::shared_ptr<const Binary>> open(const ModuleFile& file, const SandboxOptions& options) {
    auto process = PlanningProcess::start(options);
    if (!process) return process.error().within(file.path);
    auto binary = std::make_shared<SandboxedBinary>();
    binary->path_ = file.path;
    binary->process_ = *std::move(process);
    const auto request = encode(OpenRequest{file, options.debug_roots});
    BACKSIGHT_TRY(binary->process_->ask(FrameKind::kOpen, request, [&](Frame& frame) -> Result<bool> {
      auto opened = decode_opened(frame.payload);
      if (frame.kind != FrameKind::kOpened || !opened) return unexpected();
      binary->opened_ = *std::move(opened);
      return true;
    }));
    return std::shared_ptr<const Binary>(std::move(binary));
  }

  const std::string& path() const override { return path_; }
  const std::string& build_id() const override { return opened_.build_id; }
  const std::vector<Issue>& debug_issues() const override { return opened_.debug_issues; }

  PlanResult plan(const ProbeConfig& probe) const override {
    const std::lock_guard lock(mutex_);
    PlanResult result;
    const auto asked = process_->ask(FrameKind::kPlan, encode(probe), [&](Frame& frame) -> Result<bool> {
      if (frame.kind == FrameKind::kPlanEnd) {
        auto issues = decode_issues(frame.payload);
        if (!issues) return issues.error();
        result.issues = *std::move(issues);
        return true;
      }
      if (frame.kind != FrameKind::kPlanned || result.plans.size() >= kMaxPlans) return unexpected();
      auto plan = decode_compiled_plan(frame.payload);
      if (!plan) return plan.error();
      result.plans.push_back(*std::move(plan));
      return false;
    });
    if (asked) return result;
    return {{}, {{path_ + ": " + asked.error().message, asked.error().hint}}};
  }

  bool has_function(const std::string& pattern) const override {
    const std::lock_guard lock(mutex_);
    bool found = false;
    const auto asked =
        process_->ask(FrameKind::kHasFunction, as_payload(pattern), [&](Frame& frame) -> Result<bool> {
          if (frame.kind != FrameKind::kHasAnswer || frame.payload.size() != 1) return unexpected();
          found = frame.payload[0] != std::byte{0};
          return true;
        });
    return asked && found;
  }

 private:
  static constexpr std::size_t kMaxPlans = 100'000;
  static Error unexpected() { return make_error(ErrorCode::kCorrupt, "an answer to another question"); }

  std::string path_;
  OpenedBinary opened_;
  mutable std::mutex mutex_;
  std::unique_ptr<PlanningProcess> process_;
};

Result<std::vector<std::string>> ask_names(PlanningProcess& process, FrameKind kind,
                                           const NamesRequest& request) {
  std::vector<std::string> names;
  BACKSIGHT_TRY(process.ask(kind, encode(request), [&](Frame& frame) -> Result<bool> {
    auto named = decode_names(frame.payload);
    if (frame.kind != FrameKind::kNamed || !named || named->size() != request.file_offsets.size()) {
      return make_error(ErrorCode::kCorrupt, "an answer to another question");
    }
    names = *std::move(named);
    return true;
  }));
  return names;
}

class PlacesProcess final : public SandboxedPlaces {
 public:
  PlacesProcess(std::unique_ptr<PlanningProcess> process, OpenRequest file)
      : process_(std::move(process)), file_(std::move(file)) {}

  Result<std::vector<std::string>> at(const std::vector<std::uint64_t>& file_offsets) override {
    return ask_names(*process_, FrameKind::kPlaces, {file_, file_offsets});
  }

 private:
  std::unique_ptr<PlanningProcess> process_;
  OpenRequest file_;
};

class UnwindingProcess final : public SandboxedUnwinder {
 public:
  explicit UnwindingProcess(std::unique_ptr<PlanningProcess> process) : process_(std::move(process)) {}

  Result<std::vector<schema::Stack>> unwind(const UnwindRequest& request) override {
    std::vector<schema::Stack> stacks;
    BACKSIGHT_TRY(process_->ask(FrameKind::kUnwind, encode(request), [&](Frame& frame) -> Result<bool> {
      auto unwound = decode_unwound(frame.payload);
      if (frame.kind != FrameKind::kUnwound || !unwound || unwound->size() != request.stacks.size()) {
        return make_error(ErrorCode::kCorrupt, "an answer to another question");
      }
      stacks = *std::move(unwound);
      return true;
    }));
    return stacks;
  }

 private:
  std::unique_ptr<PlanningProcess> process_;
};

}  // namespace

Result<std::unique_ptr<SandboxedUnwinder>> start_unwinder(const SandboxOptions& options) {
  auto process = PlanningProcess::start(options);
  if (!process) return process.error();
  return std::unique_ptr<SandboxedUnwinder>(std::make_unique<UnwindingProcess>(*std::move(process)));
}

Result<std::shared_ptr<SandboxedPlaces>> open_places_in_sandbox(const ModuleFile& file,
                                                                const SandboxOptions& options) {
  auto process = PlanningProcess::start(options);
  if (!process) return process.error().within(file.path);
  return std::shared_ptr<SandboxedPlaces>(
      std::make_shared<PlacesProcess>(*std::move(process), OpenRequest{file, options.debug_roots}));
}

Result<std::shared_ptr<const Binary>> open_in_sandbox(const ModuleFile& file, const SandboxOptions& options) {
  return SandboxedBinary::open(file, options);
}

Result<std::vector<std::string>> names_in_sandbox(const ModuleFile& file,
                                                  const std::vector<std::uint64_t>& file_offsets,
                                                  const SandboxOptions& options) {
  auto process = PlanningProcess::start(options);
  if (!process) return process.error().within(file.path);
  return ask_names(**process, FrameKind::kNames, {{file, options.debug_roots}, file_offsets});
}

bool planning_process(int argc, char** argv, int& code) {
  if (argc != 1 || std::strcmp(argv[0], kPlanningProcessName) != 0) return false;
  code = serve_plans();
  return true;
}

}  // namespace backsight::probes
