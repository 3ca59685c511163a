// TimelineReader: partitions side by side, facts merged, rows in order.
#include "store/reader.h"

#include "schema/codec.h"
#include "store/bytes.h"

#include <algorithm>
#include <filesystem>

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::make_error;
using schema::ProcessId;
using schema::Result;
using schema::Sequence;

Result<std::unique_ptr<TimelineReader>> TimelineReader::open(const std::string& store_path,
                                                             const std::string& service) {
  try {
    return Reader::open(store_path, service);
  } catch (const std::exception& exception) {
    return make_error(ErrorCode::kInternal, "store " + store_path + ": " + exception.what());
  }
}

Result<std::unique_ptr<TimelineReader>> Reader::open(const std::string& store_path,
                                                     const std::string& service) {
  auto reader = std::make_unique<Reader>();
  const auto version = check_version(store_path);
  if (!version) {
    if (version.error().code != ErrorCode::kCorrupt) return version.error();
    reader->damage_.add("VERSION", version.error().message);
  }
  reader->store_path_ = store_path;
  reader->service_path_ = service_directory(store_path, service);
  std::error_code ignored;
  if (!std::filesystem::is_directory(reader->service_path_, ignored)) {
    std::string known;
    const auto services = find_services(store_path);
    if (!services) return services.error();
    for (const std::string& name : *services) known += (known.empty() ? "" : ", ") + name;
    return make_error(ErrorCode::kNotFound, "no service '" + service + "' in the store " + store_path,
                      known.empty() ? "the store is empty" : "recorded are: " + known);
  }
  reader->open_partitions();
  reader->merge_facts();
  return std::unique_ptr<TimelineReader>(std::move(reader));
}

void Reader::open_partitions() {
  const std::string below = std::filesystem::path(service_path_).lexically_relative(store_path_).string();
  // A partition that is sealed while we look is readable either way.
  const auto names = find_partitions(service_path_);
  for (const PartitionName& name : names) {
    const bool is_last = name == names.back();
    auto partition = PartitionReader::open(store_path_, below + "/" + name.to_string(), is_last, damage_);
    if (partition) partitions_.push_back(std::move(partition));
  }
}

void Reader::merge_facts() {
  for (const auto& partition : partitions_) partition->load_facts(facts_, damage_);
  for (auto& [key, gap] : facts_.gaps) gaps_.push_back(std::move(gap));
  std::stable_sort(gaps_.begin(), gaps_.end(),
                   [](const schema::Gap& a, const schema::Gap& b) { return a.from < b.from; });
  for (auto& [key, status] : facts_.statuses) statuses_.push_back(std::move(status));
  for (const auto& [boot, sample] : facts_.clock) clock_.add(sample);
}

std::string Reader::thread_name(ProcessId process, std::uint32_t tid, BootTime at) const {
  const auto thread = facts_.threads.find({process, tid});
  if (thread == facts_.threads.end()) return {};
  const auto after = thread->second.upper_bound(at);
  return after == thread->second.begin() ? std::string() : std::prev(after)->second;
}

// Rows of different CPUs come out of order: the first one to show an address may
// not be the oldest.
std::optional<std::string> Reader::code_name(ProcessId process, std::uint64_t address, BootTime at) const {
  const auto symbol = facts_.symbols.find({process, address});
  if (symbol == facts_.symbols.end()) return std::nullopt;
  const auto after = symbol->second.upper_bound(at);
  if (after != symbol->second.begin()) return std::prev(after)->second;
  if (at.ns < after->first.ns - kOrderSlackNs) return std::nullopt;
  return after->second;
}

std::optional<schema::Stack> Reader::stack(schema::StackId id) const {
  const std::string key = stack_key(id);
  for (auto it = partitions_.rbegin(); it != partitions_.rend(); ++it) {
    const auto sealed = (*it)->database().get(Family::kMeta, key);
    if (!sealed) continue;
    const auto payload = open_value(key, *sealed);
    if (!payload) continue;  // load_facts() has told of it
    if (auto stack = schema::decode_stack(as_bytes(*payload))) return *std::move(stack);
  }
  return std::nullopt;
}

// Before this sequence every row is older than `from`.
Sequence Reader::start_of(const PartitionReader& partition, BootTime from) {
  if (from == kBeginning) return partition.head().first;
  const auto keyframe = partition.find_keyframe({from.ns - 1}, damage_);
  return keyframe ? std::max(keyframe->next, partition.head().first) : partition.head().first;
}

namespace {

// No later frame of the timeline has rows of `at` or before.
bool is_beyond(const FrameInfo& info, BootTime at) {
  return at.ns <= INT64_MAX - kOrderSlackNs && info.tmin.ns > at.ns + kOrderSlackNs;
}

bool overlaps(const FrameInfo& info, BootTime from, BootTime to) {
  return info.tmin <= to && from <= info.tmax;
}

}  // namespace

Result<void> Reader::scan(BootTime from, BootTime to, const Visitor& visitor) {
  for (const auto& partition : partitions_) {
    if (partition->marks().rows == 0 || partition->marks().newest < from) continue;
    FrameCursor cursor = partition->frames(codec_, damage_);
    for (bool more = cursor.seek(start_of(*partition, from)); more; more = cursor.next()) {
      if (is_beyond(cursor.info(), to)) return {};
      if (!overlaps(cursor.info(), from, to)) continue;
      const auto rows = cursor.rows();
      if (!rows) continue;
      const std::vector<std::byte> copy(rows->begin(), rows->end());  // the visitor may read as well
      Sequence sequence = cursor.info().first;
      for (std::span<const std::byte> rest(copy); !rest.empty(); ++sequence.value) {
        const std::size_t size = row_size(rest);
        const auto event = schema::EventView::parse(rest.first(size));
        rest = rest.subspan(size);
        if (!event) {
          damage_.add(partition->file(),
                      "row " + std::to_string(sequence.value) + ": " + event.error().message);
        } else if (from <= event->time() && event->time() <= to && !visitor({sequence, *event})) {
          return {};
        }
      }
    }
  }
  return {};
}

Result<void> Reader::scan_backwards(BootTime from, BootTime to, const Visitor& visitor) {
  for (auto it = partitions_.rbegin(); it != partitions_.rend(); ++it) {
    const PartitionReader& partition = **it;
    if (partition.marks().rows == 0 || partition.marks().oldest > to) continue;
    if (partition.marks().timeline_newest < from) return {};
    const Sequence first = start_of(partition, from);
    FrameCursor cursor = partition.frames(codec_, damage_);
    for (bool more = cursor.seek_backwards(end_of(partition, to)); more && cursor.info().last() >= first;
         more = cursor.previous()) {
      if (!overlaps(cursor.info(), from, to)) continue;
      const auto rows = cursor.rows();
      if (!rows) continue;
      const std::vector<std::byte> copy(rows->begin(), rows->end());
      std::vector<std::span<const std::byte>> each;
      for (std::span<const std::byte> rest(copy); !rest.empty(); rest = rest.subspan(each.back().size())) {
        each.push_back(rest.first(row_size(rest)));
      }
      for (std::size_t i = each.size(); i-- > 0;) {
        const Sequence sequence{cursor.info().first.value + i};
        const auto event = schema::EventView::parse(each[i]);
        if (!event) {
          damage_.add(partition.file(),
                      "row " + std::to_string(sequence.value) + ": " + event.error().message);
        } else if (from <= event->time() && event->time() <= to && !visitor({sequence, *event})) {
          return {};
        }
      }
    }
  }
  return {};
}

// From this sequence on every row is newer than `to`.
Sequence Reader::end_of(const PartitionReader& partition, BootTime to) {
  const Sequence end{UINT64_MAX};
  if (to.ns >= INT64_MAX - kOrderSlackNs || partition.marks().newest <= to) return end;
  FrameCursor cursor = partition.frames(codec_, damage_);
  for (bool more = cursor.seek(start_of(partition, to)); more; more = cursor.next()) {
    if (is_beyond(cursor.info(), to)) return cursor.info().first;
  }
  return end;
}

Result<std::vector<std::byte>> Reader::load(Sequence sequence) {
  if (const auto cached = cache_.find(sequence))
    return std::vector<std::byte>(cached->begin(), cached->end());
  const auto after = std::partition_point(partitions_.begin(), partitions_.end(), [&](const auto& partition) {
    return partition->head().first <= sequence;
  });
  // Its own partition, then those that have a copy.
  for (auto it = after == partitions_.begin() ? after : std::prev(after); it != partitions_.end(); ++it) {
    FrameCursor cursor = (*it)->all_frames(codec_, damage_);
    if (!cursor.seek(sequence) || cursor.info().first > sequence) continue;
    const auto rows = cursor.rows();
    if (!rows) continue;
    const auto row = cache_.add(cursor.info().first, *rows, sequence);
    if (!schema::EventView::parse(row)) {
      damage_.add((*it)->file(), "row " + std::to_string(sequence.value) + ": not an event");
      continue;
    }
    return std::vector<std::byte>(row.begin(), row.end());
  }
  return make_error(ErrorCode::kNotFound, "no event " + std::to_string(sequence.value),
                    "it may be older than the retention, or in a damaged part of the store");
}

Result<Fold> Reader::fold_at(BootTime at) {
  for (std::size_t i = partitions_.size(); i-- > 0;) {
    if (auto keyframe = partitions_[i]->find_keyframe(at, damage_)) {
      return fold_from(i, CallFold(*keyframe), keyframe->next, at);
    }
  }
  return fold_from(0, CallFold(), partitions_.empty() ? Sequence{1} : partitions_[0]->head().first, at);
}

Result<Fold> Reader::fold_naively(BootTime at) {
  // What was before the oldest partition is known by its first keyframe alone.
  CallFold fold;
  Sequence first{1};
  if (!partitions_.empty()) {
    first = partitions_[0]->head().first;
    const auto keyframe = partitions_[0]->first_keyframe(damage_);
    if (keyframe && keyframe->at <= at && keyframe->next == first) fold = CallFold(*keyframe);
  }
  return fold_from(0, std::move(fold), first, at, false);
}

Result<Fold> Reader::fold_from(std::size_t index, CallFold fold, Sequence next, BootTime at,
                               bool stop_early) {
  std::optional<Sequence> unfolded;
  Sequence end = next;
  bool stopped = false;
  for (; index < partitions_.size() && !stopped; ++index) {
    FrameCursor cursor = partitions_[index]->frames(codec_, damage_);
    for (bool more = cursor.seek(next); more; more = cursor.next()) {
      stopped = stop_early && is_beyond(cursor.info(), at);
      if (cursor.info().tmin > at && !unfolded) unfolded = std::max(cursor.info().first, next);
      if (stopped) break;
      end = {cursor.info().last().value + 1};
      if (cursor.info().tmin > at) continue;
      const auto rows = cursor.rows();
      Sequence sequence = cursor.info().first;
      for (auto rest = rows ? *rows : std::span<const std::byte>(); !rest.empty(); ++sequence.value) {
        const auto header = row_header(rest);
        rest = rest.subspan(header.size_bytes);
        if (sequence < next) continue;
        if (header.boot_ns <= at.ns) {
          fold.apply(sequence, header, {});
        } else if (!unfolded) {
          unfolded = sequence;
        }
      }
    }
  }
  return settled_fold(std::move(fold), facts_.processes, at, unfolded.value_or(end));
}

Result<TimelineStats> Reader::stats() {
  TimelineStats stats;
  BootTime oldest{INT64_MAX}, newest{INT64_MIN};
  for (const auto& partition : partitions_) {
    stats.events += partition->marks().rows;
    stats.raw_bytes += partition->marks().raw_bytes;
    oldest = std::min(oldest, partition->marks().oldest);
    newest = std::max(newest, partition->marks().newest);
  }
  for (const PartitionName& name : find_partitions(service_path_)) {
    stats.stored_bytes += directory_bytes(service_path_ + "/" + name.to_string());
    ++stats.partitions;
  }
  for (const schema::Gap& gap : gaps_) stats.lost += gap.lost;
  if (stats.events > 0) {
    stats.oldest = clock_.to_wall(oldest);
    stats.newest = clock_.to_wall(newest);
  }
  return stats;
}

Result<std::vector<ServiceSpan>> list_services(const std::string& store_path) {
  const auto version = check_version(store_path);
  if (!version && version.error().code != ErrorCode::kCorrupt) return version.error();
  auto services = find_services(store_path);
  if (!services) return services.error();
  std::vector<ServiceSpan> spans;
  for (const std::string& service : *services) {
    auto reader = TimelineReader::open(store_path, service);
    if (!reader) return reader.error();
    auto stats = (*reader)->stats();
    if (!stats) return stats.error();
    ServiceSpan span;
    span.service = service;
    span.events = stats->events;
    span.oldest = stats->oldest.value_or(schema::WallTime{});
    span.newest = stats->newest.value_or(schema::WallTime{});
    spans.push_back(std::move(span));
  }
  return spans;
}

}  // namespace backsight::store
