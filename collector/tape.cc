#include "collector/tape.h"

#include "collector/tape_format.h"
#include "schema/codec.h"

#include <cerrno>
#include <cstring>

namespace backsight::collector {
namespace {

schema::Process process_of(const ProcessImage& image) {
  schema::Process process;
  process.id = {1};  // given anew when played
  process.pid = image.pid;
  process.parent_pid = image.parent_pid;
  process.exe = image.exe;
  process.cmdline = image.cmdline;
  process.build_id = image.build_id;
  process.started = {image.started_boot_ns};
  if (image.ended_boot_ns) process.ended = schema::BootTime{*image.ended_boot_ns};
  return process;
}

}  // namespace

schema::Result<std::unique_ptr<TapeWriter>> TapeWriter::create(const std::string& path, PipelineInput& next) {
  auto* file = std::fopen(path.c_str(), "wbe");
  if (!file) {
    return make_error(schema::ErrorCode::kIo, "tape " + path + " cannot be created: " + std::strerror(errno));
  }
  std::unique_ptr<TapeWriter> writer(new TapeWriter(file, next));
  std::fwrite(kTapeMagic, sizeof kTapeMagic, 1, file);
  TapePayload session;
  session.add(kTapeVersion).add(static_cast<std::uint32_t>(sizeof(bs_event)));
  writer->write(TapeRecordKind::kSession, session.bytes());
  return writer;
}

TapeWriter::~TapeWriter() {
  std::fclose(file_);
}

void TapeWriter::write(TapeRecordKind kind, std::span<const std::byte> payload) {
  if (!good_) return;
  TapeFrame frame{static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(kind), 0};
  frame.crc32c = tape_crc(frame, payload);
  good_ = std::fwrite(&frame, sizeof frame, 1, file_) == 1 &&
          (payload.empty() || std::fwrite(payload.data(), payload.size(), 1, file_) == 1);
}

void TapeWriter::plan_added(std::uint32_t plan_index, const std::string& service, const schema::Plan& plan) {
  write(TapeRecordKind::kPlanAdded,
        TapePayload().add(plan_index).add_text(service).add_bytes(encode(plan)).bytes());
  next_.plan_added(plan_index, service, plan);
}

void TapeWriter::plan_sampled(std::uint32_t plan_index, std::uint8_t generation, const schema::Plan& plan) {
  write(TapeRecordKind::kPlanSampled,
        TapePayload().add(plan_index).add(generation).add_bytes(encode(plan)).bytes());
  next_.plan_sampled(plan_index, generation, plan);
}

void TapeWriter::plan_removed(std::uint32_t plan_index) {
  write(TapeRecordKind::kPlanRemoved, TapePayload().add(plan_index).bytes());
  next_.plan_removed(plan_index);
}

void TapeWriter::process_started(const std::string& service, const ProcessImage& image) {
  write(TapeRecordKind::kProcessStarted,
        TapePayload().add_text(service).add_bytes(encode(process_of(image))).bytes());
  next_.process_started(service, image);
}

void TapeWriter::process_ended(std::uint32_t pid, std::int64_t boot_ns) {
  write(TapeRecordKind::kProcessEnded, TapePayload().add(pid).add(boot_ns).bytes());
  next_.process_ended(pid, boot_ns);
}

void TapeWriter::ring_record(std::span<const std::byte> record) {
  write(TapeRecordKind::kRingRecord, record);
  next_.ring_record(record);
}

// Last, because it may make the pipeline ask for processes.
void TapeWriter::batch_done(std::int64_t now_boot_ns, bool drained) {
  next_.batch_done(now_boot_ns, drained);
  write(TapeRecordKind::kBatchDone, TapePayload().add(now_boot_ns).add(std::uint8_t{drained}).bytes());
}

void TapeWriter::counters_read(std::uint32_t plan_index, const bs_plan_counters& counters,
                               std::int64_t now_boot_ns) {
  write(TapeRecordKind::kCounters, TapePayload().add(plan_index).add(now_boot_ns).add(counters).bytes());
  next_.counters_read(plan_index, counters, now_boot_ns);
}

void TapeWriter::clock_read(const schema::ClockSample& sample) {
  write(TapeRecordKind::kClock, encode(sample));
  next_.clock_read(sample);
}

void TapeWriter::code_named(const std::string& service, const CodeName& name) {
  write(TapeRecordKind::kCodeName, TapePayload()
                                       .add_text(service)
                                       .add(name.pid)
                                       .add(name.started_boot_ns)
                                       .add(name.address)
                                       .add(name.since_boot_ns)
                                       .add_text(name.name)
                                       .bytes());
  next_.code_named(service, name);
}

void TapeWriter::gap_found(const std::string& service, const schema::Gap& gap) {
  write(TapeRecordKind::kGap, TapePayload().add_text(service).add_bytes(encode(gap)).bytes());
  next_.gap_found(service, gap);
}

void TapeWriter::status_changed(const std::string& service, const schema::ProbeStatus& status) {
  write(TapeRecordKind::kStatus, TapePayload().add_text(service).add_bytes(encode(status)).bytes());
  next_.status_changed(service, status);
}

}  // namespace backsight::collector
