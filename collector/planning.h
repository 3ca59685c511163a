// Planning off the loop: reading debug information takes up to seconds, so it
// runs on one worker thread, and the answers are posted to the loop.
#pragma once

#include "collector/actuator.h"
#include "collector/proc_fs.h"
#include "probes/planner.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace backsight::collector {

struct PlanJob {
  InstanceKey instance;
  probes::ProbeConfig probe;
  std::string shown_path;
  std::shared_ptr<const OpenFile> file;
};

struct PlanAnswer {
  PlanOutcome outcome = PlanOutcome::kFailed;
  std::string message;                               // why not kFound; with kFound: what is missing
  std::shared_ptr<const probes::PlanResult> result;  // with kFound
};

using PlanFunction = std::function<PlanAnswer(const PlanJob&)>;

// The real one: opens binaries and keeps the last few while jobs keep coming.
// To be called from one thread.
PlanFunction make_plan_function();

class PlanWorker {
 public:
  using Handler = std::function<void(const InstanceKey&, PlanAnswer)>;

  // `handler` is called on the loop.
  PlanWorker(boost::asio::io_context& loop, PlanFunction plan, Handler handler);
  ~PlanWorker() { stop(); }
  PlanWorker(const PlanWorker&) = delete;
  PlanWorker& operator=(const PlanWorker&) = delete;

  void submit(PlanJob job);
  // Jobs whose answer the loop has not got.
  std::size_t outstanding() const { return outstanding_; }
  // Waits for the job that runs; the others are dropped, no handler is called any more.
  void stop();

 private:
  boost::asio::io_context& loop_;
  PlanFunction plan_;
  std::shared_ptr<Handler> handler_;
  boost::asio::thread_pool pool_{1};
  std::size_t outstanding_ = 0;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace backsight::collector
