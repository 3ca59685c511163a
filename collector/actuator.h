// What to do next: a deterministic function of what is configured and what is
// known about processes. It decides which files are searched for which probes,
// what is attached and detached, and which processes belong to which service;
// the collector carries the actions out and feeds the outcome back as events.
// No I/O, no clock: tests are tables of events and expected actions.
//
//   instance = (service, probe) x file: searched once, attached once per inode,
//   shared by all processes that use the file.
#pragma once

#include "collector/proc_fs.h"
#include "probes/config.h"
#include "schema/facts.h"

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace backsight::collector {

// A configured probe of one service; the number stays while the configuration has it.
using ProbeKey = std::uint32_t;

struct ModuleRef {
  FileId id;
  std::string path;
  bool operator==(const ModuleRef&) const = default;
};

struct InstanceKey {
  ProbeKey probe = 0;
  FileId file;
  auto operator<=>(const InstanceKey&) const = default;
};

// What planning found in a file.
enum class PlanOutcome : std::uint8_t {
  kFound,       // at least one plan
  kNotHere,     // no such function: other modules may have it
  kUnreadable,  // the same, but not all of its debug information is there
  kFailed,      // the function is here and cannot be probed
};

// Events.
struct ConfigLoaded {
  std::vector<probes::ServiceConfig> services;
};
struct ProcessSeen {
  ProcessFacts facts;
  std::int64_t image_boot_ns = 0;  // when this program image began: start or exec
  ModuleRef exe;
  bool inherited = false;               // forked from a member: the kernel has copied its memberships
  std::int64_t accounted_until_ns = 0;  // what is missing before is on the timeline already
};
struct ProcessGone {
  std::uint32_t pid = 0;
};
struct ModulesSeen {
  std::uint32_t pid = 0;
  std::vector<ModuleRef> modules;
};
struct ModulesChanged {
  std::uint32_t pid = 0;
  std::int64_t since_boot_ns = 0;  // what is new was not there before
};
struct Planned {
  InstanceKey instance;
  PlanOutcome outcome = PlanOutcome::kFound;
  std::string message;
};
struct Attached {
  InstanceKey instance;
  std::string failure;
};  // failure empty: done
struct Tick {};
using Event = std::variant<ConfigLoaded, ProcessSeen, ProcessGone, ModulesSeen, ModulesChanged, Planned,
                           Attached, Tick>;

// Actions.
struct PlanProbe {
  InstanceKey instance;
  std::string path;
  probes::ProbeConfig probe;
};
struct AttachInstance {
  InstanceKey instance;
  std::string service;
  std::uint32_t service_index = 0;
  bool any_process = false;
};
struct DetachInstance {
  InstanceKey instance;
  std::string reason;
  bool keep_plans = false;  // it will be attached again; otherwise what was planned is forgotten
};
struct AddProcess {
  std::string service;
  std::uint32_t service_index = 0;
  std::uint32_t pid = 0;
};
struct RemoveProcess {
  std::string service;
  std::uint32_t service_index = 0;
  std::uint32_t pid = 0;
};
struct ReadModules {
  std::uint32_t pid = 0;
};
struct ReportStatus {
  std::string service;
  std::string probe;
  schema::ProbeState state = schema::ProbeState::kPending;
  std::string message;
  bool is_doubtful = false;  // pending for something that may never come
};
struct ReportGap {
  std::string service;
  std::uint32_t pid = 0;
  std::int64_t from_boot_ns = 0, to_boot_ns = 0;
  std::string probe;
};  // not_attached
using Action = std::variant<PlanProbe, AttachInstance, DetachInstance, AddProcess, RemoveProcess, ReadModules,
                            ReportStatus, ReportGap>;

struct ActuatorState {
  enum class Phase : std::uint8_t { kPlanning, kNotHere, kUnreadable, kFailed, kReady, kAttached };

  struct Service {
    std::uint32_t index = 0;  // of the kernel; from 1, never used again
    probes::MatchConfig match;
    std::vector<ProbeKey> probes;
  };
  struct Probe {
    std::string service;
    probes::ProbeConfig config;
    std::string summary;  // what was last reported
  };
  struct Instance {
    std::string path;
    Phase phase = Phase::kPlanning;
    std::string message;         // why kNotHere, kUnreadable, kFailed
    bool is_executable = false;  // of a process that uses it
    bool any_process = false;    // attached so
    std::int64_t attached_ns = 0;
    std::int64_t unused_since_ns = 0;  // where `users` is empty
    std::set<std::uint32_t> users;
  };
  struct Module {
    ModuleRef ref;
    std::int64_t since_ns = 0;  // in the process at the latest since then
  };
  struct Member {
    std::int64_t since_ns = 0;  // in the kernel's process map
    bool settled = false;       // its first gap is reported
  };
  struct Process {
    ProcessFacts facts;
    std::int64_t image_boot_ns = 0;
    std::int64_t missed_from_ns = 0;  // a gap of this image begins here at the earliest
    ModuleRef exe;
    bool modules_requested = false, modules_known = false;
    std::int64_t modules_changed_ns = 0;
    std::vector<Module> modules;  // without the executable
    std::map<std::string, Member> services;
    std::map<InstanceKey, std::int64_t> instances;  // in use, and since when it should be attached
  };

  std::map<std::string, Service> services;
  std::map<ProbeKey, Probe> probes;
  std::map<InstanceKey, Instance> instances;
  std::map<std::uint32_t, Process> processes;  // members of at least one service
  std::uint32_t next_service = 1;
  ProbeKey next_probe = 1;
};

// An instance that no process has used for this long is detached.
inline constexpr std::int64_t kUnusedNs = 600'000'000'000;

std::vector<Action> apply(ActuatorState& state, const Event& event, std::int64_t now_boot_ns);

}  // namespace backsight::collector
