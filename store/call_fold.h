// The stack rule (architecture, rule 9) as a pure fold: which calls are open,
// which ended and how, given events in sequence order. Used by the writer for
// keyframes and by queries to pair entries with exits.
#pragma once

#include "schema/event.h"
#include "store/timeline.h"

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace backsight::store {

enum class ExitKind : std::uint8_t {
  kReturn,   // its return event
  kUnwound,  // a later event proved the frame gone: exception, longjmp
  kUnknown,  // left by a tail call, its exit was lost, or its process or thread ended
  kOpen,
};
const char* to_string(ExitKind kind);  // "return", "unwound", "unknown", "open"

struct FinishedCall {
  CallRef call;
  ExitKind exit_kind = ExitKind::kReturn;
};

// At most this many open calls of one process; beyond it the oldest end
// `unknown`. And this many last completed calls in all; the oldest are forgotten.
inline constexpr std::size_t kMaxOpenCalls = 100'000;
inline constexpr std::size_t kMaxLastCalls = 100'000;

// Rules, for an event at frame F (stacks grow down, deeper is smaller):
//   any event    calls at frames < F are gone at the time of this event: unwound,
//                or unknown where the plan would not have seen a return
//   entry        calls at F are gone likewise, for the slot is taken anew; only
//                other plans of the same function stay, entered together. Opens one
//   return       ends the innermost call of the same plan at F. The slot F is
//                free then, so other plans' calls at F returned too: those whose
//                own return comes next on the thread (two probes on one function)
//                end `return`, the rest (they had tail-called) end `unknown` as
//                soon as another event shows it, at the time of the first return
//   tail call    ends the innermost call of the same plan at F: unknown
//   global       no call: an observation, kept as a last completed call whose
//                entry and exit are this event
// Exits that were inferred have exit sequence 0.
class CallFold {
 public:
  using OnFinished = std::function<void(const FinishedCall&)>;

  CallFold() = default;
  explicit CallFold(const Fold& from);

  // Feeds the next event; `on_finished` (may be empty) is called for each call
  // that it ends, innermost first. A return without an entry finishes a call
  // with entry 0.
  void apply(schema::Sequence sequence, const schema::EventHeader& header, const OnFinished& on_finished);
  // All threads of the process are gone: its open calls end `unknown`.
  void process_ended(schema::ProcessId process, schema::BootTime at, const OnFinished& on_finished);
  // Ends the calls that returned and only wait for a sibling's return (see
  // above). To be called when there is no further event; else they stay in
  // snapshot().open, recognisable by their exit_time.
  void settle(const OnFinished& on_finished);
  // Forgets the last completed calls of some processes.
  void forget(const std::function<bool(schema::ProcessId)>& gone);

  // CallFold(fold.snapshot(…)) behaves as `fold`.
  Fold snapshot(schema::BootTime at, schema::Sequence next) const;
  std::size_t open_calls() const { return open_calls_; }
  std::size_t last_calls() const { return last_.size(); }

  struct ThreadKey {
    schema::ProcessId process;
    std::uint32_t tid = 0;
    auto operator<=>(const ThreadKey&) const = default;
  };

 private:
  struct ThreadHash {
    std::size_t operator()(const ThreadKey& key) const noexcept {
      return (std::hash<schema::ProcessId>{}(key.process) ^ key.tid) * 0x9e3779b97f4a7c15ull;
    }
  };
  struct LastKey {
    schema::ProcessId process;
    schema::PlanId plan;
    bool operator==(const LastKey&) const = default;
  };
  struct LastHash {
    std::size_t operator()(const LastKey& key) const noexcept {
      return (std::hash<schema::ProcessId>{}(key.process) ^ key.plan.value) * 0x9e3779b97f4a7c15ull;
    }
  };
  struct Thread {
    std::vector<CallRef> open;  // frames never increase from outermost to innermost
    std::size_t* process_open = nullptr;
  };
  using Calls = std::vector<CallRef>;

  void observe(schema::Sequence sequence, const schema::EventHeader& header);
  Thread& find_thread(schema::ProcessId process, std::uint32_t tid);
  void enter(Thread& thread, const CallRef& call, const OnFinished& on_finished);
  void leave(Thread& thread, const CallRef& seen, ExitKind kind, const OnFinished& on_finished);
  void erase(Thread& thread, std::size_t index);
  void settle(Thread& thread, const OnFinished& on_finished);
  void unwind(Thread& thread, std::uint64_t frame, schema::BootTime at, const OnFinished& on_finished);
  void finish(const CallRef& call, ExitKind kind, const OnFinished& on_finished);
  void drop_oldest(schema::ProcessId process, schema::BootTime at, const OnFinished& on_finished);
  void drop_oldest_last();
  std::vector<ThreadKey> threads_in_order() const;

  std::unordered_map<ThreadKey, Thread, ThreadHash> threads_;
  std::unordered_map<schema::ProcessId, std::size_t> process_open_;  // nodes stay where they are
  std::unordered_map<LastKey, CallRef, LastHash> last_;
  std::size_t open_calls_ = 0;
  std::size_t purge_at_ = 4096;
};

}  // namespace backsight::store
