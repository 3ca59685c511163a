#include "collector/executor.h"

#include "collector/clocks.h"
#include "collector/linker.h"
#include "collector/plan_counters.h"
#include "probes/site_check.h"
#include "schema/codec.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace backsight::collector {
namespace {

enum class Change : std::uint8_t { kNothing, kHits, kLosses };

// What is left out because it was asked for.
bool is_intended(std::size_t reason) {
  return reason == static_cast<std::size_t>(schema::LossReason::kThrottled) ||
         reason == static_cast<std::size_t>(schema::LossReason::kSampled);
}

// `counters` count from the attachment on, `before` is what was counted earlier.
Change take_counters(const bs_plan_counters& before, const bs_plan_counters& counters,
                     schema::ProbeStatus& status) {
  Change change = Change::kNothing;
  const auto take = [&](std::uint64_t& to, std::uint64_t value, Change what) {
    if (to != value) change = std::max(change, what);
    to = value;
  };
  take(status.hits, before.hits + counters.hits, Change::kHits);
  take(status.kept, before.kept + counters.kept, Change::kHits);
  take(status.rejected, before.rejected + counters.rejected, Change::kHits);
  const auto earlier = losses_of(before), now = losses_of(counters);
  for (std::size_t reason = 0; reason < now.size(); ++reason) {
    // Those of other reasons are the pipeline's.
    if (earlier[reason] + now[reason] > 0)
      take(status.lost[reason], earlier[reason] + now[reason],
           is_intended(reason) ? Change::kHits : Change::kLosses);
  }
  return change;
}

std::uint32_t stack_flags(const schema::Plan& plan, const probes::ProbeConfig& probe) {
  const std::uint32_t more =
      (plan.on_entry ? 0 : BS_PLAN_STACK_AT_RETURN) | (probe.redact.empty() ? 0 : BS_PLAN_STACK_REDACTS);
  switch (plan.stack) {
    case schema::StackKind::kNone:
      break;
    case schema::StackKind::kFramePointers:
      return BS_PLAN_STACK_FP | more;
    case schema::StackKind::kDwarf:
      return BS_PLAN_STACK_DWARF | more;
  }
  return 0;
}

// The kernel waits for its readers at each link, tens of milliseconds; those who wait
// together share the wait.
void release(std::vector<std::unique_ptr<Attachment>> attachments) {
  constexpr std::size_t kMaxThreads = 64;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (auto i = next++; i < attachments.size(); i = next++) attachments[i].reset();
  };
  std::vector<std::thread> threads;
  try {
    while (threads.size() + 1 < std::min(attachments.size(), kMaxThreads)) threads.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads: those that there are do it
  }
  work();
  for (auto& thread : threads) thread.join();
}

std::string name_of(const schema::ProbeStatus& status) {
  return status.function.empty() ? status.probe : status.function + " in " + status.module_path;
}

}  // namespace

Executor::Executor(boost::asio::io_context& loop, Parts parts)
    : parts_(std::move(parts)),
      tracker_(parts_.proc_fs, files_, state_, parts_.input, [this](const Event& event) { handle(event); }),
      worker_(
          loop, parts_.plan,
          [this](const InstanceKey& instance, PlanAnswer answer) { planned(instance, std::move(answer)); }),
      sampler_(loop, sampler_parts()) {}

void Executor::handle(const Event& event) {
  events_.push_back(event);
  if (handling_) return;  // an action of ours caused it
  handling_ = true;
  while (!events_.empty()) {
    const auto next = std::move(events_.front());
    events_.pop_front();
    const auto* changed = std::get_if<ModulesChanged>(&next);
    if (changed && parts_.modules_changed) parts_.modules_changed(changed->pid, changed->since_boot_ns);
    if (changed) sampler_.modules_changed(changed->pid, changed->since_boot_ns);
    for (const auto& action : apply(state_, next, boot_now_ns())) {
      std::visit([this](const auto& it) { perform(it); }, action);
    }
  }
  handling_ = false;
  sampler_.targets_changed();
}

void Executor::perform(const PlanProbe& action) {
  const auto* file = files_.find(action.instance.file);
  if (!file) return handle(Planned{action.instance, PlanOutcome::kFailed, action.path + " is gone"});
  worker_.submit({action.instance, action.probe, action.path, file->file});
}

void Executor::planned(const InstanceKey& instance, PlanAnswer answer) {
  if (answer.result) plans_[instance] = answer.result;
  handle(Planned{instance, answer.outcome, std::move(answer.message)});
  if (!state_.instances.contains(instance)) plans_.erase(instance);
}

void Executor::perform(const AttachInstance& action) {
  const auto plans = plans_.find(action.instance);
  const auto* file = files_.find(action.instance.file);
  if (plans == plans_.end() || !file) {
    return handle(Attached{action.instance, "the file is gone"});
  }
  std::string failure;
  std::size_t attached = 0;
  std::map<std::string, std::uint32_t> copies;  // by function
  const auto twins = static_cast<std::uint32_t>(twins_before(action.instance.probe)) << 16;
  for (const auto& plan : plans->second->plans) {
    auto error = attach_plan(action, plan, *file, twins + copies[plan.plan.function]++);
    if (error.empty()) ++attached;
    if (failure.empty()) failure = std::move(error);
  }
  if (attached == plans->second->plans.size()) failure.clear();
  if (attached > 0) failure.clear();  // the others have a status of their own
  handle(Attached{action.instance, failure});
}

// How many probes on the same functions stand before this one in its service.
std::size_t Executor::twins_before(ProbeKey key) const {
  const auto& probe = state_.probes.at(key);
  const auto& probes = state_.services.at(probe.service).probes;
  return static_cast<std::size_t>(std::count_if(
      probes.begin(), std::find(probes.begin(), probes.end(), key),
      [&](ProbeKey other) { return state_.probes.at(other).config.function == probe.config.function; }));
}

// Returns why it failed, or nothing.
std::string Executor::attach_plan(const AttachInstance& action, const probes::CompiledPlan& plan,
                                  const LoadedFile& file, std::uint32_t instance) {
  schema::ProbeStatus status;
  status.probe = plan.plan.probe;
  status.function = plan.plan.function;
  status.module_path = plan.plan.module_path;
  status.instance = instance;
  status.lost.assign(schema::kLossReasonCount, 0);
  status.plan = schema::plan_id(plan.plan);
  status.cost_ns = costs_.of(plan.plan.site_class);
  status.sample_below = plan.plan.sample_below;
  status.at = {boot_now_ns()};
  for (const auto& issue : plan.issues) {
    status.message += (status.message.empty() ? "" : "; ") + issue.message;
  }
  const auto failed = [&](const schema::Error& error) {
    status.state = schema::ProbeState::kFailed;
    status.message = error.to_string();
    report(action.service, status);
    return status.message;
  };
  if (schema::is_global(plan.plan.probe)) return attach_global(action, plan, file, std::move(status));
  if (auto same = probes::compare_sites(file.file->path(), plan.sites); !same) return failed(same.error());
  const bool wants_sleepable = state_.probes.at(action.instance.probe).config.sleepable;
  const bool is_sleepable = wants_sleepable && parts_.kernel.features().sleepable;
  if (wants_sleepable && !is_sleepable) {
    status.message += (status.message.empty() ? "" : "; ") +
                      std::string(
                          "without `sleepable`, which needs Linux 6.0: what is not in memory is "
                          "told as not_resident");
  }
  const std::uint32_t flags = BS_PLAN_ENABLED | (action.any_process ? BS_PLAN_ANY_PROCESS : 0) |
                              (is_sleepable ? BS_PLAN_SLEEPABLE : 0) |
                              stack_flags(plan.plan, state_.probes.at(action.instance.probe).config);
  const auto index = parts_.kernel.install_plan(plan, action.service_index, flags);
  if (!index) return failed(index.error());
  if (const std::size_t count = parts_.kernel.classes_left_out(*index); count > 0) {
    status.message += (status.message.empty() ? "" : "; ") + std::to_string(count) +
                      " derived classes are more than there is room for: objects of them are shown as the "
                      "class that is declared, their $type is not known";
  }
  if (const auto& rate = state_.probes.at(action.instance.probe).config.rate; rate.per_second > 0)
    parts_.kernel.set_bucket(*index, buckets_.of(action.instance.probe), rate);
  parts_.input.plan_added(*index, action.service, plan.plan);
  auto attachment = parts_.kernel.attach(file.file->path(), *index, plan.sites);
  if (!attachment) {
    parts_.kernel.remove_plan(*index);
    parts_.input.plan_removed(*index);
    return failed(attachment.error());
  }
  status.state = schema::ProbeState::kActive;
  const auto before = counts_.before(action.service, status);
  (void)take_counters(before, {}, status);
  report(action.service, status);
  installed_.emplace(action.instance, Installed{action.service, *index, *std::move(attachment),
                                                std::move(status), before, plan.plan.site_class, false});
  return {};
}

void Executor::perform(const DetachInstance& action) {
  const auto [begin, end] = installed_.equal_range(action.instance);
  std::vector<std::unique_ptr<Attachment>> attachments;
  for (auto it = begin; it != end; ++it) {
    if (it->second.attachment) attachments.push_back(std::move(it->second.attachment));
  }
  release(std::move(attachments));
  if (begin != end) parts_.drain();
  for (auto it = begin; it != end; ++it) {
    auto& installed = it->second;
    const auto now_ns = boot_now_ns();
    const auto counters = counters_of(installed.plan_index);
    parts_.input.counters_read(installed.plan_index, counters, now_ns);
    (void)take_counters(installed.before, counters, installed.status);
    counts_.detached(installed.service, installed.status);
    remove_plan(installed.plan_index);
    parts_.input.plan_removed(installed.plan_index);
    installed.status.state = schema::ProbeState::kPending;
    installed.status.message = "detached: " + action.reason;
    installed.status.at = {now_ns};
    report(installed.service, installed.status);
  }
  installed_.erase(begin, end);
  if (!action.keep_plans) plans_.erase(action.instance);
  std::erase_if(summaries_, [&](const auto& summary) {  // of probes that are no longer configured
    const auto same = [&](const auto& entry) {
      return entry.second.service == summary.first.first &&
             entry.second.config.function == summary.first.second;
    };
    return std::none_of(state_.probes.begin(), state_.probes.end(), same);
  });
}

void Executor::perform(const AddProcess& action) {
  if (auto result = parts_.kernel.add_process(action.service_index, action.pid); !result) {
    log(LogLevel::kError, "process " + std::to_string(action.pid) + " cannot be added to service " +
                              action.service + ": " + result.error().to_string());
  }
  parts_.input.process_started(action.service, tracker_.image_of(action.pid));
}

void Executor::perform(const RemoveProcess& action) {
  parts_.kernel.remove_process(action.service_index, action.pid);
}

void Executor::perform(const ReadModules& action) {
  tracker_.read_modules(action.pid, boot_now_ns());
  watch_linkers(action.pid);
}

// Linkers stay watched: they are few, and shared by all processes of the host.
void Executor::watch_linkers(std::uint32_t pid) {
  for (const auto& event : events_) {  // what read_modules() has just found
    const auto* seen = std::get_if<ModulesSeen>(&event);
    if (!seen || seen->pid != pid) continue;
    for (const auto& module : seen->modules) {
      const auto* file = files_.find(module.id);
      if (!file || !is_dynamic_linker(module.path) || linkers_.contains(module.id)) continue;
      auto& watch = linkers_[module.id];
      const auto offset = find_linker_hook(file->file->path());
      if (!offset) {
        log(LogLevel::kWarning, module.path + ": " + offset.error().to_string());
        continue;
      }
      auto attachment = parts_.kernel.watch_linker(file->file->path(), *offset);
      if (attachment) {
        watch = *std::move(attachment);
      } else {
        log(LogLevel::kWarning, "libraries loaded later are found late: " + attachment.error().to_string());
      }
    }
  }
}

void Executor::perform(const ReportStatus& action) {
  schema::ProbeStatus status;
  status.probe = action.probe;
  status.state = action.state;
  status.message = action.message;
  status.lost.assign(schema::kLossReasonCount, 0);
  status.at = {boot_now_ns()};
  auto& summary = summaries_[{action.service, action.probe}];
  summary.status = status;
  // Most probes are pending for a moment: that is not worth a fact.
  summary.waits = action.state != schema::ProbeState::kActive || summary.stored;
  if (action.state != schema::ProbeState::kActive) log_status(action.service, status, action.is_doubtful);
}

void Executor::perform(const ReportGap& action) {
  schema::Gap gap;
  gap.from = {action.from_boot_ns};
  gap.to = {action.to_boot_ns};
  gap.reason = schema::LossReason::kNotAttached;
  gap.probe = action.probe;
  gap.pid = action.pid;
  parts_.input.gap_found(action.service, gap);
}

void Executor::report(const std::string& service, const schema::ProbeStatus& status) {
  parts_.input.status_changed(service, status);
  log_status(service, status);
}

void Executor::log_status(const std::string& service, const schema::ProbeStatus& status,
                          bool is_doubtful) const {
  const auto level = status.state == schema::ProbeState::kFailed ? LogLevel::kError
                     : is_doubtful                               ? LogLevel::kWarning
                                                                 : LogLevel::kInfo;
  log(level, "service " + service + ": probe " + name_of(status) + " is " + to_string(status.state) +
                 (status.message.empty() ? "" : ": " + status.message));
}

void Executor::log(LogLevel level, const std::string& message) const {
  if (parts_.log) parts_.log(level, message);
}

void Executor::read_counters(std::int64_t now_boot_ns) {
  for (auto& [key, installed] : installed_) {
    const auto counters = counters_of(installed.plan_index);
    const auto change = take_counters(installed.before, counters, installed.status);
    if (change == Change::kNothing) continue;
    if (installed.plan_index >= kFirstGlobalPlan && counters.hits > 0)
      installed.status.cost_ns = static_cast<std::uint32_t>(counters.run_ns / counters.hits);
    parts_.input.counters_read(installed.plan_index, counters, now_boot_ns);
    installed.changed = true;
    if (change == Change::kLosses) store_status(installed, now_boot_ns);  // with their gap, not after it
  }
}

void Executor::set_site_costs(const probes::SiteCosts& costs) {
  costs_ = costs;
  for (auto& [key, installed] : installed_) {
    if (installed.plan_index >= kFirstGlobalPlan) continue;  // no site
    const auto cost_ns = costs.of(installed.site_class);
    installed.changed |= cost_ns != installed.status.cost_ns;
    installed.status.cost_ns = cost_ns;
  }
}

void Executor::store_status(Installed& installed, std::int64_t now_boot_ns) {
  installed.changed = false;
  installed.status.at = {now_boot_ns};
  parts_.input.status_changed(installed.service, installed.status);
}

void Executor::refresh_statuses(std::int64_t now_boot_ns) {
  for (auto& [key, installed] : installed_) {
    if (installed.changed) store_status(installed, now_boot_ns);
  }
  for (auto& [name, summary] : summaries_) {
    if (!std::exchange(summary.waits, false)) continue;
    parts_.input.status_changed(name.first, summary.status);
    summary.stored = true;
  }
}

void Executor::tidy() {
  handle(Tick{});
  std::set<FileId> used;
  for (const auto& [pid, process] : state_.processes) {
    used.insert(process.exe.id);
    for (const auto& module : process.modules) used.insert(module.ref.id);
  }
  for (const auto& [key, instance] : state_.instances) used.insert(key.file);
  constexpr unsigned kSecondsBetweenSweeps = 30;
  if (++seconds_ % kSecondsBetweenSweeps == 0) {
    parts_.kernel.forget_calls([](std::uint32_t tgid, std::uint32_t tid) {
      const auto task = "/proc/" + std::to_string(tgid) + "/task/" + std::to_string(tid);
      return ::access(task.c_str(), F_OK) == 0;
    });
  }
  buckets_.keep_only([this](ProbeKey probe) { return state_.probes.contains(probe); });
  files_.keep_only(used);
}

void Executor::detach_all() {
  std::vector<std::unique_ptr<Attachment>> attachments;
  for (auto& [file, watch] : linkers_) attachments.push_back(std::move(watch));
  linkers_.clear();
  std::vector<InstanceKey> keys;
  for (auto& [key, installed] : installed_) {
    attachments.push_back(std::move(installed.attachment));
    if (keys.empty() || keys.back() != key) keys.push_back(key);
  }
  release(std::move(attachments));
  for (const auto& key : keys) perform(DetachInstance{key, "the collector was stopped", true});
}

std::vector<CollectorMetrics::Probe> Executor::statuses() const {
  std::vector<CollectorMetrics::Probe> all;
  for (const auto& [key, installed] : installed_) all.push_back({installed.service, installed.status});
  for (const auto& [name, summary] : summaries_) {
    if (summary.status.state != schema::ProbeState::kActive) all.push_back({name.first, summary.status});
  }
  return all;
}

}  // namespace backsight::collector
