#include "collector/planning.h"

#include "probes/file_cache.h"
#include "probes/sandbox.h"

#include <boost/asio/post.hpp>

#include <exception>
#include <list>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::size_t kKeptBinaries = 4;

std::string text_of(const std::vector<probes::Issue>& issues) {
  std::string text;
  for (const auto& issue : issues) {
    if (!text.empty()) text += "; ";
    text += issue.hint.empty() ? issue.message : issue.message + " (" + issue.hint + ")";
  }
  return text;
}

class Planner {
 public:
  PlanAnswer plan(const PlanJob& job) {
    auto binary = open(job);
    if (!binary) return {PlanOutcome::kFailed, binary.error().to_string(), nullptr};
    auto result = std::make_shared<probes::PlanResult>((*binary)->plan(job.probe));
    auto message = text_of(result->issues);
    if (!result->plans.empty()) {
      // Copies that cannot be probed are told with one that can.
      auto& told = result->plans.front().issues;
      told.insert(told.end(), result->issues.begin(), result->issues.end());
      return {PlanOutcome::kFound, std::move(message), std::move(result)};
    }
    const bool is_here = (*binary)->has_function(probes::searched_text(job.probe));
    const auto debug_issues = text_of((*binary)->debug_issues());
    if (message.empty()) message = debug_issues;
    if (message.empty()) message = job.shown_path + " has no function " + job.probe.function;
    const auto outcome = is_here                ? PlanOutcome::kFailed
                         : debug_issues.empty() ? PlanOutcome::kNotHere
                                                : PlanOutcome::kUnreadable;
    return {outcome, std::move(message), nullptr};
  }

 private:
  using BinaryPtr = std::shared_ptr<const probes::Binary>;

  schema::Result<BinaryPtr> open(const PlanJob& job) {
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (it->first != job.instance.file) continue;
      kept_.splice(kept_.begin(), kept_, it);
      return it->second;
    }
    auto binary =
        probes::open_in_sandbox({job.shown_path, job.file->path(), job.file->located()}, {.files = files_});
    if (!binary) return binary.error();
    kept_.emplace_front(job.instance.file, *binary);
    if (kept_.size() > kKeptBinaries) kept_.pop_back();
    return *binary;
  }

  std::shared_ptr<probes::FileSource> files_ = std::make_shared<probes::FileCache>();
  std::list<std::pair<FileId, BinaryPtr>> kept_;  // newest first
};

}  // namespace

PlanFunction make_plan_function() {
  return [planner = std::make_shared<Planner>()](const PlanJob& job) { return planner->plan(job); };
}

PlanWorker::PlanWorker(boost::asio::io_context& loop, PlanFunction plan, Handler handler)
    : loop_(loop), plan_(std::move(plan)), handler_(std::make_shared<Handler>(std::move(handler))) {}

void PlanWorker::submit(PlanJob job) {
  ++outstanding_;
  boost::asio::post(pool_, [this, stopped = stopped_, job = std::move(job)] {
    if (*stopped) return;
    PlanAnswer answer;
    try {
      answer = plan_(job);
    } catch (const std::exception& e) {  // bad_alloc on hostile debug information, for one
      answer = {PlanOutcome::kFailed, "planning in " + job.shown_path + " failed: " + e.what(), nullptr};
    }
    boost::asio::post(loop_, [this, stopped, instance = job.instance, answer = std::move(answer)]() mutable {
      if (*stopped) return;
      --outstanding_;
      (*handler_)(instance, std::move(answer));
    });
  });
}

void PlanWorker::stop() {
  *stopped_ = true;
  pool_.join();
}

}  // namespace backsight::collector
