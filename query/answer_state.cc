// state --at T
#include "query/answers.h"
#include "query/globals.h"
#include "query/render.h"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::array;
using boost::json::object;
using schema::BootTime;
using schema::Process;
using schema::ProcessId;

// A process that ended this long before T is still listed, as not alive: its
// last calls are what one looks for after a crash.
constexpr std::int64_t kEndedNs = 60'000'000'000;
// A loss this long before T may hide a call that was open at T.
constexpr std::int64_t kLossNs = 10'000'000'000;

class State {
 public:
  State(const Timeline& timeline, const Filters& filters, BootTime at)
      : timeline_(timeline), filters_(filters), at_(at), oldest_{at.ns - kLossNs} {}

  schema::Result<array> processes() {
    auto fold = timeline_.reader->fold_at(at_);
    if (!fold) return fold.error();
    for (const store::CallRef& call : fold->open) {
      if (call.exit_time == BootTime{}) open_[call.process][call.tid].push_back(&call);
    }
    for (const store::CallRef& call : fold->last) last_[call.process].push_back(&call);
    std::vector<const Process*> listed;
    for (const auto& [id, process] : timeline_.reader->processes()) {
      if (is_listed(process)) listed.push_back(&process);
    }
    std::sort(listed.begin(), listed.end(), [](const Process* a, const Process* b) {
      return std::pair(a->started, a->pid) < std::pair(b->started, b->pid);
    });
    array out;
    for (const Process* process : listed) out.push_back(process_object(*process));
    return out;
  }

  BootTime oldest() const { return oldest_; }

 private:
  bool is_alive(const Process& process) const { return !process.ended || *process.ended > at_; }

  bool is_listed(const Process& process) const {
    if (process.started > at_ || !filters_.takes_process(&process)) return false;
    return is_alive(process) || process.ended->ns > at_.ns - kEndedNs;
  }

  object process_object(const Process& process) {
    object out;
    out["pid"] = process.pid;
    out["started"] = time_value(timeline_, process.started);
    out["exe"] = process.exe;
    out["build_id"] = process.build_id;
    out["host"] = process.host;
    const bool alive = is_alive(process);
    out["alive"] = alive;
    if (!alive) out["ended"] = time_value(timeline_, *process.ended);
    array& threads = out["threads"].emplace_array();
    if (alive) {
      for (const auto& [tid, calls] : open_[process.id]) {
        if (filters_.takes(&process, tid)) threads.push_back(thread_object(process, tid, calls));
      }
    }
    out["globals"] = globals_object(process);
    out["last"] = last_object(process);
    return out;
  }

  object thread_object(const Process& process, std::uint32_t tid,
                       const std::vector<const store::CallRef*>& calls) {
    object out;
    out["tid"] = tid;
    out["name"] = timeline_.reader->thread_name(process.id, tid, at_);
    out["goroutine"] = nullptr;
    array& shown = out["calls"].emplace_array();
    for (const store::CallRef* call : calls) {
      oldest_ = std::min(oldest_, call->entry_time);
      if (auto row = call_object(*call, false)) shown.push_back(std::move(*row));
    }
    return out;
  }

  // The last completed call per function; of several plans of one function (a
  // changed probe, inlined copies) the latest.
  object last_object(const Process& process) {
    std::map<std::string, const store::CallRef*> latest;
    for (const store::CallRef* call : last_[process.id]) {
      const auto plan = timeline_.reader->plans().find(call->plan);
      if (plan == timeline_.reader->plans().end() || !filters_.takes(&process, call->tid)) continue;
      if (schema::is_global(plan->second.probe)) continue;
      const store::CallRef*& place = latest[plan->second.function];
      if (place == nullptr || place->exit_time < call->exit_time) place = call;
    }
    object out;
    for (const auto& [function, call] : latest) {
      if (auto row = call_object(*call, true)) out[function] = std::move(*row);
    }
    return out;
  }

  // The last observation of each; of several plans of one (a changed configuration) the latest.
  object globals_object(const Process& process) {
    std::map<std::string_view, const store::CallRef*> latest;
    for (const store::CallRef* seen : last_[process.id]) {
      const auto plan = timeline_.reader->plans().find(seen->plan);
      if (plan == timeline_.reader->plans().end() || !schema::is_global(plan->second.probe)) continue;
      const auto name = std::string_view(plan->second.probe).substr(schema::kGlobalPrefix.size());
      const store::CallRef*& place = latest[name];
      if (place == nullptr || place->entry_time < seen->entry_time) place = seen;
    }
    object out;
    for (const auto& [name, seen] : latest) {
      if (auto shown = global_object(*seen)) out[name] = std::move(*shown);
    }
    return out;
  }

  std::optional<object> global_object(const store::CallRef& seen) {
    const auto row = load_row(*timeline_.reader, seen.entry);
    const auto event = row ? view_of(*row) : std::nullopt;
    if (!event) return std::nullopt;
    ObservedGlobal global = decode_global(timeline_, *event, timeline_.reader->plans().at(seen.plan));
    object out;
    out["value"] = std::move(global.value);
    out["observed"] = time_value(timeline_, seen.entry_time);
    out["age_ns"] = at_.ns - seen.entry_time.ns;
    out["unavailable"] = unavailable_object(global.unavailable);
    return out;
  }

  std::optional<object> call_object(const store::CallRef& ref, bool completed) {
    const auto plan = timeline_.reader->plans().find(ref.plan);
    if (plan == timeline_.reader->plans().end()) return std::nullopt;
    ScannedCall call{ref, completed ? store::ExitKind::kReturn : store::ExitKind::kOpen, {}, {}};
    const auto entry = ref.entry.value == 0 ? std::nullopt : load_row(*timeline_.reader, ref.entry);
    const auto exit =
        !completed || ref.exit.value == 0 ? std::nullopt : load_row(*timeline_.reader, ref.exit);
    if (entry) call.entry = view_of(*entry);
    if (exit) call.exit = view_of(*exit);
    CallValues values = decode_call(timeline_, call, plan->second);
    object out;
    out["event"] = call_event_id(timeline_, ref);
    if (!completed) out["function"] = plan->second.function;
    out["entry"] = ref.entry.value == 0 ? boost::json::value() : time_value(timeline_, ref.entry_time);
    if (completed) out["exit"] = time_value(timeline_, ref.exit_time);
    if (completed) out["thread"] = object{{"tid", ref.tid}};
    out["args"] = std::move(values.args);
    if (completed) out["return"] = std::move(values.result);
    out["unavailable"] = unavailable_object(values.unavailable);
    if (plan->second.stack != schema::StackKind::kNone) add_stack(out, timeline_, call, plan->second);
    return out;
  }

  static std::optional<schema::EventView> view_of(const std::vector<std::byte>& row) {
    const auto view = schema::EventView::parse(row);
    if (!view) return std::nullopt;
    return *view;
  }

  const Timeline& timeline_;
  const Filters& filters_;
  BootTime at_, oldest_;
  std::map<ProcessId, std::map<std::uint32_t, std::vector<const store::CallRef*>>> open_;
  std::map<ProcessId, std::vector<const store::CallRef*>> last_;
};

}  // namespace

Answer answer_state(Session& session) {
  auto filters = session.filters();
  if (!filters) return filters.error();
  auto timeline = session.open_one();
  if (!timeline) return timeline.error();
  auto at = session.time_option("at");
  if (!at) return at.error();
  const schema::WallTime wall = at->value_or(session.now());
  const BootTime boot = timeline->reader->clock().to_boot(wall);
  State state(*timeline, *filters, boot);
  auto processes = state.processes();
  if (!processes) return processes.error();
  object answer;
  answer["service"] = timeline->service;
  answer["at"] = schema::format_rfc3339(wall);
  Completeness completeness;
  completeness.add(*timeline, state.oldest(), boot, {}, *filters);
  completeness.write(answer);
  answer["processes"] = std::move(*processes);
  return answer;
}

}  // namespace backsight::query
