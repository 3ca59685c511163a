// calls FUNCTION [--where E]
#include "query/answers.h"
#include "query/evaluate.h"
#include "query/functions.h"
#include "query/render.h"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace backsight::query {
namespace {

using schema::Plan;
using schema::PlanId;

// One timeline's part of the answer, in order of entry.
class CallsOf {
 public:
  CallsOf(Session& session, const Timeline& timeline, const Evaluator* where,
          std::optional<std::uint64_t> limit)
      : session_(session), timeline_(timeline), where_(where), limit_(limit) {}

  schema::Result<void> run(const ChosenFunctions& functions, const Filters& filters) {
    auto span = session_.span(timeline_);
    if (!span) return span.error();
    span_ = *span;
    if (functions.plans.empty()) return {};
    if (where_ != nullptr) {
      for (const PlanId id : functions.plans) bindings_.emplace(id, where_->bind(plan(id)));
    }
    CallScan scan{*span, functions.plans, filters, {}, {}};
    scan.on_call = [this](const ScannedCall& call) {
      take(call);
      return true;
    };
    scan.on_progress = [this](schema::Sequence all_below) { return !is_full(all_below); };
    return scan_calls(session_, timeline_, scan);
  }

  const Span& span() const { return span_; }
  std::uint64_t undecided() const { return undecided_; }
  // By time of entry, with the row.
  std::multimap<schema::BootTime, boost::json::object>& rows() { return rows_; }

 private:
  const Plan& plan(PlanId id) const { return timeline_.reader->plans().at(id); }

  void take(const ScannedCall& call) {
    const Plan& call_plan = plan(call.ref.plan);
    if (where_ != nullptr) {
      const auto decided = decide(call, call_plan);
      if (!decided) ++undecided_;
      if (!decided || !*decided) return;
    }
    const schema::BootTime at = call.ref.entry.value != 0 ? call.ref.entry_time : call.ref.exit_time;
    if (limit_ && rows_.size() >= *limit_) {
      if (rows_.rbegin()->first <= at) return;
      rows_.erase(std::prev(rows_.end()));
    }
    rows_.emplace(at, call_row(timeline_, call, call_plan, decode_call(timeline_, call, call_plan)));
    newest_ = std::max(newest_, std::max(call.ref.entry, call.ref.exit));
  }

  std::optional<bool> decide(const ScannedCall& call, const Plan& call_plan) const {
    const Binding& binding = bindings_.at(call.ref.plan);
    CallValues values;
    const auto add = [&](const schema::EventView& event) {
      add_event(values, event, call_plan, &binding.wanted,
                evaluation_options(*timeline_.reader, event.process(), event.time()));
    };
    if (call.entry && binding.needs_entry) add(*call.entry);
    if (call.exit && binding.needs_return) add(*call.exit);
    const schema::Process* process = find_process(*timeline_.reader, call.ref.process);
    const schema::BootTime at = call.ref.entry.value != 0 ? call.ref.entry_time : call.ref.exit_time;
    const std::string thread = timeline_.reader->thread_name(call.ref.process, call.ref.tid, at);
    Subject subject{&values, process == nullptr ? 0 : process->pid, call.ref.tid, thread, {}, {}};
    if (process != nullptr) subject.host = process->host;
    if (call.ref.entry.value != 0 && call.ref.exit.value != 0) {
      subject.duration_ns = call.ref.exit_time.ns - call.ref.entry_time.ns;
    }
    return where_->test(binding, subject);
  }

  bool is_full(schema::Sequence all_below) const {
    return limit_ && rows_.size() >= *limit_ && newest_ < all_below;
  }

  Session& session_;
  const Timeline& timeline_;
  const Evaluator* where_;
  std::optional<std::uint64_t> limit_;
  Span span_;
  std::map<PlanId, Binding> bindings_;
  std::multimap<schema::BootTime, boost::json::object> rows_;
  schema::Sequence newest_;
  std::uint64_t undecided_ = 0;
};

std::vector<const Plan*> plans_of(const std::vector<Timeline>& timelines,
                                  const std::vector<ChosenFunctions>& chosen) {
  std::vector<const Plan*> plans;
  for (std::size_t i = 0; i < timelines.size(); ++i) {
    for (const PlanId id : chosen[i].plans) plans.push_back(&timelines[i].reader->plans().at(id));
  }
  return plans;
}

}  // namespace

Answer answer_calls(Session& session) {
  const std::string& pattern = session.request().positionals.at(0);
  auto filters = session.filters();
  if (!filters) return filters.error();
  auto limit = session.limit();
  if (!limit) return limit.error();
  auto timelines = session.open_selected();
  if (!timelines) return timelines.error();
  std::vector<ChosenFunctions> chosen;
  bool known = false;
  for (const Timeline& timeline : *timelines) {
    chosen.push_back(choose_functions(*timeline.reader, pattern));
    known = known || chosen.back().known;
  }
  if (!known) return unknown_function(*timelines, pattern);

  std::optional<Evaluator> where;
  if (const auto text = session.option("where")) {
    auto compiled = Evaluator::compile(*text);
    if (!compiled) return compiled.error().within("--where");
    where = std::move(*compiled);
    if (auto checked = where->check(plans_of(*timelines, chosen)); !checked)
      return checked.error().within("--where");
  }

  std::multimap<schema::WallTime, boost::json::object> rows;
  Completeness completeness;
  std::uint64_t undecided = 0;
  for (std::size_t i = 0; i < timelines->size(); ++i) {
    const Timeline& timeline = (*timelines)[i];
    CallsOf calls(session, timeline, where ? &*where : nullptr, *limit);
    BACKSIGHT_TRY(calls.run(chosen[i], *filters));
    for (auto& [at, row] : calls.rows()) rows.emplace(timeline.reader->clock().to_wall(at), std::move(row));
    undecided += calls.undecided();
    if (chosen[i].known)
      completeness.add(timeline, calls.span().from, calls.span().to, chosen[i].probes, *filters);
  }
  boost::json::object answer;
  completeness.write(answer);
  if (where) answer["undecided"] = undecided;
  boost::json::array& out = answer["calls"].emplace_array();
  for (auto& [at, row] : rows) {
    if (!*limit || out.size() < **limit) out.push_back(std::move(row));
  }
  return answer;
}

}  // namespace backsight::query
