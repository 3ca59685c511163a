// history EXPR, last EXPR --before T
#include "query/answers.h"
#include "query/observations.h"
#include "query/render.h"

#include <boost/json.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using schema::BootTime;

object change_row(const Timeline& timeline, const Change& change) {
  const Observation& now = *change.now;
  const schema::Process* process = find_process(*timeline.reader, now.process);
  object row;
  row["at"] = time_value(timeline, now.at);
  row["old"] = change.before == nullptr ? value() : change.before->value;
  row["new"] = now.value;
  // No earlier observation in the span: `old` is not known.
  if (change.before == nullptr) row["first"] = true;
  row["event"] = event_id(timeline.service, now.call);
  row["function"] = timeline.reader->plans().at(now.plan).function;
  // No thread shows a global: it was read from outside.
  row["thread"] = now.tid == 0
                      ? value()
                      : value(object{{"tid", now.tid},
                                     {"name", timeline.reader->thread_name(now.process, now.tid, now.at)}});
  row["process"] = process == nullptr ? value() : value(object{{"pid", process->pid}});
  row["service"] = timeline.service;
  return row;
}

// The call that showed an observation, as `calls` shows it.
schema::Result<value> call_of(Session& session, const Timeline& timeline, const Observation& seen) {
  auto row = load_row(*timeline.reader, seen.call);
  if (!row) return value();
  const auto event = schema::EventView::parse(*row);
  if (!event) return value();
  Span span{event->time(), {event->time().ns + 1}, false, false};
  value shown;
  CallScan scan{span, {seen.plan}, {}, {}, {}};
  scan.on_call = [&](const ScannedCall& call) {
    if (call.ref.entry != seen.call && call.ref.exit != seen.call) return true;
    const schema::Plan& plan = timeline.reader->plans().at(seen.plan);
    shown = call_row(timeline, call, plan, decode_call(timeline, call, plan));
    return false;
  };
  BACKSIGHT_TRY(scan_calls(session, timeline, scan));
  return shown;
}

// When the first event of the timeline was.
schema::Result<BootTime> first_time(store::TimelineReader& reader) {
  BootTime first{std::numeric_limits<std::int64_t>::max()};
  const auto visited =
      reader.scan({std::numeric_limits<std::int64_t>::min()}, first, [&](const store::StoredEvent& stored) {
        first = stored.event.time();
        return false;
      });
  if (!visited) return visited.error();
  return first;
}

struct Asked {
  Filters filters;
  Timeline timeline;
  ObservedExpression observed;
};

schema::Result<Asked> parse(Session& session) {
  auto observed = parse_observed(session.request().positionals.at(0));
  if (!observed) return observed.error();
  auto filters = session.filters();
  if (!filters) return filters.error();
  auto timeline = session.open_one();
  if (!timeline) return timeline.error();
  return Asked{std::move(*filters), std::move(*timeline), std::move(*observed)};
}

}  // namespace

Answer answer_history(Session& session) {
  auto limit = session.limit();
  if (!limit) return limit.error();
  auto asked = parse(session);
  if (!asked) return asked.error();
  auto span = session.span(asked->timeline);
  if (!span) return span.error();
  auto observer = Observer::create(asked->timeline, asked->observed);
  if (!observer) return observer.error();
  auto observations = observer->observe(session, asked->timeline, asked->filters, *span);
  if (!observations) return observations.error();
  object answer;
  Completeness completeness;
  completeness.add(asked->timeline, span->from, span->to, observer->functions().probes, asked->filters);
  completeness.write(answer);
  answer["undecided"] = observations->undecided;
  array& rows = answer["changes"].emplace_array();
  for (const Change& change : changes_of(*observations)) {
    if (*limit && rows.size() >= **limit) break;
    rows.push_back(change_row(asked->timeline, change));
  }
  return answer;
}

// Spans that end at T and grow eightfold, until the last row of one is a change
// from a value seen in it: what lies before cannot alter it.
Answer answer_last(Session& session) {
  auto asked = parse(session);
  if (!asked) return asked.error();
  auto before = session.time_option("before");
  if (!before) return before.error();
  const Timeline& timeline = asked->timeline;
  const BootTime to = timeline.reader->clock().to_boot(before->value_or(session.now()));
  auto observer = Observer::create(timeline, asked->observed);
  if (!observer) return observer.error();
  auto first = first_time(*timeline.reader);
  if (!first) return first.error();
  object answer;
  array rows;
  std::uint64_t undecided = 0;
  BootTime from = to;
  for (std::int64_t length_ns = 1'000'000'000; from > *first; length_ns *= 8) {
    const bool is_whole = to.ns - first->ns <= length_ns;
    from = is_whole ? *first : BootTime{to.ns - length_ns};
    const Span span{from, to, is_whole, false};
    auto observations = observer->observe(session, timeline, asked->filters, span);
    if (!observations) return observations.error();
    undecided = observations->undecided;
    const auto changes = changes_of(*observations);
    if (changes.empty() || (changes.back().before == nullptr && !is_whole)) continue;
    object row = change_row(timeline, changes.back());
    auto call = call_of(session, timeline, *changes.back().now);
    if (!call) return call.error();
    row["call"] = std::move(*call);
    from = changes.back().before == nullptr ? from : changes.back().before->at;
    rows.push_back(std::move(row));
    break;
  }
  Completeness completeness;
  completeness.add(timeline, from, to, observer->functions().probes, asked->filters);
  completeness.write(answer);
  answer["undecided"] = undecided;
  answer["changes"] = std::move(rows);
  return answer;
}

}  // namespace backsight::query
