#include "query/observations.h"
#include "query/globals.h"
#include "query/render.h"

#include "query/call_scan.h"
#include "query/suggest.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

namespace backsight::query {
namespace {

using schema::ErrorCode;
using schema::make_error;
using schema::Plan;

// The first ':' that is not part of "::".
std::size_t find_colon(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ':') continue;
    if (i + 1 < text.size() && text[i + 1] == ':') {
      ++i;
      continue;
    }
    return i;
  }
  return std::string::npos;
}

constexpr const char* kForms =
    "use FUNCTION:expr, for example 'shop::Stock::take:this->quantity', TYPE@0xADDRESS:field or global:expr";

std::optional<std::uint64_t> parse_address(std::string_view text) {
  if (!text.starts_with("0x") && !text.starts_with("0X")) return std::nullopt;
  std::uint64_t address = 0;
  const auto parsed = std::from_chars(text.data() + 2, text.data() + text.size(), address, 16);
  if (text.size() < 3 || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return address;
}

bool knows_type(const Plan& plan, const std::string& name) {
  return std::any_of(plan.types.begin(), plan.types.end(),
                     [&](const schema::Type& type) { return type.name == name; });
}

bool is_within(const Span& span, schema::BootTime at) {
  return at >= span.from && (span.to_end || at < span.to);
}

}  // namespace

schema::Result<ObservedExpression> parse_observed(const std::string& text) {
  const std::size_t colon = find_colon(text);
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    return make_error(ErrorCode::kInvalid, "'" + text + "' is not FUNCTION:expr", kForms);
  }
  ObservedExpression observed;
  const std::string what = text.substr(0, colon);
  observed.expression = text.substr(colon + 1);
  if (what == "global") {
    observed.is_global = true;
    return observed;
  }
  const std::size_t at = what.rfind('@');
  if (at == std::string::npos) {
    observed.function = what;
    return observed;
  }
  const auto address = parse_address(std::string_view(what).substr(at + 1));
  if (!address || at == 0)
    return make_error(ErrorCode::kInvalid, "'" + what + "' is not TYPE@0xADDRESS", kForms);
  observed.type = what.substr(0, at);
  observed.address = *address;
  return observed;
}

schema::Result<Observer> Observer::create(const Timeline& timeline, const ObservedExpression& observed) {
  auto evaluator = Evaluator::compile(observed.expression);
  if (!evaluator) return evaluator.error();
  Observer observer(std::move(*evaluator));
  observer.observed_ = observed;
  const auto& plans = timeline.reader->plans();
  if (observed.is_global) {
    auto chosen = plans_of_globals(timeline, observer.evaluator_);
    if (!chosen) return chosen.error();
    observer.functions_.plans = *std::move(chosen);
    for (const schema::PlanId id : observer.functions_.plans) {
      observer.functions_.probes.insert(plans.at(id).probe);
      observer.bindings_.emplace(id, observer.evaluator_.bind(plans.at(id)));
    }
    return observer;
  }
  if (observed.function.empty()) {
    for (const auto& [id, plan] : plans) {
      if (knows_type(plan, observed.type)) observer.functions_.plans.insert(id);
    }
    if (observer.functions_.plans.empty()) {
      return make_error(ErrorCode::kNotFound, "no probe captures objects of type '" + observed.type + "'");
    }
    return observer;
  }
  observer.functions_ = choose_functions(*timeline.reader, observed.function);
  if (!observer.functions_.known) {
    std::vector<std::string> names = function_names(*timeline.reader);
    return make_error(ErrorCode::kNotFound, "no probe on '" + observed.function + "' in " + timeline.service,
                      suggestion(observed.function, names));
  }
  std::vector<const Plan*> chosen;
  for (const schema::PlanId id : observer.functions_.plans) chosen.push_back(&plans.at(id));
  BACKSIGHT_TRY(observer.evaluator_.check(chosen));
  for (const schema::PlanId id : observer.functions_.plans) {
    Binding binding = observer.evaluator_.bind(plans.at(id));
    observer.needs_calls_ = observer.needs_calls_ || binding.needs_return;
    observer.bindings_.emplace(id, std::move(binding));
  }
  return observer;
}

Subject Observer::subject_of(const Timeline& timeline, schema::ProcessId process, std::uint32_t tid) const {
  Subject subject;
  subject.tid = tid;
  if (const schema::Process* facts = find_process(*timeline.reader, process)) {
    subject.pid = facts->pid;
    subject.host = facts->host;
  }
  return subject;
}

schema::Result<Observations> Observer::observe(Session& session, const Timeline& timeline,
                                               const Filters& filters, const Span& span) const {
  Observations out;
  if (functions_.plans.empty()) return out;
  BACKSIGHT_TRY(needs_calls_ ? observe_calls(session, timeline, filters, span, out)
                             : observe_events(session, timeline, filters, span, out));
  std::stable_sort(out.seen.begin(), out.seen.end(), [](const Observation& a, const Observation& b) {
    return std::pair(a.at, a.sequence) < std::pair(b.at, b.sequence);
  });
  return out;
}

// Values of the entry event alone, or of objects: no pairing is needed.
schema::Result<void> Observer::observe_events(Session& session, const Timeline& timeline,
                                              const Filters& filters, const Span& span,
                                              Observations& out) const {
  store::TimelineReader& reader = *timeline.reader;
  std::uint64_t visited = 0;
  bool cancelled = false;
  const auto visit = [&](const store::StoredEvent& stored) {
    if ((++visited & 1023) == 0 && session.cancelled()) cancelled = true;
    if (cancelled) return false;
    const schema::EventView& event = stored.event;
    if (!is_within(span, event.time()) || !functions_.plans.contains(event.plan())) return true;
    if (!filters.takes(find_process(reader, event.process()), event.header().tid)) return true;
    const Plan& plan = reader.plans().at(event.plan());
    if (!observed_.type.empty()) {
      observe_object(timeline, stored, plan, out);
      return true;
    }
    const auto wanted = observed_.is_global ? schema::EventKind::kGlobal : schema::EventKind::kEntry;
    if (event.kind() != wanted) return true;
    const Binding& binding = bindings_.at(event.plan());
    CallValues values;
    add_event(values, event, plan, &binding.wanted,
              evaluation_options(reader, event.process(), event.time()));
    Subject subject = subject_of(timeline, event.process(), event.header().tid);
    const std::string thread = reader.thread_name(event.process(), event.header().tid, event.time());
    subject.thread = thread;
    subject.values = &values;
    auto value = evaluator_.evaluate(binding, subject);
    if (!value) {
      ++out.undecided;
      return true;
    }
    out.seen.push_back({event.time(), stored.sequence, stored.sequence, event.process(), event.plan(),
                        event.header().tid, std::move(*value)});
    return true;
  };
  BACKSIGHT_TRY(reader.scan(span.from, span.to, visit));
  if (cancelled) return make_error(ErrorCode::kBusy, "cancelled");
  return {};
}

void Observer::observe_object(const Timeline& timeline, const store::StoredEvent& stored, const Plan& plan,
                              Observations& out) const {
  const schema::EventView& event = stored.event;
  CallValues values;
  ValueDecoder decoder(event, plan, evaluation_options(*timeline.reader, event.process(), event.time()),
                       values.unavailable);
  for (const schema::Item& item : decoder.items().items()) {
    if (item.header.type >= plan.types.size() || item.bytes.empty()) continue;
    const schema::Type& type = plan.types[item.header.type];
    if (type.name != observed_.type || type.size_bytes == 0 || observed_.address < item.header.address)
      continue;
    const std::uint64_t offset = observed_.address - item.header.address;
    if (item.header.address == 0 || offset % type.size_bytes != 0 || offset >= item.bytes.size()) continue;
    values.args["this"] = decoder.element(item, static_cast<std::size_t>(offset / type.size_bytes), "this");
    Subject subject = subject_of(timeline, event.process(), event.header().tid);
    subject.values = &values;
    auto value = evaluator_.evaluate({}, subject);
    if (!value) {
      ++out.undecided;
      return;
    }
    out.seen.push_back({event.time(), stored.sequence, stored.sequence, event.process(), event.plan(),
                        event.header().tid, std::move(*value)});
    return;
  }
}

// Values that the return adds: seen when the call ends.
schema::Result<void> Observer::observe_calls(Session& session, const Timeline& timeline,
                                             const Filters& filters, const Span& span,
                                             Observations& out) const {
  store::TimelineReader& reader = *timeline.reader;
  CallScan scan{span, functions_.plans, filters, {}, {}};
  scan.on_call = [&](const ScannedCall& call) {
    const store::CallRef& ref = call.ref;
    const Binding& binding = bindings_.at(ref.plan);
    const Plan& plan = reader.plans().at(ref.plan);
    if (binding.needs_return && !call.exit) return true;  // not there yet, or never
    const schema::BootTime at = binding.needs_return ? ref.exit_time : ref.entry_time;
    if (!is_within(span, at)) return true;
    CallValues values;
    for (const auto& event : {call.entry, call.exit}) {
      if (event)
        add_event(values, *event, plan, &binding.wanted,
                  evaluation_options(reader, event->process(), event->time()));
    }
    Subject subject = subject_of(timeline, ref.process, ref.tid);
    const std::string thread = reader.thread_name(ref.process, ref.tid, at);
    subject.thread = thread;
    subject.values = &values;
    if (ref.entry.value != 0 && ref.exit.value != 0)
      subject.duration_ns = ref.exit_time.ns - ref.entry_time.ns;
    auto value = evaluator_.evaluate(binding, subject);
    if (!value) {
      ++out.undecided;
      return true;
    }
    const schema::Sequence shown_by = binding.needs_return ? ref.exit : ref.entry;
    out.seen.push_back({at, shown_by, ref.entry.value != 0 ? ref.entry : ref.exit, ref.process, ref.plan,
                        ref.tid, std::move(*value)});
    return true;
  };
  return scan_calls(session, timeline, scan);
}

std::vector<Change> changes_of(const Observations& observations) {
  std::unordered_map<schema::ProcessId, const Observation*> last;
  std::vector<Change> changes;
  for (const Observation& observation : observations.seen) {
    const Observation*& before = last[observation.process];
    if (before == nullptr || before->value != observation.value) changes.push_back({&observation, before});
    before = &observation;
  }
  return changes;
}

}  // namespace backsight::query
