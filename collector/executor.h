// Carries out what the actuator decides: plans on the worker, installs and
// attaches in the kernel, keeps the probes' status, and feeds outcomes back.
#pragma once

#include "collector/actuator.h"
#include "collector/bucket_table.h"
#include "collector/collector.h"
#include "collector/file_table.h"
#include "collector/global_sampler.h"
#include "collector/hit_counts.h"
#include "collector/kernel.h"
#include "collector/pipeline_input.h"
#include "collector/planning.h"
#include "collector/process_tracker.h"
#include "probes/site_cost.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace backsight::collector {

class Executor {
 public:
  struct Parts {
    Kernel& kernel;
    ProcFs& proc_fs;
    PipelineInput& input;
    PlanFunction plan;
    std::function<void()> drain;  // takes everything from both rings
    std::function<void(LogLevel, const std::string&)> log;
    std::function<void(std::uint32_t pid, std::int64_t since_boot_ns)> modules_changed;
    std::function<void()> drain_control = {};  // takes what the kernel says of processes
  };

  Executor(boost::asio::io_context& loop, Parts parts);

  // Applies the event and whatever follows from it.
  void handle(const Event& event);
  // What probes cost, once it was measured here.
  void set_site_costs(const probes::SiteCosts& costs);
  void detach_all();
  void stop_planning() { worker_.stop(); }
  void stop_reading() { sampler_.stop(); }

  ProcessTracker& tracker() { return tracker_; }
  const ActuatorState& state() const { return state_; }
  bool is_planning() const { return worker_.outstanding() > 0; }
  bool has_attachments() const { return !installed_.empty(); }

  // Reads all counters into the pipeline and the statuses.
  void read_counters(std::int64_t now_boot_ns);
  // Stores the statuses whose counters have changed. To be called each second.
  void refresh_statuses(std::int64_t now_boot_ns);
  // Closes files that nobody needs, detaches what is not used for long.
  void tidy();
  std::vector<CollectorMetrics::Probe> statuses() const;

 private:
  struct Installed {
    std::string service;
    std::uint32_t plan_index = 0;
    std::unique_ptr<Attachment> attachment;
    schema::ProbeStatus status;
    bs_plan_counters before{};  // of earlier attachments
    schema::SiteClass site_class = schema::SiteClass::kSingleStep;
    bool changed = false;
  };
  void perform(const PlanProbe& action);
  void perform(const AttachInstance& action);
  void perform(const DetachInstance& action);
  void perform(const AddProcess& action);
  void perform(const RemoveProcess& action);
  void perform(const ReadModules& action);
  void perform(const ReportStatus& action);
  void perform(const ReportGap& action);
  void planned(const InstanceKey& instance, PlanAnswer answer);
  std::size_t twins_before(ProbeKey key) const;
  std::string attach_plan(const AttachInstance& action, const probes::CompiledPlan& plan,
                          const LoadedFile& file, std::uint32_t instance);
  std::string attach_global(const AttachInstance& action, const probes::CompiledPlan& plan,
                            const LoadedFile& file, schema::ProbeStatus status);
  GlobalSampler::Parts sampler_parts();
  void global_refused(std::uint32_t plan_index, const GlobalTarget& target, const schema::Error& error,
                      std::int64_t since_boot_ns, bool is_first);
  bs_plan_counters counters_of(std::uint32_t plan_index) const;
  void remove_plan(std::uint32_t plan_index);
  void store_status(Installed& installed, std::int64_t now_boot_ns);
  void watch_linkers(std::uint32_t pid);
  void report(const std::string& service, const schema::ProbeStatus& status);
  void log_status(const std::string& service, const schema::ProbeStatus& status,
                  bool is_doubtful = false) const;
  void log(LogLevel level, const std::string& message) const;

  Parts parts_;
  probes::SiteCosts costs_ = probes::known_site_costs();
  ActuatorState state_;
  FileTable files_;
  ProcessTracker tracker_;
  PlanWorker worker_;
  GlobalSampler sampler_;
  std::deque<Event> events_;
  bool handling_ = false;
  std::map<InstanceKey, std::shared_ptr<const probes::PlanResult>> plans_;
  std::multimap<InstanceKey, Installed> installed_;
  HitCounts counts_;
  BucketTable buckets_;
  unsigned seconds_ = 0;
  struct Summary {  // of a probe as a whole, whose function is not known yet
    schema::ProbeStatus status;
    bool waits = false;   // to be stored if it stays so
    bool stored = false;  // something was stored, and must be corrected
  };
  std::map<std::pair<std::string, std::string>, Summary> summaries_;  // by service, probe
  std::map<FileId, std::unique_ptr<Attachment>> linkers_;             // null: cannot be watched
};

}  // namespace backsight::collector
