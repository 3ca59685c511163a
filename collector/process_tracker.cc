#include "collector/process_tracker.h"

#include "collector/process_matcher.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::int64_t kKeepEndedNs = 10'000'000'000;
// A fresh image maps its libraries in its first moments, perhaps before the
// kernel knows that it belongs to a service.
constexpr std::int64_t kYoungNs = 2'000'000'000;
constexpr std::int64_t kLookAgainNs[] = {20'000'000, 200'000'000, 1'000'000'000};

}  // namespace

ProcessTracker::ProcessTracker(ProcFs& proc_fs, FileTable& files, const ActuatorState& state,
                               PipelineInput& input, Emit emit)
    : proc_fs_(proc_fs), files_(files), state_(state), input_(input), emit_(std::move(emit)) {}

bool ProcessTracker::control_record(std::span<const std::byte> record) {
  bs_process_event event;
  if (record.size() < sizeof event) return false;
  std::memcpy(&event, record.data(), sizeof event);
  switch (event.kind) {
    case BS_PROCESS_FORK:
      forked(event);
      return true;
    case BS_PROCESS_EXEC:
      executed(event);
      return true;
    case BS_PROCESS_EXIT:
      exited(event.tgid, static_cast<std::int64_t>(event.boot_ns));
      return true;
    case BS_PROCESS_MODULES:
      modules_changed_.try_emplace(event.tgid, static_cast<std::int64_t>(event.boot_ns));
      return true;
    default:
      return false;
  }
}

bool ProcessTracker::may_belong(std::uint32_t pid, const std::string& exe) const {
  return std::any_of(state_.services.begin(), state_.services.end(),
                     [&](const auto& entry) { return may_match(entry.second.match, pid, exe); });
}

void ProcessTracker::forked(const bs_process_event& event) {
  const auto start_ns = static_cast<std::int64_t>(event.start_boot_ns);
  known_[event.tgid] = {start_ns, start_ns, event.parent_tgid, {}};
  const auto parent = state_.processes.find(event.parent_tgid);
  if (parent == state_.processes.end()) {
    const auto by_pid = [&](const auto& entry) { return entry.second.match.pid == event.tgid; };
    if (std::any_of(state_.services.begin(), state_.services.end(), by_pid)) look(event.tgid, start_ns);
    return;
  }
  ProcessSeen seen{parent->second.facts, start_ns, parent->second.exe, true};
  seen.facts.pid = event.tgid;
  seen.facts.parent_pid = event.parent_tgid;
  seen.facts.start_boot_ns = start_ns;
  ModulesSeen modules{event.tgid, {}};
  for (const auto& module : parent->second.modules) modules.modules.push_back(module.ref);
  const bool modules_known = parent->second.modules_known;
  emit_(seen);
  if (modules_known) emit_(modules);
}

void ProcessTracker::executed(const bs_process_event& event) {
  auto& known = known_[event.tgid];
  known.start_boot_ns = static_cast<std::int64_t>(event.start_boot_ns);
  known.image_boot_ns = static_cast<std::int64_t>(event.boot_ns);
  known.ended_boot_ns.reset();
  input_.process_ended(event.tgid, known.image_boot_ns);
  look(event.tgid, known.image_boot_ns);
}

void ProcessTracker::exited(std::uint32_t pid, std::int64_t boot_ns) {
  if (const auto known = known_.find(pid); known != known_.end()) known->second.ended_boot_ns = boot_ns;
  input_.process_ended(pid, boot_ns);
  emit_(ProcessGone{pid});
}

// Reads what the process is now, and announces it if a service may want it.
void ProcessTracker::look(std::uint32_t pid, std::int64_t now_boot_ns) {
  const auto leave = [&] {
    if (state_.processes.contains(pid)) emit_(ProcessGone{pid});
  };
  const auto exe = proc_fs_.read_exe(pid);
  if (!exe || !may_belong(pid, *exe)) return leave();
  auto facts = proc_fs_.read_process(pid);
  auto& known = known_[pid];
  if (!facts || (known.start_boot_ns != 0 && !same_start(known.start_boot_ns, facts->start_boot_ns))) return;
  if (known.start_boot_ns == 0) known.start_boot_ns = known.image_boot_ns = facts->start_boot_ns;
  facts->start_boot_ns = known.start_boot_ns;
  const auto wanted = [&](const auto& entry) { return matches(entry.second.match, *facts); };
  if (std::none_of(state_.services.begin(), state_.services.end(), wanted)) return leave();
  const auto file = proc_fs_.open_executable(pid);
  if (!file) return;
  files_.put(*file);
  std::int64_t accounted_until_ns = 0;
  if (const auto recorded = recorded_.find(pid); recorded != recorded_.end()) {
    if (recorded->second.exe == facts->exe && recorded->second.image_boot_ns >= known.start_boot_ns &&
        recorded->second.image_boot_ns <= now_boot_ns) {
      known.image_boot_ns = recorded->second.image_boot_ns;
      accounted_until_ns = recorded->second.accounted_until_ns;
    }
    recorded_.erase(recorded);
  }
  // It runs another program, and no record has told of the exec.
  const auto process = state_.processes.find(pid);
  if (process != state_.processes.end() && process->second.exe.id != file->id &&
      process->second.image_boot_ns == known.image_boot_ns) {
    known.image_boot_ns = now_boot_ns;
  }
  emit_(
      ProcessSeen{*std::move(facts), known.image_boot_ns, {file->id, file->path}, false, accounted_until_ns});
}

bool ProcessTracker::is_running(const RecordedProcess& process) const {
  const auto known = known_.find(process.pid);
  return known != known_.end() && !known->second.ended_boot_ns &&
         known->second.image_boot_ns == process.image_boot_ns;
}

void ProcessTracker::scan(std::int64_t now_boot_ns, bool again) {
  const auto pids = proc_fs_.list_pids();
  const std::set<std::uint32_t> running(pids.begin(), pids.end());
  std::vector<std::uint32_t> gone;
  for (auto it = known_.begin(); it != known_.end();) {
    const auto& ended = it->second.ended_boot_ns;
    if (!ended && !running.contains(it->first)) gone.push_back(it->first);
    it = ended && now_boot_ns - *ended > kKeepEndedNs ? known_.erase(it) : std::next(it);
  }
  for (const auto pid : gone) exited(pid, now_boot_ns);
  for (const auto pid : pids) {
    const auto start = proc_fs_.read_start_boot_ns(pid);
    if (!start) continue;
    const auto known = known_.find(pid);
    const bool is_known = known != known_.end() && same_start(known->second.start_boot_ns, *start) &&
                          !known->second.ended_boot_ns;
    if (is_known && !again) continue;
    if (!is_known) {
      if (known != known_.end() && !known->second.ended_boot_ns) exited(pid, now_boot_ns);
      known_[pid] = {*start, *start, 0, {}};
    }
    look(pid, now_boot_ns);
  }
}

void ProcessTracker::tick(std::int64_t now_boot_ns) {
  while (!look_again_.empty() && look_again_.begin()->first <= now_boot_ns) {
    const auto pid = look_again_.begin()->second;
    if (const auto process = state_.processes.find(pid); process != state_.processes.end()) {
      modules_changed_.try_emplace(pid, process->second.image_boot_ns);
    }
    look_again_.erase(look_again_.begin());
  }
  const auto changed = std::exchange(modules_changed_, {});
  for (const auto& [pid, since_ns] : changed) emit_(ModulesChanged{pid, since_ns});
}

void ProcessTracker::read_modules(std::uint32_t pid, std::int64_t now_boot_ns) {
  const auto process = state_.processes.find(pid);
  if (process == state_.processes.end()) return;
  if (!process->second.modules_known && now_boot_ns - process->second.image_boot_ns < kYoungNs) {
    for (const auto delay_ns : kLookAgainNs) look_again_.emplace(now_boot_ns + delay_ns, pid);
  }
  const auto files = proc_fs_.open_modules(pid);
  if (!files) return;
  ModulesSeen seen{pid, {}};
  for (const auto& file : *files) {
    files_.put(file);
    seen.modules.push_back({file.id, file.path});
  }
  emit_(seen);
}

ProcessImage ProcessTracker::image_of(std::uint32_t pid) const {
  ProcessImage image;
  image.pid = pid;
  if (const auto process = state_.processes.find(pid); process != state_.processes.end()) {
    const auto& facts = process->second.facts;
    image.parent_pid = facts.parent_pid;
    image.exe = facts.exe;
    image.cmdline = facts.cmdline;
    image.started_boot_ns = process->second.image_boot_ns;
    if (const auto* file = files_.find(process->second.exe.id)) image.build_id = file->build_id;
  }
  return image;
}

std::optional<ProcessImage> ProcessTracker::image_at(std::uint32_t pid, std::int64_t boot_ns) {
  if (state_.processes.contains(pid)) {
    auto image = image_of(pid);
    if (image.started_boot_ns <= boot_ns) return image;
  }
  const auto known = known_.find(pid);
  if (known == known_.end() || known->second.image_boot_ns > boot_ns) return {};
  ProcessImage image;
  image.pid = pid;
  image.parent_pid = known->second.parent;
  image.started_boot_ns = known->second.image_boot_ns;
  image.ended_boot_ns = known->second.ended_boot_ns;
  const auto facts = proc_fs_.read_process(pid);
  if (facts && same_start(facts->start_boot_ns, known->second.start_boot_ns)) {
    image.exe = facts->exe;
    image.cmdline = facts->cmdline;
  }
  return image;
}

}  // namespace backsight::collector
