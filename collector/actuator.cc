#include "collector/actuator.h"

#include "collector/probe_summary.h"
#include "collector/process_matcher.h"

#include <algorithm>
#include <utility>

namespace backsight::collector {
namespace {

using State = ActuatorState;
using Phase = ActuatorState::Phase;

bool same_probe(const probes::ProbeConfig& left, probes::ProbeConfig right) {
  right.position = left.position;
  if (left.capture.size() == right.capture.size()) {
    for (std::size_t i = 0; i < left.capture.size(); ++i) {
      right.capture[i].position = left.capture[i].position;
    }
  }
  if (left.index.size() == right.index.size()) {
    for (std::size_t i = 0; i < left.index.size(); ++i) right.index[i].position = left.index[i].position;
  }
  return left == right;
}

bool same_match(const probes::MatchConfig& left, probes::MatchConfig right) {
  right.position = left.position;
  return left == right;
}

// One application of one event.
class Step {
 public:
  Step(State& state, std::int64_t now_ns) : state_(state), now_ns_(now_ns) {}

  void operator()(const ConfigLoaded& event);
  void operator()(const ProcessSeen& event);
  void operator()(const ProcessGone& event) { drop_process(event.pid); }
  void operator()(const ModulesSeen& event);
  void operator()(const ModulesChanged& event);
  void operator()(const Planned& event);
  void operator()(const Attached& event);
  void operator()(const Tick&);

  std::vector<Action> finish();

 private:
  void load_service(const probes::ServiceConfig& config);
  void load_probes(const probes::ServiceConfig& config, State::Service& service);
  void drop_service(const std::string& name);
  void drop_probe(ProbeKey key);
  void drop_process(std::uint32_t pid);
  void leave(State::Process& process, std::string name);  // a copy: the key is erased
  void join(State::Process& process, const std::string& name, State::Service& service, bool inherited);
  void evaluate(State::Process& process);
  bool evaluate_probe(State::Process& process, ProbeKey key, const State::Probe& probe);
  bool use(State::Process& process, ProbeKey key, const ModuleRef& module, std::int64_t since_ns);
  void release(State::Process& process, const InstanceKey& key);
  void request_modules(State::Process& process);
  void settle(State::Process& process, const std::string& name);
  void evaluate_users(const InstanceKey& key);
  template <class T>
  void act(T action) {
    actions_.push_back(std::move(action));
  }

  State& state_;
  std::int64_t now_ns_;
  std::vector<Action> actions_;
  std::set<ProbeKey> touched_;
};

void Step::operator()(const ConfigLoaded& event) {
  std::vector<std::string> removed;
  for (const auto& entry : state_.services) {
    const std::string& name = entry.first;
    const auto named = [&](const auto& config) { return config.name == name; };
    if (std::none_of(event.services.begin(), event.services.end(), named)) removed.push_back(name);
  }
  for (const auto& name : removed) drop_service(name);
  for (const auto& config : event.services) load_service(config);
  for (auto it = state_.processes.begin(); it != state_.processes.end();) {
    it = it->second.services.empty() ? state_.processes.erase(it) : std::next(it);
  }
  for (auto& [pid, process] : state_.processes) evaluate(process);
}

void Step::load_service(const probes::ServiceConfig& config) {
  auto& service = state_.services[config.name];
  const bool is_new = service.index == 0;
  if (is_new) service.index = state_.next_service++;
  const bool match_changed = !is_new && !same_match(service.match, config.match);
  service.match = config.match;
  if (match_changed) {
    for (auto& [pid, process] : state_.processes) {
      if (process.services.contains(config.name) && !matches(config.match, process.facts)) {
        leave(process, config.name);
      }
    }
    // "Every process of this file" was decided by the old condition.
    for (const auto key : service.probes) {
      for (auto& [instance_key, instance] : state_.instances) {
        if (instance_key.probe != key || instance.phase != Phase::kAttached) continue;
        if (instance.any_process == (instance.is_executable && is_exe_only(config.match))) continue;
        instance.phase = Phase::kReady;
        act(DetachInstance{instance_key, "its service's match has changed", true});
      }
    }
  }
  load_probes(config, service);
}

void Step::load_probes(const probes::ServiceConfig& config, State::Service& service) {
  std::vector<ProbeKey> keys;
  for (const auto& probe : config.probes) {
    const auto same = [&](ProbeKey key) { return same_probe(state_.probes.at(key).config, probe); };
    if (std::any_of(keys.begin(), keys.end(), same)) continue;  // written twice
    const auto known = std::find_if(service.probes.begin(), service.probes.end(), same);
    const auto key = known != service.probes.end() ? *known : state_.next_probe++;
    if (known == service.probes.end()) state_.probes[key] = {config.name, probe, {}};
    keys.push_back(key);
    touched_.insert(key);
  }
  for (const auto key : service.probes) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) drop_probe(key);
  }
  service.probes = std::move(keys);
}

void Step::drop_service(const std::string& name) {
  for (auto& [pid, process] : state_.processes) {
    if (process.services.contains(name)) leave(process, name);
  }
  for (const auto key : state_.services.at(name).probes) drop_probe(key);
  state_.services.erase(name);
}

void Step::drop_probe(ProbeKey key) {
  for (auto it = state_.instances.lower_bound({key, {}});
       it != state_.instances.end() && it->first.probe == key;) {
    for (const auto pid : it->second.users) state_.processes.at(pid).instances.erase(it->first);
    act(DetachInstance{it->first, "no longer configured", false});
    it = state_.instances.erase(it);
  }
  state_.probes.erase(key);
  touched_.erase(key);
}

void Step::operator()(const ProcessSeen& event) {
  const auto pid = event.facts.pid;
  if (const auto known = state_.processes.find(pid); known != state_.processes.end()) {
    auto& process = known->second;
    const bool same_process = same_start(process.facts.start_boot_ns, event.facts.start_boot_ns);
    if (same_process && process.exe == event.exe && event.image_boot_ns <= process.image_boot_ns) {
      for (auto& [name, service] : state_.services) {  // perhaps a new service takes it
        if (!process.services.contains(name) && matches(service.match, process.facts)) {
          join(process, name, service, false);
        }
      }
      return evaluate(process);
    }
    for (const auto& [name, member] : process.services) {  // another program, or another process
      const auto& service = state_.services.at(name);
      if (!matches(service.match, event.facts)) act(RemoveProcess{name, service.index, pid});
    }
    while (!process.instances.empty()) release(process, process.instances.begin()->first);
    state_.processes.erase(known);
  }
  State::Process process;
  process.facts = event.facts;
  process.image_boot_ns = event.image_boot_ns;
  process.missed_from_ns = std::max(event.image_boot_ns, event.accounted_until_ns);
  process.exe = event.exe;
  for (auto& [name, service] : state_.services) {
    if (matches(service.match, event.facts)) join(process, name, service, event.inherited);
  }
  if (process.services.empty()) return;
  evaluate(state_.processes[pid] = std::move(process));
}

void Step::join(State::Process& process, const std::string& name, State::Service& service, bool inherited) {
  process.services[name] = {inherited ? process.image_boot_ns : now_ns_, false};
  act(AddProcess{name, service.index, process.facts.pid});
}

// By value: the name may be the key that is erased here.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void Step::leave(State::Process& process, std::string name) {
  const auto& service = state_.services.at(name);
  for (auto it = process.instances.begin(); it != process.instances.end();) {
    const auto key = (it++)->first;
    if (state_.probes.at(key.probe).service == name) release(process, key);
  }
  process.services.erase(name);
  act(RemoveProcess{name, service.index, process.facts.pid});
}

void Step::release(State::Process& process, const InstanceKey& key) {
  const auto copy = key;
  process.instances.erase(copy);
  auto& instance = state_.instances.at(copy);
  instance.users.erase(process.facts.pid);
  if (instance.users.empty()) instance.unused_since_ns = now_ns_;
  touched_.insert(copy.probe);
}

void Step::drop_process(std::uint32_t pid) {
  const auto known = state_.processes.find(pid);
  if (known == state_.processes.end()) return;
  auto& process = known->second;
  while (!process.services.empty()) leave(process, process.services.begin()->first);
  state_.processes.erase(known);
}

void Step::operator()(const ModulesChanged& event) {
  const auto known = state_.processes.find(event.pid);
  if (known == state_.processes.end() || !known->second.modules_requested) return;
  known->second.modules_changed_ns = event.since_boot_ns;
  act(ReadModules{event.pid});
}

void Step::operator()(const ModulesSeen& event) {
  const auto known = state_.processes.find(event.pid);
  if (known == state_.processes.end()) return;
  auto& process = known->second;
  const auto since = process.modules_known ? process.modules_changed_ns : process.missed_from_ns;
  std::vector<State::Module> modules;
  for (const auto& ref : event.modules) {
    const auto old = std::find_if(process.modules.begin(), process.modules.end(),
                                  [&](const auto& module) { return module.ref.id == ref.id; });
    modules.push_back({ref, old != process.modules.end() ? old->since_ns : since});
  }
  process.modules = std::move(modules);
  process.modules_known = true;
  std::vector<InstanceKey> gone;
  for (const auto& [key, needed_ns] : process.instances) {
    const auto loaded = [&, &file = key.file](const auto& module) { return module.ref.id == file; };
    if (key.file != process.exe.id && std::none_of(process.modules.begin(), process.modules.end(), loaded)) {
      gone.push_back(key);
    }
  }
  for (const auto& key : gone) release(process, key);
  evaluate(process);
}

void Step::evaluate(State::Process& process) {
  for (const auto& [name, member] : process.services) {
    bool terminal = true;
    for (const auto key : state_.services.at(name).probes) {
      terminal = evaluate_probe(process, key, state_.probes.at(key)) && terminal;
    }
    if (terminal) settle(process, name);
  }
}

// True when nothing is outstanding for this process and probe.
bool Step::evaluate_probe(State::Process& process, ProbeKey key, const State::Probe& probe) {
  touched_.insert(key);
  if (!probe.config.module.empty()) {
    bool terminal = process.modules_known;
    if (path_matches(probe.config.module, process.exe.path)) {
      terminal = use(process, key, process.exe, process.missed_from_ns) && terminal;
    }
    request_modules(process);
    for (const auto& module : process.modules) {
      if (!path_matches(probe.config.module, module.ref.path)) continue;
      terminal = use(process, key, module.ref, module.since_ns) && terminal;
    }
    return terminal;
  }
  if (!use(process, key, process.exe, process.missed_from_ns)) return false;
  const auto phase = state_.instances.at({key, process.exe.id}).phase;
  if (phase != Phase::kNotHere && phase != Phase::kUnreadable) return true;
  request_modules(process);
  bool terminal = process.modules_known;
  for (const auto& module : process.modules) {
    terminal = use(process, key, module.ref, module.since_ns) && terminal;
  }
  return terminal;
}

// The process uses this instance. True when the instance needs nothing more.
bool Step::use(State::Process& process, ProbeKey key, const ModuleRef& module, std::int64_t since_ns) {
  const InstanceKey instance_key{key, module.id};
  const auto [it, is_new] = state_.instances.try_emplace(instance_key);
  auto& instance = it->second;
  if (is_new) {
    instance.path = module.path;
    auto config = state_.probes.at(key).config;
    config.exact_name = config.module.empty() && module.id != process.exe.id;
    act(PlanProbe{instance_key, module.path, std::move(config)});
  }
  instance.is_executable = instance.is_executable || module.id == process.exe.id;
  instance.users.insert(process.facts.pid);
  process.instances.emplace(instance_key, since_ns);
  if (instance.phase == Phase::kReady) {
    const auto& name = state_.probes.at(key).service;
    const auto& service = state_.services.at(name);
    instance.any_process = instance.is_executable && is_exe_only(service.match);
    act(AttachInstance{instance_key, name, service.index, instance.any_process});
    instance.phase = Phase::kAttached;  // corrected by an Attached event with a failure
    instance.attached_ns = 0;
  }
  return instance.phase != Phase::kPlanning &&
         !(instance.phase == Phase::kAttached && instance.attached_ns == 0);
}

void Step::request_modules(State::Process& process) {
  if (process.modules_requested) return;
  process.modules_requested = true;
  act(ReadModules{process.facts.pid});
}

// Reports how long the process ran before its probes were in place: once for
// all of them, then for each that came later.
void Step::settle(State::Process& process, const std::string& name) {
  auto& member = process.services.at(name);
  std::int64_t to_ns = 0;
  for (auto& [key, needed_ns] : process.instances) {
    const auto& instance = state_.instances.at(key);
    const auto& probe = state_.probes.at(key.probe);
    if (probe.service != name || instance.phase != Phase::kAttached || needed_ns < 0) continue;
    const auto seen_ns = instance.any_process ? needed_ns : std::max(needed_ns, member.since_ns);
    const auto active_ns = std::max(instance.attached_ns, seen_ns);
    if (active_ns > needed_ns) {
      if (member.settled) {
        act(ReportGap{name, process.facts.pid, needed_ns, active_ns, probe.config.function});
      } else {
        to_ns = std::max(to_ns, active_ns);
      }
    }
    needed_ns = -1;  // reported
  }
  if (to_ns > process.missed_from_ns) {
    act(ReportGap{name, process.facts.pid, process.missed_from_ns, to_ns, {}});
  }
  member.settled = true;
}

void Step::operator()(const Planned& event) {
  const auto known = state_.instances.find(event.instance);
  if (known == state_.instances.end()) return;  // no longer wanted
  known->second.message = event.message;
  known->second.phase = event.outcome == PlanOutcome::kFound        ? Phase::kReady
                        : event.outcome == PlanOutcome::kNotHere    ? Phase::kNotHere
                        : event.outcome == PlanOutcome::kUnreadable ? Phase::kUnreadable
                                                                    : Phase::kFailed;
  evaluate_users(event.instance);
}

void Step::operator()(const Attached& event) {
  const auto known = state_.instances.find(event.instance);
  if (known == state_.instances.end()) return;
  auto& instance = known->second;
  instance.attached_ns = now_ns_;
  if (!event.failure.empty()) {
    instance.phase = Phase::kFailed;
    instance.message = event.failure;
  }
  evaluate_users(event.instance);
}

void Step::evaluate_users(const InstanceKey& key) {
  touched_.insert(key.probe);
  const auto users = state_.instances.at(key).users;
  for (const auto pid : users) evaluate(state_.processes.at(pid));
}

void Step::operator()(const Tick&) {
  for (auto it = state_.instances.begin(); it != state_.instances.end();) {
    const auto& instance = it->second;
    const bool stale = instance.users.empty() && instance.phase != Phase::kPlanning &&
                       now_ns_ - instance.unused_since_ns > kUnusedNs;
    if (stale) {
      touched_.insert(it->first.probe);
      act(DetachInstance{it->first, "no process has used it for a long time", false});
    }
    it = stale ? state_.instances.erase(it) : std::next(it);
  }
}

std::vector<Action> Step::finish() {
  for (const auto key : touched_) {
    const auto known = state_.probes.find(key);
    if (known == state_.probes.end()) continue;
    auto& probe = known->second;
    auto [probe_state, message, is_doubtful] = summarise(state_, key, probe);
    auto summary = std::string(to_string(probe_state)) + ": " + message;
    if (summary == probe.summary) continue;
    probe.summary = std::move(summary);
    act(ReportStatus{probe.service, probe.config.function, probe_state, std::move(message), is_doubtful});
  }
  return std::move(actions_);
}

}  // namespace

std::vector<Action> apply(ActuatorState& state, const Event& event, std::int64_t now_boot_ns) {
  Step step(state, now_boot_ns);
  std::visit(step, event);
  return step.finish();
}

}  // namespace backsight::collector
