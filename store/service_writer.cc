#include "store/service_writer.h"

#include "schema/codec.h"
#include "store/bytes.h"
#include "store/frame_cursor.h"

#include <algorithm>
#include <filesystem>

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;
using schema::Sequence;

namespace {

// A keyframe at least every so many rows; more often where it is small beside them.
constexpr std::uint64_t kKeyframeRows = 32'768;
constexpr std::uint64_t kLeastKeyframeRows = 4'096;
constexpr std::uint64_t kRowsPerCall = 8;
constexpr std::uint64_t kMaxFrameRows = kFrameRawBytes / sizeof(schema::EventHeader);
constexpr std::size_t kMaxKnownStacks = 1 << 20;  // more are written again
constexpr std::size_t kMaxRecentStacks = 65'536;  // rows of one append are fewer
constexpr std::int64_t kKeyframeNs = 10'000'000'000;

Result<void> validate(std::span<const std::byte> rows) {
  std::size_t at = 0;
  while (at < rows.size()) {
    auto event = schema::EventView::parse(rows.subspan(at));
    if (!event || event->row().size() > kMaxFrameRawBytes) {
      const std::string why = event ? "too large" : event.error().message;
      return make_error(ErrorCode::kInvalid, "rows to append, at byte " + std::to_string(at) + ": " + why);
    }
    at += event->row().size();
  }
  return {};
}

}  // namespace

ServiceWriter::ServiceWriter(const StoreOptions& options, const RocksShared& rocks, std::int64_t boot_base_ns,
                             const std::string& service)
    : options_(options),
      rocks_(rocks),
      boot_base_ns_(boot_base_ns),
      path_(service_directory(options.path, service)) {}

Result<std::unique_ptr<ServiceWriter>> ServiceWriter::open(const StoreOptions& options,
                                                           const RocksShared& rocks,
                                                           std::int64_t boot_base_ns,
                                                           const std::string& service) {
  std::unique_ptr<ServiceWriter> writer(new ServiceWriter(options, rocks, boot_base_ns, service));
  std::error_code error;
  std::filesystem::create_directories(writer->path_, error);
  if (error) return make_error(ErrorCode::kIo, "cannot create " + writer->path_ + ": " + error.message());
  remove_unfinished(writer->path_);
  BACKSIGHT_TRY(writer->ready());
  return writer;
}

// Loads the state where there is none: at first, and after an error.
Result<void> ServiceWriter::ready() {
  if (state_) return {};
  const auto partitions = find_partitions(path_);
  if (partitions.empty()) return begin_partition({1}, empty_fold({1}), kBeginning);
  BACKSIGHT_TRY(load_last(partitions.back()));
  if (state_->head.boot_id == options_.boot_id) return {};
  end_processes_of_earlier_boots();
  return begin_partition(state_->marks.next,
                         state_->fold.snapshot(state_->marks.timeline_newest, state_->marks.next),
                         state_->marks.timeline_newest);
}

Result<void> ServiceWriter::roll_if_due() {
  const State& state = *state_;
  const std::int64_t age = schema::read_clocks().wall.ns - state.head.created.ns;
  if (state.marks.rows == 0 || (age < options_.partition_ns && age > -options_.partition_ns)) return {};
  const Fold fold = state.fold.snapshot(state.marks.timeline_newest, state.marks.next);
  return begin_partition(state.marks.next, fold, state.marks.timeline_newest);
}

Result<Sequence> ServiceWriter::append(std::span<const std::byte> rows, StoreWriter::Counters& counters) {
  BACKSIGHT_TRY(validate(rows));
  BACKSIGHT_TRY(ready());
  BACKSIGHT_TRY(roll_if_due());
  batch_.Clear();
  StoreWriter::Counters counted = counters;
  while (!rows.empty()) append_frame(rows, counted);
  if (batch_.Count() > 0) {
    put(batch_, Family::kMeta, kWatermarksKey, encode_watermarks(state_->marks));
    BACKSIGHT_TRY(commit(batch_));
  }
  recent_stacks_.clear();
  counters = counted;
  return Sequence{state_->marks.next.value - 1};
}

// Takes one frame's rows from `rest`.
void ServiceWriter::append_frame(std::span<const std::byte>& rest, StoreWriter::Counters& counters) {
  static const CallFold::OnFinished kNobody;
  State& state = *state_;
  Watermarks& marks = state.marks;
  FrameInfo info;
  info.first = marks.next;
  info.tmin = {INT64_MAX};
  info.tmax = {INT64_MIN};
  std::size_t size = 0;
  std::uint64_t plan = 0;
  while (size < rest.size()) {
    const schema::EventHeader header = row_header(rest.subspan(size));
    if (size > 0 && size + header.size_bytes > kFrameRawBytes) break;
    if (header.plan != plan) need_plan({plan = header.plan});
    info.tmin = std::min(info.tmin, BootTime{header.boot_ns});
    info.tmax = std::max(info.tmax, BootTime{header.boot_ns});
    state.fold.apply(marks.next, header, kNobody);
    ++marks.next.value;
    ++info.rows;
    size += header.size_bytes;
    if (info.tmax.ns - info.tmin.ns >= kKeyframeNs / 2) break;
  }
  info.raw_bytes = static_cast<std::uint32_t>(size);
  codec_.encode(info, rest.first(size), frame_);
  rest = rest.subspan(size);
  batch_.Put(state.database->family(Family::kHot), slice(be64(info.first.value)), frame_);

  marks.rows += info.rows;
  marks.raw_bytes += size;
  marks.frames += 1;
  marks.frame_bytes += frame_.size();
  marks.oldest = std::min(marks.oldest, info.tmin);
  marks.newest = std::max(marks.newest, info.tmax);
  marks.timeline_newest = std::max(marks.timeline_newest, info.tmax);
  counters.rows += info.rows;
  counters.raw_bytes += size;
  counters.frames += 1;
  counters.frame_bytes += frame_.size();
  state.rows_since_keyframe += info.rows;
  fold_endings();
  if (keyframe_due()) add_keyframe();
}

bool ServiceWriter::keyframe_due() const {
  const BootTime newest = state_->marks.timeline_newest;
  if (newest <= state_->keyframe_at) return false;  // its key would replace the last one
  const std::uint64_t calls = state_->fold.open_calls() + state_->fold.last_calls();
  const std::uint64_t interval = std::clamp(calls * kRowsPerCall, kLeastKeyframeRows, kKeyframeRows);
  if (state_->rows_since_keyframe + kMaxFrameRows > interval) return true;
  return state_->keyframe_at == kBeginning || newest.ns - state_->keyframe_at.ns >= kKeyframeNs / 2;
}

void ServiceWriter::add_keyframe() {
  State& state = *state_;
  const BootTime at = state.marks.timeline_newest;
  forget_ended(state.fold, processes_, at);
  put(batch_, Family::kKeyframes, be64_signed(at.ns),
      encode_keyframe(state.fold.snapshot(at, state.marks.next)));
  state.keyframe_at = at;
  state.rows_since_keyframe = 0;
}

// An end may overtake the rows before it, so it is folded in with a delay.
void ServiceWriter::fold_endings() {
  const BootTime newest = state_->marks.timeline_newest;
  std::erase_if(state_->ending, [&](const auto& ending) {
    if (newest.ns <= ending.second.ns + kOrderSlackNs) return false;
    state_->fold.process_ended(ending.first, ending.second, {});
    return true;
  });
}

void ServiceWriter::need_plan(schema::PlanId id) {
  if (state_->plans_here.contains(id.value)) return;
  state_->plans_here.insert(id.value);
  const auto found = plans_.find(id.value);
  if (found != plans_.end()) put(batch_, Family::kMeta, plan_key(id), found->second);
}

Result<void> ServiceWriter::put_plan(schema::PlanId id, std::span<const std::byte> encoded) {
  BACKSIGHT_TRY(ready());
  plans_.try_emplace(id.value, as_text(encoded));
  if (state_->plans_here.contains(id.value) && get_fact(plan_key(id))) return {};
  BACKSIGHT_TRY(put_fact(plan_key(id), encoded));
  state_->plans_here.insert(id.value);
  return {};
}

Result<void> ServiceWriter::put_process(const schema::Process& process) {
  BACKSIGHT_TRY(ready());
  const auto known = processes_.find(process.id);
  if (known != processes_.end() && known->second == process) return {};
  BACKSIGHT_TRY(put_fact(process_key(process.id), schema::encode(process)));
  processes_[process.id] = process;
  std::erase_if(state_->ending, [&](const auto& ending) { return ending.first == process.id; });
  if (process.ended) state_->ending.emplace_back(process.id, *process.ended);
  return {};
}

Result<void> ServiceWriter::put_thread(const schema::Thread& thread) {
  BACKSIGHT_TRY(ready());
  const auto known = threads_.find({thread.process, thread.tid});
  if (known != threads_.end() && known->second == thread) return {};
  BACKSIGHT_TRY(put_fact(thread_key(thread), schema::encode(thread)));
  threads_[{thread.process, thread.tid}] = thread;
  return {};
}

Result<void> ServiceWriter::put_symbol(const schema::CodeSymbol& symbol) {
  BACKSIGHT_TRY(ready());
  const auto known = symbols_.find({symbol.process, symbol.address});
  if (known != symbols_.end() && known->second == symbol) return {};
  BACKSIGHT_TRY(put_fact(symbol_key(symbol), schema::encode(symbol)));
  symbols_[{symbol.process, symbol.address}] = symbol;
  return {};
}

// A partition may begin between a stack and its rows: it then takes the stack along.
Result<void> ServiceWriter::put_stack(schema::StackId id, std::span<const std::byte> encoded) {
  BACKSIGHT_TRY(ready());
  if (recent_stacks_.size() >= kMaxRecentStacks) recent_stacks_.clear();
  recent_stacks_.try_emplace(id.value, as_text(encoded));
  if (state_->stacks_here.contains(id.value)) return {};
  BACKSIGHT_TRY(put_fact(stack_key(id), encoded));
  if (state_->stacks_here.size() >= kMaxKnownStacks) state_->stacks_here.clear();
  state_->stacks_here.insert(id.value);
  return {};
}

Result<void> ServiceWriter::put_gap(const schema::Gap& gap) {
  BACKSIGHT_TRY(ready());
  if (get_fact(gap_key(gap))) return {};
  return put_fact(gap_key(gap), schema::encode(gap));
}

Result<void> ServiceWriter::put_probe_status(const schema::ProbeStatus& status) {
  BACKSIGHT_TRY(ready());
  const std::string key = status_key(status);
  const auto known = statuses_.find(key);
  if (known != statuses_.end() && known->second == status) return {};
  BACKSIGHT_TRY(put_fact(key, schema::encode(status)));
  statuses_[key] = status;
  return {};
}

Result<void> ServiceWriter::put_clock(const schema::ClockSample& sample) {
  BACKSIGHT_TRY(ready());
  if (!clock_.empty() && clock_.samples().back().boot >= sample.boot) return {};
  BACKSIGHT_TRY(put_fact(clock_key(sample), schema::encode(sample)));
  clock_.add(sample);
  return {};
}

Result<void> ServiceWriter::flush() {
  if (!state_) return {};
  const auto status = state_->database->db().SyncWAL();
  if (status.ok()) return {};
  state_.reset();
  return to_error(status, path_);
}

bool ServiceWriter::get_fact(std::string_view key) const {
  return state_->database->get(Family::kMeta, key).has_value();
}

void ServiceWriter::put(rocksdb::WriteBatch& batch, Family family, std::string_view key,
                        std::string_view payload) const {
  batch.Put(state_->database->family(family), slice(key), seal_value(key, payload));
}

Result<void> ServiceWriter::put_fact(std::string_view key, std::span<const std::byte> encoded) {
  rocksdb::WriteBatch batch;
  put(batch, Family::kMeta, key, as_text(encoded));
  return commit(batch);
}

// After an error nothing in memory can be relied on, and RocksDB refuses
// further writes: closed here, loaded again by the next call.
Result<void> ServiceWriter::commit(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = options_.durability == Durability::kPower;
  const auto status = state_->database->db().Write(options, &batch);
  if (status.ok()) return {};
  state_.reset();
  return to_error(status, path_);
}

}  // namespace backsight::store
