// Plays tapes: every byte of them is hostile.
#include "collector/clocks.h"
#include "collector/collector.h"
#include "collector/pipeline.h"
#include "collector/tape.h"
#include "collector/tape_format.h"
#include "schema/codec.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

namespace backsight::collector {
namespace {

using schema::ErrorCode;
using schema::Result;

class TapeReader {
 public:
  static Result<std::unique_ptr<TapeReader>> open(const std::string& path) {
    auto reader = std::make_unique<TapeReader>();
    reader->path_ = path;
    reader->file_.open(path, std::ios::binary);
    char magic[sizeof kTapeMagic] = {};
    if (!reader->file_) {
      return make_error(ErrorCode::kNotFound, "tape " + path + " cannot be opened: " + std::strerror(errno));
    }
    if (!reader->file_.read(magic, sizeof magic) || std::memcmp(magic, kTapeMagic, sizeof magic) != 0) {
      return make_error(ErrorCode::kCorrupt, path + " is not a tape");
    }
    reader->offset_ = sizeof magic;
    return reader;
  }

  // False at the end.
  Result<bool> next() {
    TapeFrame frame;
    if (!file_.read(reinterpret_cast<char*>(&frame), sizeof frame)) {
      if (file_.gcount() == 0) return false;
      return damage("is cut off in a record's header");
    }
    if (frame.length > kLongestTapeRecord) return damage("has a record of absurd length");
    // In steps, so that a length alone does not make us allocate it.
    payload_.clear();
    while (payload_.size() < frame.length) {
      const auto step = std::min<std::size_t>(frame.length - payload_.size(), 1u << 20);
      const auto at = payload_.size();
      payload_.resize(at + step);
      if (!file_.read(reinterpret_cast<char*>(payload_.data() + at), static_cast<std::streamsize>(step))) {
        return damage("is cut off in a record");
      }
    }
    if (tape_crc(frame, payload_) != frame.crc32c) return damage("has a record whose checksum differs");
    kind_ = static_cast<TapeRecordKind>(frame.kind);
    record_offset_ = offset_;
    offset_ += sizeof frame + frame.length;
    return true;
  }

  TapeRecordKind kind() const { return kind_; }
  std::span<const std::byte> payload() const { return payload_; }
  schema::Error malformed() const {
    return make_error(ErrorCode::kCorrupt, "tape " + path_ + " has a malformed record at offset " +
                                               std::to_string(record_offset_));
  }

 private:
  schema::Error damage(const char* what) const {
    return make_error(ErrorCode::kCorrupt,
                      "tape " + path_ + " " + what + " at offset " + std::to_string(offset_),
                      "what stands before it was played");
  }

  std::ifstream file_;
  std::string path_;
  std::vector<std::byte> payload_;
  TapeRecordKind kind_ = TapeRecordKind::kSession;
  std::uint64_t offset_ = 0, record_offset_ = 0;
};

class Player {
 public:
  Player(TapeReader& reader, PipelineInput& input, std::int64_t shift_ns)
      : reader_(reader), input_(input), shift_ns_(shift_ns) {}

  Result<void> play() {
    bool ok = false;
    switch (reader_.kind()) {
      case TapeRecordKind::kSession:
        return session();
      case TapeRecordKind::kPlanAdded:
        ok = plan_added();
        break;
      case TapeRecordKind::kPlanSampled:
        ok = plan_sampled();
        break;
      case TapeRecordKind::kPlanRemoved:
        ok = plan_removed();
        break;
      case TapeRecordKind::kProcessStarted:
        ok = process_started();
        break;
      case TapeRecordKind::kProcessEnded:
        ok = process_ended();
        break;
      case TapeRecordKind::kRingRecord:
        ok = ring_record();
        break;
      case TapeRecordKind::kBatchDone:
        ok = batch_done();
        break;
      case TapeRecordKind::kCounters:
        ok = counters();
        break;
      case TapeRecordKind::kClock:
        ok = clock();
        break;
      case TapeRecordKind::kCodeName:
        ok = code_name();
        break;
      case TapeRecordKind::kGap:
        ok = gap();
        break;
      case TapeRecordKind::kStatus:
        ok = status();
        break;
    }
    if (!ok) return reader_.malformed();
    return {};
  }

 private:
  Result<void> session() {
    TapeCursor cursor(reader_.payload());
    const auto version = cursor.take<std::uint32_t>();
    const auto event_size = cursor.take<std::uint32_t>();
    if (cursor.failed()) return reader_.malformed();
    if (version != kTapeVersion || event_size != sizeof(bs_event)) {
      return make_error(
          ErrorCode::kUnsupported,
          "the tape has version " + std::to_string(version) + ", known is " + std::to_string(kTapeVersion),
          "play it with the version of Backsight that recorded it");
    }
    return {};
  }
  bool plan_added() {
    TapeCursor cursor(reader_.payload());
    const auto index = cursor.take<std::uint32_t>();
    const auto service = cursor.take_text();
    const auto plan = schema::decode_plan(cursor.rest());
    if (cursor.failed() || !plan || service.empty()) return false;
    input_.plan_added(index, service, *plan);
    return true;
  }
  bool plan_sampled() {
    TapeCursor cursor(reader_.payload());
    const auto index = cursor.take<std::uint32_t>();
    const auto generation = cursor.take<std::uint8_t>();
    const auto plan = schema::decode_plan(cursor.rest());
    if (cursor.failed() || !plan) return false;
    input_.plan_sampled(index, generation, *plan);
    return true;
  }
  bool plan_removed() {
    TapeCursor cursor(reader_.payload());
    const auto index = cursor.take<std::uint32_t>();
    if (!cursor.failed()) input_.plan_removed(index);
    return !cursor.failed();
  }
  bool process_started() {
    TapeCursor cursor(reader_.payload());
    const auto service = cursor.take_text();
    const auto process = schema::decode_process(cursor.rest());
    if (cursor.failed() || !process || service.empty()) return false;
    ProcessImage image{process->pid,
                       process->parent_pid,
                       process->exe,
                       process->cmdline,
                       process->build_id,
                       moved(process->started.ns),
                       {}};
    if (process->ended) image.ended_boot_ns = moved(process->ended->ns);
    input_.process_started(service, image);
    return true;
  }
  bool process_ended() {
    TapeCursor cursor(reader_.payload());
    const auto pid = cursor.take<std::uint32_t>();
    const auto boot_ns = cursor.take<std::int64_t>();
    if (!cursor.failed()) input_.process_ended(pid, moved(boot_ns));
    return !cursor.failed();
  }
  bool ring_record() {
    record_.assign(reader_.payload().begin(), reader_.payload().end());
    bs_event event;
    if (record_.size() >= sizeof event) {
      std::memcpy(&event, record_.data(), sizeof event);
      event.boot_ns = static_cast<std::uint64_t>(moved(static_cast<std::int64_t>(event.boot_ns)));
      std::memcpy(record_.data(), &event, sizeof event);
    }
    input_.ring_record(record_);  // malformed ones, too: they are part of what happened
    return true;
  }
  bool batch_done() {
    TapeCursor cursor(reader_.payload());
    const auto now_ns = cursor.take<std::int64_t>();
    const auto drained = cursor.take<std::uint8_t>();
    if (!cursor.failed()) input_.batch_done(moved(now_ns), drained != 0);
    return !cursor.failed();
  }
  bool counters() {
    TapeCursor cursor(reader_.payload());
    const auto index = cursor.take<std::uint32_t>();
    const auto now_ns = cursor.take<std::int64_t>();
    // Tapes of before calls were governed have what stands first in the structure of today.
    const bool is_short = cursor.rest().size() == sizeof(EarlyTapeCounters);
    const auto values =
        is_short ? counters_of(cursor.take<EarlyTapeCounters>()) : cursor.take<bs_plan_counters>();
    if (!cursor.failed()) input_.counters_read(index, values, moved(now_ns));
    return !cursor.failed();
  }
  bool clock() {
    const auto sample = schema::decode_clock_sample(reader_.payload());
    // Wall time moves along, so that the recording happened just now.
    if (sample) input_.clock_read({{moved(sample->boot.ns)}, {moved(sample->wall.ns)}});
    return sample.has_value();
  }
  bool code_name() {
    TapeCursor cursor(reader_.payload());
    const auto service = cursor.take_text();
    CodeName name;
    name.pid = cursor.take<std::uint32_t>();
    name.started_boot_ns = moved(cursor.take<std::int64_t>());
    name.address = cursor.take<std::uint64_t>();
    name.since_boot_ns = moved(cursor.take<std::int64_t>());
    name.name = cursor.take_text();
    if (cursor.failed() || service.empty()) return false;
    input_.code_named(service, name);
    return true;
  }
  bool gap() {
    TapeCursor cursor(reader_.payload());
    const auto service = cursor.take_text();
    auto gap = schema::decode_gap(cursor.rest());
    if (cursor.failed() || !gap || service.empty()) return false;
    gap->from.ns = moved(gap->from.ns);
    gap->to.ns = moved(gap->to.ns);
    input_.gap_found(service, *gap);
    return true;
  }
  bool status() {
    TapeCursor cursor(reader_.payload());
    const auto service = cursor.take_text();
    auto status = schema::decode_probe_status(cursor.rest());
    if (cursor.failed() || !status || service.empty()) return false;
    status->at.ns = moved(status->at.ns);
    input_.status_changed(service, *status);
    return true;
  }
  std::int64_t moved(std::int64_t ns) const {  // wraps where a hostile tape makes it
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(ns) + static_cast<std::uint64_t>(shift_ns_));
  }

  TapeReader& reader_;
  PipelineInput& input_;
  std::int64_t shift_ns_;
  std::vector<std::byte> record_;
};

// The time of the last batch or clock sample.
Result<std::int64_t> last_moment(const std::string& path) {
  auto reader = TapeReader::open(path);
  if (!reader) return reader.error();
  std::int64_t last_ns = 0;
  for (;;) {
    auto more = (*reader)->next();
    if (!more || !*more) return last_ns;  // damage is reported when it is played
    TapeCursor cursor((*reader)->payload());
    if ((*reader)->kind() == TapeRecordKind::kBatchDone) {
      last_ns = std::max(last_ns, cursor.take<std::int64_t>());
    } else if ((*reader)->kind() == TapeRecordKind::kClock) {
      if (const auto sample = schema::decode_clock_sample((*reader)->payload())) {
        last_ns = std::max(last_ns, sample->boot.ns);
      }
    }
  }
}

}  // namespace

Result<void> play_tape(const std::string& path, PipelineInput& input,
                       std::optional<std::int64_t> now_boot_ns) {
  std::int64_t shift_ns = 0;
  if (now_boot_ns) {
    auto last = last_moment(path);
    if (!last) return last.error();
    shift_ns = *now_boot_ns - *last;
  }
  auto reader = TapeReader::open(path);
  if (!reader) return reader.error();
  Player player(**reader, input, shift_ns);
  for (;;) {
    auto more = (*reader)->next();
    if (!more) return more.error();
    if (!*more) return {};
    BACKSIGHT_TRY(player.play());
  }
}

Result<std::uint64_t> replay_tape(const std::string& tape_path, store::StoreWriter& store) {
  PipelineOptions options;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  options.host = host;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> options.boot_id;
  Pipeline pipeline(store, options);
  const auto now_ns = boot_now_ns();
  const auto result = play_tape(tape_path, pipeline, now_ns);
  pipeline.flush(now_ns);
  if (!result) return result.error();
  return pipeline.totals().rows;
}

}  // namespace backsight::collector
