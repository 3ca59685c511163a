// services, processes, probes, gaps: what is recorded and what is missing.
#include "query/answers.h"
#include "query/functions.h"
#include "query/render.h"
#include "query/text.h"

#include <boost/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

// The first rows that --limit lets through.
schema::Result<void> cut(Session& session, array& rows) {
  auto limit = session.limit();
  if (!limit) return limit.error();
  if (*limit && rows.size() > **limit) rows.resize(**limit);
  return {};
}

object process_row(const Timeline& timeline, const schema::Process& process) {
  array cmdline;
  for (const std::string& argument : process.cmdline) cmdline.push_back(text_value(argument));
  object row;
  row["service"] = timeline.service;
  row["pid"] = process.pid;
  row["parent_pid"] = process.parent_pid;
  row["host"] = process.host;
  row["started"] = time_value(timeline, process.started);
  row["ended"] = process.ended ? time_value(timeline, *process.ended) : value();
  row["alive"] = !process.ended;
  row["exe"] = process.exe;
  row["cmdline"] = std::move(cmdline);
  row["build_id"] = process.build_id;
  return row;
}

object probe_row(const Timeline& timeline, const schema::ProbeStatus& status) {
  object row;
  row["service"] = timeline.service;
  row["probe"] = status.probe;
  row["function"] = status.function.empty() ? value() : value(status.function);
  row["module"] = status.module_path.empty() ? value() : value(status.module_path);
  row["state"] = schema::to_string(status.state);
  row["message"] = status.message;
  const auto plan = timeline.reader->plans().find(status.plan);
  // Nothing is attached for a global.
  const bool planned = plan != timeline.reader->plans().end() && !schema::is_global(status.probe);
  row["site"] = planned ? value(hex_address(plan->second.site)) : value();
  row["site_class"] = planned ? value(schema::to_string(plan->second.site_class)) : value();
  row["return_via"] = planned ? value(schema::to_string(plan->second.return_via)) : value();
  row["cost_ns"] = status.cost_ns;
  row["hits"] = status.hits;
  row["kept"] = status.kept;
  row["rejected"] = status.rejected;
  object lost;
  for (std::size_t i = 0; i < status.lost.size() && i < schema::kLossReasonCount; ++i) {
    if (status.lost[i] != 0) lost[schema::to_string(static_cast<schema::LossReason>(i))] = status.lost[i];
  }
  row["lost"] = std::move(lost);
  row["at"] = time_value(timeline, status.at);
  return row;
}

}  // namespace

Answer answer_services(Session& session) {
  auto names = session.selected_services();
  if (!names) return names.error();
  auto spans = session.source().list_services();
  if (!spans) return spans.error();
  object answer;
  array& rows = answer["services"].emplace_array();
  for (const store::ServiceSpan& span : *spans) {
    if (std::find(names->begin(), names->end(), span.service) == names->end()) continue;
    object row;
    row["service"] = span.service;
    const bool any = span.events > 0;
    row["oldest"] = any ? value(schema::format_rfc3339(span.oldest)) : value();
    row["newest"] = any ? value(schema::format_rfc3339(span.newest)) : value();
    row["events"] = span.events;
    if (const auto reader = session.source().open_reader(span.service)) {
      std::set<std::string> functions;
      for (const auto& [id, plan] : (*reader)->plans()) functions.insert(plan.function);
      row["processes"] = (*reader)->processes().size();
      row["functions"] = functions.size();
    }
    rows.push_back(std::move(row));
  }
  BACKSIGHT_TRY(cut(session, rows));
  return answer;
}

Answer answer_processes(Session& session) {
  auto filters = session.filters();
  if (!filters) return filters.error();
  auto timelines = session.open_selected();
  if (!timelines) return timelines.error();
  object answer;
  array& rows = answer["processes"].emplace_array();
  for (const Timeline& timeline : *timelines) {
    auto span = session.span(timeline);
    if (!span) return span.error();
    std::vector<const schema::Process*> listed;
    for (const auto& [id, process] : timeline.reader->processes()) {
      const bool touches = process.started < span->to && (!process.ended || *process.ended >= span->from);
      if (touches && filters->takes_process(&process)) listed.push_back(&process);
    }
    std::sort(listed.begin(), listed.end(), [](const schema::Process* a, const schema::Process* b) {
      return std::pair(a->started, a->pid) < std::pair(b->started, b->pid);
    });
    for (const schema::Process* process : listed) rows.push_back(process_row(timeline, *process));
  }
  BACKSIGHT_TRY(cut(session, rows));
  return answer;
}

// A probe is one row without a function until its functions are known; then
// each of those has a row of its own.
bool is_superseded(const schema::ProbeStatus& status, const std::vector<schema::ProbeStatus>& all) {
  return status.function.empty() &&
         std::any_of(all.begin(), all.end(), [&](const schema::ProbeStatus& other) {
           return !other.function.empty() && other.probe == status.probe &&
                  (status.state == schema::ProbeState::kActive || other.at >= status.at);
         });
}

Answer answer_probes(Session& session) {
  auto timelines = session.open_selected();
  if (!timelines) return timelines.error();
  object answer;
  array& rows = answer["probes"].emplace_array();
  for (const Timeline& timeline : *timelines) {
    const auto& statuses = timeline.reader->probe_statuses();
    for (const schema::ProbeStatus& status : statuses) {
      if (!is_superseded(status, statuses)) rows.push_back(probe_row(timeline, status));
    }
  }
  BACKSIGHT_TRY(cut(session, rows));
  return answer;
}

Answer answer_gaps(Session& session) {
  auto filters = session.filters();
  if (!filters) return filters.error();
  auto timelines = session.open_selected();
  if (!timelines) return timelines.error();
  Completeness completeness;
  for (const Timeline& timeline : *timelines) {
    auto span = session.span(timeline);
    if (!span) return span.error();
    completeness.add(timeline, span->from, span->to, {}, *filters);
  }
  object answer;
  completeness.write(answer);
  BACKSIGHT_TRY(cut(session, answer["gaps"].get_array()));
  return answer;
}

}  // namespace backsight::query
