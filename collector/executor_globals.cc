// The half of the executor that has to do with globals: what the kernel is for
// probes, the sampler is for them.
#include "collector/clocks.h"
#include "collector/executor.h"

namespace backsight::collector {

GlobalSampler::Parts Executor::sampler_parts() {
  return {
      .targets =
          [this](const InstanceKey& key) {
            std::vector<GlobalTarget> targets;
            const auto known = state_.instances.find(key);
            if (known == state_.instances.end()) return targets;
            for (const auto pid : known->second.users)
              targets.push_back({pid, state_.processes.at(pid).image_boot_ns});
            return targets;
          },
      .before_records =
          [this] {
            if (parts_.drain_control) parts_.drain_control();
          },
      .is_current =
          [this](const GlobalTarget& target, std::int64_t boot_ns) {
            const auto image = tracker_.image_at(target.pid, boot_ns);
            return image && image->started_boot_ns == target.image_boot_ns &&
                   (!image->ended_boot_ns || boot_ns <= *image->ended_boot_ns);
          },
      .record = [this](std::span<const std::byte> record) { parts_.input.ring_record(record); },
      .refused = [this](
                     std::uint32_t plan_index, const GlobalTarget& target, const schema::Error& error,
                     std::int64_t since_boot_ns,
                     bool is_first) { global_refused(plan_index, target, error, since_boot_ns, is_first); },
  };
}

std::string Executor::attach_global(const AttachInstance& action, const probes::CompiledPlan& plan,
                                    const LoadedFile& file, schema::ProbeStatus status) {
  const auto every_ns = state_.probes.at(action.instance.probe).config.every_ns;
  const auto index = sampler_.add(action.instance, plan, every_ns, file.id);
  if (!index) {
    status.state = schema::ProbeState::kFailed;
    status.message = index.error().to_string();
    report(action.service, status);
    return status.message;
  }
  status.cost_ns = 0;  // of the collector's time, once it was measured
  status.state = schema::ProbeState::kActive;
  parts_.input.plan_added(*index, action.service, plan.plan);
  const auto before = counts_.before(action.service, status);
  report(action.service, status);
  installed_.emplace(action.instance, Installed{action.service, *index, nullptr, std::move(status), before,
                                                plan.plan.site_class, false});
  return {};
}

// The others go on.
void Executor::global_refused(std::uint32_t plan_index, const GlobalTarget& target,
                              const schema::Error& error, std::int64_t since_boot_ns, bool is_first) {
  for (auto& [key, installed] : installed_) {
    if (installed.plan_index != plan_index) continue;
    perform(ReportGap{installed.service, target.pid, since_boot_ns, boot_now_ns(), installed.status.probe});
    if (!is_first) continue;
    installed.status.message = error.to_string();
    store_status(installed, boot_now_ns());
    log(LogLevel::kWarning, "service " + installed.service + ": " + installed.status.probe + " of process " +
                                std::to_string(target.pid) + ": " + error.to_string());
  }
}

bs_plan_counters Executor::counters_of(std::uint32_t plan_index) const {
  return plan_index < kFirstGlobalPlan ? parts_.kernel.counters(plan_index) : sampler_.counters(plan_index);
}

void Executor::remove_plan(std::uint32_t plan_index) {
  if (plan_index < kFirstGlobalPlan)
    parts_.kernel.remove_plan(plan_index);
  else
    sampler_.remove(plan_index);
}

}  // namespace backsight::collector
