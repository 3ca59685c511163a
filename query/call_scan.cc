#include "query/call_scan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace backsight::query {
namespace {

using schema::BootTime;
using schema::Sequence;

// Rows of different CPUs may stand this far out of time order.
constexpr std::int64_t kReorderNs = 100'000'000;
constexpr BootTime kEnd{std::numeric_limits<std::int64_t>::max()};

BootTime shifted(BootTime time, std::int64_t by) {
  std::int64_t ns = 0;
  if (__builtin_add_overflow(time.ns, by, &ns)) return time;
  return {ns};
}

class Scanner {
 public:
  Scanner(Session& session, const Timeline& timeline, const CallScan& scan)
      : session_(session), reader_(*timeline.reader), scan_(scan) {
    for (const auto& [id, process] : reader_.processes()) {
      if (process.ended) endings_.emplace_back(*process.ended, id);
    }
    std::sort(endings_.begin(), endings_.end());
  }

  schema::Result<void> run() {
    BootTime from = scan_.span.from;
    if (!scan_.span.from_beginning) {
      BACKSIGHT_TRY(begin_with_keyframe());
      from = shifted(from, -kReorderNs);
    }
    const auto visited =
        reader_.scan(from, kEnd, [this](const store::StoredEvent& stored) { return visit(stored); });
    if (!visited) return visited.error();
    if (failed_) return *failed_;
    if (!enough_ && !past_end_) finish();
    return {};
  }

 private:
  schema::Result<void> begin_with_keyframe() {
    auto fold = reader_.fold_at(scan_.span.from);
    if (!fold) return fold.error();
    next_ = fold->next;
    for (const store::CallRef& call : fold->open) {
      if (is_chosen(call.process, call.tid, call.plan) && call.entry.value != 0) pending_[call.entry];
    }
    while (ending_ < endings_.size() && endings_[ending_].first <= scan_.span.from) ++ending_;
    fold_ = store::CallFold(*fold);
    return {};
  }

  bool is_chosen(schema::ProcessId process, std::uint32_t tid, schema::PlanId plan) const {
    return scan_.plans.contains(plan) && scan_.filters.takes(find_process(reader_, process), tid);
  }

  bool visit(const store::StoredEvent& stored) {
    const schema::EventHeader& header = stored.event.header();
    if (stored.sequence < next_) return true;
    if ((++visited_ & 1023) == 0 && !may_continue(stored.sequence)) return false;
    const BootTime at = stored.event.time();
    while (ending_ < endings_.size() && endings_[ending_].first <= at) end_process(endings_[ending_++]);
    if (at >= scan_.span.to && !beyond_end(at)) return false;
    if (stored.event.kind() == schema::EventKind::kEntry && at < scan_.span.to &&
        is_chosen(stored.event.process(), header.tid, stored.event.plan())) {
      const auto row = stored.event.row();
      pending_[stored.sequence].assign(row.begin(), row.end());
    }
    current_ = &stored;
    fold_.apply(stored.sequence, header, [this](const store::FinishedCall& done) { deliver(done); });
    current_ = nullptr;
    return !enough_;
  }

  bool may_continue(Sequence sequence) {
    if (session_.cancelled()) {
      failed_ = schema::make_error(schema::ErrorCode::kBusy, "cancelled");
      return false;
    }
    if (scan_.on_progress && at_least_one_delivered_) {
      if (!scan_.on_progress(pending_.empty() ? sequence : pending_.begin()->first)) enough_ = true;
    }
    return !enough_;
  }

  // Past the span only the chosen calls that are still open matter.
  bool beyond_end(BootTime at) {
    if (at < shifted(scan_.span.to, kReorderNs)) return true;
    if (!pending_.empty() && !still_open_known_) {
      still_open_known_ = true;
      deliver_never_ended();
    }
    if (!pending_.empty()) return true;
    past_end_ = true;
    return false;
  }

  // Calls that are open to the end of the record need no reading up to there.
  void deliver_never_ended() {
    const auto last = reader_.fold_at(kEnd);
    if (!last) return;
    for (const store::CallRef& call : last->open) {
      if (call.exit_time == BootTime{} && pending_.contains(call.entry)) {
        deliver({call, store::ExitKind::kOpen});
      }
    }
  }

  void end_process(const std::pair<BootTime, schema::ProcessId>& ending) {
    fold_.process_ended(ending.second, ending.first,
                        [this](const store::FinishedCall& done) { deliver(done); });
  }

  void finish() {
    while (ending_ < endings_.size()) end_process(endings_[ending_++]);
    fold_.settle([this](const store::FinishedCall& done) { deliver(done); });
    const store::Fold rest = fold_.snapshot(kEnd, {});
    for (const store::CallRef& call : rest.open) deliver({call, store::ExitKind::kOpen});
  }

  bool intersects(const store::FinishedCall& done) const {
    const Span& span = scan_.span;
    const bool is_open = done.exit_kind == store::ExitKind::kOpen;
    if (done.call.entry.value == 0) return done.call.exit_time >= span.from && done.call.exit_time < span.to;
    if (done.call.entry_time >= span.from) return done.call.entry_time < span.to;
    return is_open || done.call.exit_time > span.from;
  }

  void deliver(const store::FinishedCall& done) {
    if (enough_) return;
    if (!is_chosen(done.call.process, done.call.tid, done.call.plan)) return;
    std::vector<std::byte> entry_row;
    if (done.call.entry.value != 0) {
      const auto found = pending_.find(done.call.entry);
      if (found == pending_.end()) return;  // delivered, or begun after the span
      entry_row = std::move(found->second);
      pending_.erase(found);
    }
    if (!intersects(done)) return;
    ScannedCall call{done.call, done.exit_kind, std::nullopt, std::nullopt};
    if (entry_row.empty() && done.call.entry.value != 0) {
      entry_row = load_row(reader_, done.call.entry).value_or(std::vector<std::byte>());
    }
    if (const auto view = schema::EventView::parse(entry_row)) call.entry = *view;
    std::vector<std::byte> exit_row;
    if (current_ != nullptr && done.call.exit == current_->sequence) {
      call.exit = current_->event;
    } else if (done.call.exit.value != 0) {
      exit_row = load_row(reader_, done.call.exit).value_or(std::vector<std::byte>());
      if (const auto view = schema::EventView::parse(exit_row)) call.exit = *view;
    }
    at_least_one_delivered_ = true;
    if (!scan_.on_call(call)) enough_ = true;
  }

  Session& session_;
  store::TimelineReader& reader_;
  const CallScan& scan_;
  store::CallFold fold_;
  Sequence next_{};
  std::vector<std::pair<BootTime, schema::ProcessId>> endings_;
  std::size_t ending_ = 0;
  // Chosen open calls by entry; the row is empty where it has to be loaded.
  std::map<Sequence, std::vector<std::byte>> pending_;
  const store::StoredEvent* current_ = nullptr;
  std::uint64_t visited_ = 0;
  bool enough_ = false, past_end_ = false, still_open_known_ = false, at_least_one_delivered_ = false;
  std::optional<schema::Error> failed_;
};

}  // namespace

std::optional<std::vector<std::byte>> load_row(store::TimelineReader& reader, Sequence sequence) {
  auto row = reader.load(sequence);
  if (!row) return std::nullopt;
  return std::move(*row);
}

schema::Result<void> scan_calls(Session& session, const Timeline& timeline, const CallScan& scan) {
  return Scanner(session, timeline, scan).run();
}

}  // namespace backsight::query
