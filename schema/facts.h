// What the timeline knows besides events: processes, threads, names of code,
// gaps, probe status, moments and pins.
#pragma once

#include "schema/ids.h"
#include "schema/plan.h"
#include "schema/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::schema {

// Why something is missing. Shared with BPF (bpf/abi/loss.h mirrors the values
// that the kernel side can produce; a test compares them).
enum class LossReason : std::uint8_t {
  kRingFull = 0,     // the ring buffer had no room
  kNoScratch = 1,    // every capture buffer of that CPU was in use
  kNestedLimit = 2,  // the program could not run (recursion guard of the kernel)
  kTooLarge = 3,     // the event did not fit a record
  kThrottled = 4,
  kSampled = 5,
  kDetached = 6,
  kCollectorDown = 7,
  kNotAttached = 8,  // the process ran before its probes were in place
  kStoreFull = 9,
  kStoreError = 10,
  kMalformed = 11,    // a record that could not be decoded
  kMemoryLimit = 12,  // the collector's own queue was full
  kUndecided = 13,    // nobody could say whether it matches `where`, or what to sample by
  kOpenCalls = 14,    // too many calls were open to keep another one
};
inline constexpr std::size_t kLossReasonCount = 15;
const char* to_string(LossReason reason);  // "ring_full", "no_scratch", …

struct Process {
  ProcessId id;
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::string exe;
  std::vector<std::string> cmdline;
  std::string build_id;  // of the executable
  std::string host;
  std::string boot_id;
  BootTime started;
  std::optional<BootTime> ended;  // also on exec of another program
  bool operator==(const Process&) const = default;
};

// The name of a thread from `since` on.
struct Thread {
  ProcessId process;
  std::uint32_t tid = 0;
  std::string name;
  BootTime since;
  bool operator==(const Thread&) const = default;
};

// What code is at an address of a process, from `since` on.
struct CodeSymbol {
  ProcessId process;
  std::uint64_t address = 0;  // as pointers in the process have it
  BootTime since;
  std::string name;  // demangled, or as the symbol table has it
  bool operator==(const CodeSymbol&) const = default;
};

struct Gap {
  BootTime from;
  BootTime to;
  LossReason reason = LossReason::kRingFull;
  std::uint64_t lost = 0;            // events; 0: unknown
  std::string probe;                 // empty: every probe
  std::optional<std::uint32_t> pid;  // empty: every process
  bool operator==(const Gap&) const = default;
};

enum class ProbeState : std::uint8_t {
  kPending,
  kActive,
  kFailed,
  kDetached,  // it cost too much, or is over; `message` says which
};
const char* to_string(ProbeState state);  // "pending", "active", "failed", "detached"

// One configured probe at one function instance (or none yet: pending, failed).
// Stored whenever it changes; the last one is the answer of `probes`.
struct ProbeStatus {
  std::string probe;
  std::string function;  // empty while nothing is resolved
  std::string module_path;
  ProbeState state = ProbeState::kPending;
  std::string message;              // why pending or failed
  PlanId plan;                      // 0: none
  std::uint64_t hits = 0;           // since the collector started
  std::uint64_t kept = 0;           // hits - lost - rejected: stored, or on the way there
  std::uint64_t rejected = 0;       // did not match `where`
  std::vector<std::uint64_t> lost;  // by LossReason
  std::uint32_t cost_ns = 0;        // estimated, per hit
  std::uint64_t cpu_ns = 0;         // what it cost the processes in the last second: 1e9 is a core
  std::uint64_t sample_below = 0;   // the sample in force, as in Plan
  BootTime at;
  // Which of those with the same names: a function has inlined copies, overloads.
  std::uint32_t instance = 0;
  bool operator==(const ProbeStatus&) const = default;
};

enum class MomentKind : std::uint8_t { kAlert, kMark };
const char* to_string(MomentKind kind);  // "alert", "mark"

// A named moment, of the whole store or of one service. Wall time, because it
// comes from outside. Name is unique per kind: a second put replaces it.
struct Moment {
  MomentKind kind = MomentKind::kMark;
  std::string name;  // alert: fingerprint
  WallTime at;
  std::string text;
  std::string service;      // empty: all
  std::string labels_json;  // alert: its labels and annotations as one JSON object
  std::optional<WallTime> resolved_at;
  bool operator==(const Moment&) const = default;
};

// A span that outlives retention.
struct Pin {
  std::string name;
  WallTime from;
  WallTime to;
  bool operator==(const Pin&) const = default;
};

}  // namespace backsight::schema
