#include "store/call_fold.h"

#include <algorithm>
#include <tuple>

namespace backsight::store {

using schema::BootTime;
using schema::EventKind;
using schema::ProcessId;
using schema::Sequence;

const char* to_string(ExitKind kind) {
  switch (kind) {
    case ExitKind::kReturn:
      return "return";
    case ExitKind::kUnwound:
      return "unwound";
    case ExitKind::kUnknown:
      return "unknown";
    case ExitKind::kOpen:
      return "open";
  }
  return "unknown";
}

namespace {

// Returned already, as a sibling's return at the same frame showed.
bool is_returned(const CallRef& call) {
  return call.exit_time != BootTime{};
}

// A frame that is gone without a sign of its exit was unwound, if its exits
// would have been seen.
ExitKind inferred_exit(const CallRef& call) {
  return (call.flags & schema::kEventReturnsUnseen) != 0 ? ExitKind::kUnknown : ExitKind::kUnwound;
}

// Two plans of one function are entered together; nothing else can have the
// same frame address at the same time. Without tags there is no telling.
bool may_share_slot(const CallRef& open, const CallRef& entered) {
  if (open.plan == entered.plan) return false;
  const auto tag = [](const CallRef& call) { return call.flags >> schema::kEventFunctionShift; };
  return tag(open) == tag(entered) || tag(open) == 0 || tag(entered) == 0;
}

std::uint64_t newest_sequence(const CallRef& call) {
  return std::max(call.entry.value, call.exit.value);
}

}  // namespace

CallFold::CallFold(const Fold& from) {
  for (const CallRef& call : from.open) {
    Thread& thread = find_thread(call.process, call.tid);
    thread.open.push_back(call);
    ++*thread.process_open;
    ++open_calls_;
  }
  for (const CallRef& call : from.last) last_[{call.process, call.plan}] = call;
}

CallFold::Thread& CallFold::find_thread(ProcessId process, std::uint32_t tid) {
  const auto found = threads_.find({process, tid});
  if (found != threads_.end()) return found->second;
  if (threads_.size() >= purge_at_) {
    std::erase_if(threads_, [](const auto& entry) { return entry.second.open.empty(); });
    // A counter may be freed only when no thread points to it.
    for (auto& [key, thread] : threads_) thread.process_open = nullptr;
    std::erase_if(process_open_, [](const auto& entry) { return entry.second == 0; });
    for (auto& [key, thread] : threads_) thread.process_open = &process_open_[key.process];
    purge_at_ = std::max<std::size_t>(4096, threads_.size() * 2);
  }
  Thread& thread = threads_[{process, tid}];
  thread.process_open = &process_open_[process];
  return thread;
}

void CallFold::apply(Sequence sequence, const schema::EventHeader& header, const OnFinished& on_finished) {
  if (header.kind == static_cast<std::uint16_t>(EventKind::kGlobal)) return observe(sequence, header);
  Thread& thread = find_thread({header.process}, header.tid);
  CallRef seen;
  seen.process = {header.process};
  seen.tid = header.tid;
  seen.plan = {header.plan};
  seen.frame = header.frame;
  seen.flags = header.flags;
  const BootTime at{header.boot_ns};
  switch (static_cast<EventKind>(header.kind)) {
    case EventKind::kEntry:
      seen.entry = sequence;
      seen.entry_time = at;
      enter(thread, seen, on_finished);
      break;
    case EventKind::kReturn:
      seen.exit = sequence;
      seen.exit_time = at;
      leave(thread, seen, ExitKind::kReturn, on_finished);
      break;
    case EventKind::kTailCall:
      seen.exit = sequence;
      seen.exit_time = at;
      leave(thread, seen, ExitKind::kUnknown, on_finished);
      break;
    case EventKind::kGlobal:
      break;
  }
}

void CallFold::observe(Sequence sequence, const schema::EventHeader& header) {
  CallRef seen;
  seen.process = {header.process};
  seen.plan = {header.plan};
  seen.flags = header.flags;
  seen.entry = seen.exit = sequence;
  seen.entry_time = seen.exit_time = {header.boot_ns};
  finish(seen, ExitKind::kReturn, {});
}

void CallFold::enter(Thread& thread, const CallRef& call, const OnFinished& on_finished) {
  settle(thread, on_finished);
  unwind(thread, call.frame, call.entry_time, on_finished);
  for (std::size_t i = thread.open.size(); i-- > 0 && thread.open[i].frame == call.frame;) {
    if (may_share_slot(thread.open[i], call)) continue;
    CallRef left = thread.open[i];
    left.exit_time = call.entry_time;
    erase(thread, i);
    finish(left, inferred_exit(left), on_finished);
  }
  if (*thread.process_open >= kMaxOpenCalls) drop_oldest(call.process, call.entry_time, on_finished);
  thread.open.push_back(call);
  ++*thread.process_open;
  ++open_calls_;
}

void CallFold::leave(Thread& thread, const CallRef& seen, ExitKind kind, const OnFinished& on_finished) {
  const auto is_call = [&](const CallRef& call) {
    return call.frame == seen.frame && call.plan == seen.plan;
  };
  const bool returns = kind == ExitKind::kReturn;
  const bool is_sibling = returns && !thread.open.empty() && is_returned(thread.open.back()) &&
                          std::any_of(thread.open.begin(), thread.open.end(), [&](const CallRef& call) {
                            return is_returned(call) && is_call(call);
                          });
  if (!is_sibling) {
    settle(thread, on_finished);
    unwind(thread, seen.frame, seen.exit_time, on_finished);
  }
  CallRef ended = seen;
  bool found = false;
  for (std::size_t i = thread.open.size(); i-- > 0 && thread.open[i].frame == seen.frame;) {
    if (!found && is_call(thread.open[i])) {
      found = true;
      ended.entry = thread.open[i].entry;
      ended.entry_time = thread.open[i].entry_time;
      erase(thread, i);
    } else if (returns && !is_returned(thread.open[i])) {
      thread.open[i].exit_time = seen.exit_time;
    }
  }
  finish(ended, kind, on_finished);
}

void CallFold::erase(Thread& thread, std::size_t index) {
  thread.open.erase(thread.open.begin() + static_cast<std::ptrdiff_t>(index));
  --*thread.process_open;
  --open_calls_;
}

void CallFold::settle(Thread& thread, const OnFinished& on_finished) {
  while (!thread.open.empty() && is_returned(thread.open.back())) {
    const CallRef call = thread.open.back();
    erase(thread, thread.open.size() - 1);
    finish(call, ExitKind::kUnknown, on_finished);
  }
}

void CallFold::unwind(Thread& thread, std::uint64_t frame, BootTime at, const OnFinished& on_finished) {
  while (!thread.open.empty() && thread.open.back().frame < frame) {
    CallRef call = thread.open.back();
    call.exit_time = at;
    erase(thread, thread.open.size() - 1);
    finish(call, inferred_exit(call), on_finished);
  }
}

void CallFold::finish(const CallRef& call, ExitKind kind, const OnFinished& on_finished) {
  last_[{call.process, call.plan}] = call;
  if (last_.size() > kMaxLastCalls) drop_oldest_last();
  if (on_finished) on_finished({call, kind});
}

void CallFold::process_ended(ProcessId process, BootTime at, const OnFinished& on_finished) {
  for (const ThreadKey& key : threads_in_order()) {
    if (key.process != process) continue;
    Thread& thread = threads_.find(key)->second;
    settle(thread, on_finished);
    while (!thread.open.empty()) {
      CallRef call = thread.open.back();
      call.exit_time = at;
      erase(thread, thread.open.size() - 1);
      finish(call, ExitKind::kUnknown, on_finished);
    }
  }
  std::erase_if(threads_, [&](const auto& entry) { return entry.first.process == process; });
  process_open_.erase(process);
}

void CallFold::settle(const OnFinished& on_finished) {
  for (const ThreadKey& key : threads_in_order()) settle(threads_.find(key)->second, on_finished);
}

void CallFold::forget(const std::function<bool(ProcessId)>& gone) {
  std::erase_if(last_, [&](const auto& entry) { return gone(entry.first.process); });
}

// An eighth at a time, so that the search for the oldest costs little per call.
void CallFold::drop_oldest(ProcessId process, BootTime at, const OnFinished& on_finished) {
  Calls calls;
  for (const auto& [key, thread] : threads_) {
    if (key.process == process) calls.insert(calls.end(), thread.open.begin(), thread.open.end());
  }
  const auto older = [](const CallRef& a, const CallRef& b) { return a.entry < b.entry; };
  std::sort(calls.begin(), calls.end(), older);
  const Sequence limit = calls[kMaxOpenCalls / 8].entry;
  for (auto& [key, thread] : threads_) {
    if (key.process != process) continue;
    const std::size_t before = thread.open.size();
    std::erase_if(thread.open, [&](const CallRef& call) { return call.entry < limit; });
    *thread.process_open -= before - thread.open.size();
    open_calls_ -= before - thread.open.size();
  }
  for (CallRef& call : calls) {
    if (call.entry >= limit) break;
    call.exit_time = at;
    finish(call, ExitKind::kUnknown, on_finished);
  }
}

void CallFold::drop_oldest_last() {
  std::vector<std::uint64_t> sequences;
  sequences.reserve(last_.size());
  for (const auto& [key, call] : last_) sequences.push_back(newest_sequence(call));
  const auto middle = sequences.begin() + static_cast<std::ptrdiff_t>(sequences.size() / 8);
  std::nth_element(sequences.begin(), middle, sequences.end());
  std::erase_if(last_, [&](const auto& entry) { return newest_sequence(entry.second) <= *middle; });
}

std::vector<CallFold::ThreadKey> CallFold::threads_in_order() const {
  std::vector<ThreadKey> keys;
  for (const auto& [key, thread] : threads_) {
    if (!thread.open.empty()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Fold CallFold::snapshot(BootTime at, Sequence next) const {
  Fold fold;
  fold.at = at;
  fold.next = next;
  for (const ThreadKey& key : threads_in_order()) {
    const Calls& open = threads_.find(key)->second.open;
    fold.open.insert(fold.open.end(), open.begin(), open.end());
  }
  for (const auto& [key, call] : last_) fold.last.push_back(call);
  std::sort(fold.last.begin(), fold.last.end(), [](const CallRef& a, const CallRef& b) {
    return std::tie(a.process, a.plan) < std::tie(b.process, b.plan);
  });
  return fold;
}

}  // namespace backsight::store
