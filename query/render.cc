#include "query/render.h"

#include <boost/json.hpp>

#include <utility>

namespace backsight::query {

using boost::json::object;
using schema::BootTime;

boost::json::value time_value(const Timeline& timeline, BootTime at) {
  return boost::json::value(
      boost::json::string(schema::format_rfc3339(timeline.reader->clock().to_wall(at))));
}

object unavailable_object(const UnavailableMap& unavailable) {
  object out;
  out.reserve(unavailable.size());
  for (const auto& [path, reason] : unavailable) out.emplace(path, reason);
  return out;
}

DecodeOptions decode_options(const store::TimelineReader& reader, schema::ProcessId process, BootTime at) {
  DecodeOptions options;
  options.code_name = [&reader, process, at](std::uint64_t address) {
    return reader.code_name(process, address, at);
  };
  return options;
}

DecodeOptions evaluation_options(const store::TimelineReader& reader, schema::ProcessId process,
                                 BootTime at) {
  DecodeOptions options = decode_options(reader, process, at);
  options.repeat_objects = true;
  return options;
}

CallValues decode_call(const Timeline& timeline, const ScannedCall& call, const schema::Plan& plan) {
  CallValues values;
  for (const auto& event : {call.entry, call.exit}) {
    if (!event) continue;
    add_event(values, *event, plan, nullptr,
              decode_options(*timeline.reader, event->process(), event->time()));
  }
  return values;
}

std::string call_event_id(const Timeline& timeline, const store::CallRef& call) {
  return event_id(timeline.service, call.entry.value != 0 ? call.entry : call.exit);
}

object call_row(const Timeline& timeline, const ScannedCall& call, const schema::Plan& plan,
                CallValues values) {
  const store::TimelineReader& reader = *timeline.reader;
  const store::CallRef& ref = call.ref;
  const bool entered = ref.entry.value != 0, exited = ref.exit_time != BootTime{};
  const BootTime at = entered ? ref.entry_time : ref.exit_time;
  object row;
  row["event"] = call_event_id(timeline, ref);
  row["service"] = timeline.service;
  const schema::Process* process = find_process(reader, ref.process);
  row["host"] = process == nullptr ? boost::json::value() : boost::json::value(process->host);
  row["process"] = process == nullptr
                       ? boost::json::value()
                       : object{{"pid", process->pid}, {"started", time_value(timeline, process->started)}};
  row["thread"] = object{
      {"tid", ref.tid}, {"name", reader.thread_name(ref.process, ref.tid, at)}, {"goroutine", nullptr}};
  row["function"] = plan.function;
  row["signature"] = plan.signature;
  row["source"] = object{{"file", plan.source.file}, {"line", plan.source.line}};
  row["entry"] = entered ? time_value(timeline, ref.entry_time) : boost::json::value();
  row["exit"] = exited ? time_value(timeline, ref.exit_time) : boost::json::value();
  // An inferred exit bounds the call's end; its duration was not seen.
  const bool measured = entered && ref.exit.value != 0;
  row["duration_ns"] =
      measured ? boost::json::value(ref.exit_time.ns - ref.entry_time.ns) : boost::json::value();
  row["exit_kind"] = store::to_string(call.exit_kind);
  row["args"] = std::move(values.args);
  row["return"] = std::move(values.result);
  row["unavailable"] = unavailable_object(values.unavailable);
  add_stack(row, timeline, call, plan);
  return row;
}

object gap_row(const Timeline& timeline, const schema::Gap& gap) {
  object row;
  row["from"] = time_value(timeline, gap.from);
  row["to"] = time_value(timeline, gap.to);
  row["reason"] = schema::to_string(gap.reason);
  row["lost"] = gap.lost;
  row["probe"] = gap.probe.empty() ? boost::json::value() : boost::json::value(gap.probe);
  row["process"] = gap.pid ? boost::json::value(*gap.pid) : boost::json::value();
  row["service"] = timeline.service;
  return row;
}

void Completeness::add(const Timeline& timeline, BootTime from, BootTime to,
                       const std::set<std::string>& probes, const Filters& filters) {
  for (const schema::Gap& gap : timeline.reader->gaps()) {
    if (gap.to < from || gap.from > to) continue;
    if (!gap.probe.empty() && !probes.empty() && !probes.contains(gap.probe)) continue;
    if (gap.pid && filters.pid && *gap.pid != *filters.pid) continue;
    complete_ = false;
    gaps_.push_back(gap_row(timeline, gap));
  }
  for (const store::Damage& damage : timeline.reader->damage()) {
    complete_ = false;
    damage_.push_back(object{{"file", damage.file}, {"what", damage.what}});
  }
}

void Completeness::write(object& answer) {
  answer["complete"] = complete_;
  answer["gaps"] = std::move(gaps_);
  if (!damage_.empty()) answer["damage"] = std::move(damage_);
}

}  // namespace backsight::query
