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

class CallFold {
 public:
  using OnFinished = std::function<void(const FinishedCall&)>;

  CallFold() = default;
  explicit CallFold(const Fold& from);

  // Feeds the next event; `on_finished` is called for each call that it ends,
  // innermost first. A return without an entry finishes a call with entry 0.
  void apply(schema::Sequence sequence, const schema::EventHeader& header, const OnFinished& on_finished);
  // All threads of the process are gone: its open calls end `unknown`.
  void process_ended(schema::ProcessId process, schema::BootTime at, const OnFinished& on_finished);

  Fold snapshot(schema::BootTime at, schema::Sequence next) const;
  std::size_t open_calls() const;

  struct ThreadKey {
    schema::ProcessId process;
    std::uint32_t tid = 0;
    auto operator<=>(const ThreadKey&) const = default;
  };

 private:
  struct ThreadHash {
    std::size_t operator()(const ThreadKey& key) const noexcept {
      return std::hash<schema::ProcessId>{}(key.process) * 0x9e3779b97f4a7c15ull ^ key.tid;
    }
  };
  struct LastKey {
    schema::ProcessId process;
    schema::PlanId plan;
    bool operator==(const LastKey&) const = default;
  };
  struct LastHash {
    std::size_t operator()(const LastKey& key) const noexcept {
      return std::hash<schema::ProcessId>{}(key.process) * 0x9e3779b97f4a7c15ull ^ key.plan.value;
    }
  };
  void finish(const CallRef& call, ExitKind kind, const OnFinished& on_finished);

  std::unordered_map<ThreadKey, std::vector<CallRef>, ThreadHash> threads_;
  std::unordered_map<LastKey, CallRef, LastHash> last_;
};

}  // namespace backsight::store
