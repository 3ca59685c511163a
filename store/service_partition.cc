// ServiceWriter: how a partition begins, with everything that its rows need
// from before, so that older partitions can be dropped.
#include "schema/codec.h"
#include "store/bytes.h"
#include "store/frame_cursor.h"
#include "store/service_writer.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::make_error;
using schema::ProcessId;
using schema::Result;
using schema::Sequence;

namespace {

// Names carried into a new partition; the newest where there are more.
constexpr std::size_t kMaxCarriedThreads = 16'384;

template <class Visit>
void for_each_call(const Fold& fold, Visit visit) {
  for (const CallRef& call : fold.open) visit(call);
  for (const CallRef& call : fold.last) visit(call);
}

}  // namespace

void ServiceWriter::end_processes_of_earlier_boots() {
  for (auto& [id, process] : processes_) {
    if (process.ended || process.boot_id == options_.boot_id) continue;
    process.ended = BootTime{boot_base_ns_};
  }
}

// The database is made under another name and complete when it gets its own.
Result<void> ServiceWriter::begin_partition(Sequence first, const Fold& fold, BootTime timeline_newest) {
  State next;
  next.head = {kStoreVersion, options_.boot_id,          options_.host, boot_base_ns_,
               first,         schema::read_clocks().wall};
  next.name = {first, next.head.created};
  next.marks.next = first;
  next.marks.timeline_newest = timeline_newest;
  next.fold = CallFold(fold);
  next.keyframe_at = fold.at;

  KeyValues rows;
  if (state_) {
    rows = copy_rows(fold);
    auto old = std::move(state_->database);
    state_.reset();
    BACKSIGHT_TRY(old->seal());
  }
  const std::string path = path_ + "/" + next.name.to_string();
  const std::string unfinished = path + ".new";
  remove_unfinished(path_);
  {
    auto created = open_primary(unfinished, true, rocks_);
    if (!created) return created.error();
    next.database = std::move(created->database);
    state_ = std::move(next);
    BACKSIGHT_TRY(write_beginning(fold, rows));
    const std::unique_ptr<Database> database = std::move(state_->database);
    if (auto sealed = database->seal(); !sealed) {
      state_.reset();
      return sealed.error();
    }
  }
  State begun = std::move(*state_);
  state_.reset();
  std::error_code error;
  std::filesystem::rename(unfinished, path, error);
  if (error) return make_error(ErrorCode::kIo, "cannot rename " + unfinished + ": " + error.message());
  BACKSIGHT_TRY(sync_directory(path_));
  auto opened = open_primary(path, false, rocks_);
  if (!opened) return opened.error();
  begun.database = std::move(opened->database);
  state_ = std::move(begun);
  return {};
}

Result<void> ServiceWriter::write_beginning(const Fold& fold, const KeyValues& rows) {
  rocksdb::WriteBatch batch;
  put(batch, Family::kMeta, kHeadKey, encode_head(state_->head));
  put(batch, Family::kMeta, kWatermarksKey, encode_watermarks(state_->marks));
  put(batch, Family::kKeyframes, be64_signed(fold.at.ns), encode_keyframe(fold));
  for (const auto& [key, frame] : rows) batch.Put(state_->database->family(Family::kHot), key, frame);
  carry_facts(fold, batch);
  return commit(batch);
}

// Frames of one row each, for the rows that `fold` refers to.
ServiceWriter::KeyValues ServiceWriter::copy_rows(const Fold& fold) {
  std::set<Sequence> wanted;
  for_each_call(fold, [&](const CallRef& call) {
    if (call.entry.value != 0) wanted.insert(call.entry);
    if (call.exit.value != 0) wanted.insert(call.exit);
  });
  std::vector<std::pair<std::string, std::string>> out;
  FrameCodec encoder;
  FrameCursor cursor(*state_->database, codec_, {0}, [](const std::string&) {});
  for (auto next = wanted.begin(); next != wanted.end();) {
    if (!cursor.seek(*next)) break;
    next = wanted.lower_bound(cursor.info().first);
    auto rows = cursor.rows();
    Sequence sequence = cursor.info().first;
    for (auto rest = rows ? *rows : std::span<const std::byte>(); !rest.empty(); ++sequence.value) {
      const auto header = row_header(rest);
      if (wanted.contains(sequence)) {
        if (const auto row = schema::EventView::parse(rest)) keep_stack(*row);
        FrameInfo info{sequence, 1, header.size_bytes, {header.boot_ns}, {header.boot_ns}};
        encoder.encode(info, rest.first(header.size_bytes), frame_);
        out.emplace_back(be64(sequence.value), frame_);
      }
      rest = rest.subspan(header.size_bytes);
    }
    next = wanted.upper_bound(cursor.info().last());
  }
  return out;
}

void ServiceWriter::keep_stack(const schema::EventView& row) {
  const auto id = row.stack();
  if (!id || recent_stacks_.contains(id->value)) return;
  const std::string key = stack_key(*id);
  const auto sealed = state_->database->get(Family::kMeta, key);
  if (!sealed) return;
  if (const auto payload = open_value(key, *sealed)) recent_stacks_.emplace(id->value, *payload);
}

void ServiceWriter::carry_facts(const Fold& fold, rocksdb::WriteBatch& batch) {
  const auto put_meta = [&](const std::string& key, std::span<const std::byte> encoded) {
    put(batch, Family::kMeta, key, as_text(encoded));
  };
  std::set<ProcessId> processes;
  std::set<BootTime> samples;
  const auto need_clock = [&](BootTime at) {
    const auto& all = clock_.samples();
    const auto after = std::upper_bound(all.begin(), all.end(), at,
                                        [](BootTime a, const schema::ClockSample& b) { return a < b.boot; });
    if (after != all.begin()) samples.insert(std::prev(after)->boot);
  };
  for_each_call(fold, [&](const CallRef& call) {
    processes.insert(call.process);
    need_clock(call.entry_time);
    need_clock(call.exit_time);
    const auto plan = plans_.find(call.plan.value);
    if (plan == plans_.end() || !state_->plans_here.insert(call.plan.value).second) return;
    put(batch, Family::kMeta, plan_key(call.plan), plan->second);
  });
  const std::int64_t newest = state_->marks.timeline_newest.ns;
  for (const auto& [id, process] : processes_) {
    if (!process.ended || process.ended->ns + kForgetEndedNs > newest) processes.insert(id);
  }
  std::erase_if(processes_, [&](const auto& entry) { return !processes.contains(entry.first); });
  for (const auto& [id, process] : processes_) {
    put_meta(process_key(id), schema::encode(process));
    if (process.ended) state_->ending.emplace_back(id, *process.ended);
  }
  carry_threads(batch);
  carry_symbols(batch);
  carry_stacks(batch);
  for (const auto& [key, status] : statuses_) put_meta(key, schema::encode(status));
  if (!clock_.empty()) samples.insert(clock_.samples().back().boot);
  schema::ClockSeries kept;
  for (const auto& sample : clock_.samples()) {
    if (!samples.contains(sample.boot)) continue;
    put_meta(clock_key(sample), schema::encode(sample));
    kept.add(sample);
  }
  clock_ = std::move(kept);
}

void ServiceWriter::carry_threads(rocksdb::WriteBatch& batch) {
  std::erase_if(threads_, [&](const auto& entry) { return !processes_.contains(entry.first.first); });
  if (threads_.size() > kMaxCarriedThreads) {
    std::vector<BootTime> since;
    for (const auto& [key, thread] : threads_) since.push_back(thread.since);
    const auto limit = since.end() - static_cast<std::ptrdiff_t>(kMaxCarriedThreads);
    std::nth_element(since.begin(), limit, since.end());
    std::erase_if(threads_, [&](const auto& entry) { return entry.second.since < *limit; });
  }
  for (const auto& [key, thread] : threads_) {
    put(batch, Family::kMeta, thread_key(thread), as_text(schema::encode(thread)));
  }
}

void ServiceWriter::carry_stacks(rocksdb::WriteBatch& batch) {
  for (const auto& [id, encoded] : recent_stacks_) {
    put(batch, Family::kMeta, stack_key({id}), encoded);
    state_->stacks_here.insert(id);
  }
}

void ServiceWriter::carry_symbols(rocksdb::WriteBatch& batch) {
  std::erase_if(symbols_, [&](const auto& entry) { return !processes_.contains(entry.first.first); });
  for (const auto& [key, symbol] : symbols_) {
    put(batch, Family::kMeta, symbol_key(symbol), as_text(schema::encode(symbol)));
  }
}

}  // namespace backsight::store
