// ServiceWriter: reading back what a partition holds, to go on from there.
#include "schema/codec.h"
#include "store/bytes.h"
#include "store/frame_cursor.h"
#include "store/partition_reader.h"
#include "store/service_writer.h"

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::Result;
using schema::Sequence;

namespace {

// Sequences after a damaged partition, whose last one is not known, begin here.
Sequence beyond(Sequence first) {
  return {(first.value | ((1ull << 40) - 1)) + 1};
}

}  // namespace

Result<void> ServiceWriter::load_last(const PartitionName& name) {
  auto opened = open_primary(path_ + "/" + name.to_string(), false, rocks_);
  if (!opened) {
    const auto code = opened.error().code;
    if (code != ErrorCode::kCorrupt && code != ErrorCode::kNotFound) return opened.error();
    return begin_after_damage(name);
  }
  const LogEnd log_end = opened->log_end;
  auto loaded = load_state(std::move(*opened), name);
  if (!loaded) {
    state_.reset();
    const auto code = loaded.error().code;
    if (code != ErrorCode::kCorrupt && code != ErrorCode::kNotFound) return loaded;
    return begin_after_damage(name);
  }
  if (log_end == LogEnd::kDamaged) return put_gap(damage_gap(state_->marks.timeline_newest));
  return {};
}

Result<void> ServiceWriter::load_state(OpenedDatabase opened, const PartitionName& name) {
  state_.emplace();
  state_->database = std::move(opened.database);
  state_->name = name;
  auto head = load_head(*state_->database);
  if (!head) return head.error();
  auto marks = load_watermarks(*state_->database);
  if (!marks) return marks.error();
  state_->head = *head;
  state_->marks = *marks;
  load_facts();
  load_fold();
  return {};
}

// Damaged entries are left out here; readers and verify() report them.
void ServiceWriter::load_facts() {
  Facts facts;
  const auto entries = state_->database->iterate(Family::kMeta);
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    const std::string_view key = view(entries->key());
    if (!key.empty() && key[0] == 'P' && key.size() == 9) {
      const auto payload = open_value(key, view(entries->value()));
      if (!payload) continue;
      const std::uint64_t id = read_be64(key.substr(1));
      state_->plans_here.insert(id);
      plans_.try_emplace(id, *payload);
      continue;
    }
    if (key.size() == 9 && key[0] == 'K') state_->stacks_here.insert(read_be64(key.substr(1)));
    (void)facts.add(key, view(entries->value()));
  }
  for (auto& [id, process] : facts.processes) {
    if (process.ended) state_->ending.emplace_back(id, *process.ended);
    processes_.insert_or_assign(id, std::move(process));
  }
  for (auto& [key, names] : facts.threads) {
    auto& [since, name] = *names.rbegin();
    threads_.insert_or_assign(key, schema::Thread{key.first, key.second, name, since});
  }
  for (auto& [key, names] : facts.symbols) {
    auto& [since, name] = *names.rbegin();
    symbols_.insert_or_assign(key, schema::CodeSymbol{key.first, key.second, since, name});
  }
  for (auto& [key, status] : facts.statuses) statuses_.insert_or_assign(key, std::move(status));
  for (const auto& [boot, sample] : facts.clock) clock_.add(sample);
}

// From the last keyframe that can be read.
void ServiceWriter::load_fold() {
  State& state = *state_;
  Sequence next = state.head.first;
  const auto keyframes = state.database->iterate(Family::kKeyframes);
  for (keyframes->SeekToLast(); keyframes->Valid(); keyframes->Prev()) {
    const auto payload = open_value(view(keyframes->key()), view(keyframes->value()));
    if (!payload) continue;
    auto fold = decode_keyframe(*payload);
    if (!fold) continue;
    state.fold = CallFold(*fold);
    state.keyframe_at = fold->at;
    next = fold->next;
    break;
  }
  FrameCursor cursor(*state.database, codec_, state.head.first, [](const std::string&) {});
  for (bool more = cursor.seek(next); more; more = cursor.next()) {
    auto rows = cursor.rows();
    if (!rows) continue;
    Sequence sequence = cursor.info().first;
    for (auto rest = *rows; !rest.empty(); ++sequence.value) {
      const auto header = row_header(rest);
      if (sequence >= next) {
        state.fold.apply(sequence, header, {});
        ++state.rows_since_keyframe;
      }
      rest = rest.subspan(header.size_bytes);
    }
  }
}

schema::Gap ServiceWriter::damage_gap(BootTime from) const {
  schema::Gap gap;
  gap.to = {schema::read_clocks().boot.ns + boot_base_ns_};
  gap.from = from == kBeginning ? gap.to : std::min(from, gap.to);
  gap.reason = schema::LossReason::kStoreError;
  return gap;
}

// The damaged partition stays where it is, for readers to report and repair.
Result<void> ServiceWriter::begin_after_damage(const PartitionName& name) {
  const Sequence first = beyond(name.first);
  BACKSIGHT_TRY(begin_partition(first, empty_fold(first), kBeginning));
  return put_gap(damage_gap({name.created.ns}));
}

}  // namespace backsight::store
