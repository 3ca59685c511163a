// A tape: the recorded input of the pipeline, for tests and demos without a
// kernel. docs/format/tape.md has the layout.
#pragma once

#include "collector/pipeline_input.h"
#include "schema/result.h"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::collector {

inline constexpr std::uint32_t kTapeVersion = 1;

enum class TapeRecordKind : std::uint32_t {
  kSession = 1,
  kPlanAdded = 2,
  kPlanRemoved = 3,
  kProcessStarted = 4,
  kProcessEnded = 5,
  kRingRecord = 6,
  kBatchDone = 7,
  kCounters = 8,
  kClock = 9,
  kGap = 10,
  kStatus = 11,
  kCodeName = 12,
  kPlanSampled = 13,
};

// Writes what flows in, and passes it on to `next`.
class TapeWriter final : public PipelineInput {
 public:
  static schema::Result<std::unique_ptr<TapeWriter>> create(const std::string& path, PipelineInput& next);
  ~TapeWriter() override;
  TapeWriter(const TapeWriter&) = delete;
  TapeWriter& operator=(const TapeWriter&) = delete;

  void plan_added(std::uint32_t plan_index, const std::string& service, const schema::Plan& plan) override;
  void plan_sampled(std::uint32_t plan_index, std::uint8_t generation, const schema::Plan& plan) override;
  void plan_removed(std::uint32_t plan_index) override;
  void process_started(const std::string& service, const ProcessImage& image) override;
  void process_ended(std::uint32_t pid, std::int64_t boot_ns) override;
  void ring_record(std::span<const std::byte> record) override;
  void batch_done(std::int64_t now_boot_ns, bool drained) override;
  void counters_read(std::uint32_t plan_index, const bs_plan_counters& counters,
                     std::int64_t now_boot_ns) override;
  void clock_read(const schema::ClockSample& sample) override;
  void code_named(const std::string& service, const CodeName& name) override;
  void gap_found(const std::string& service, const schema::Gap& gap) override;
  void status_changed(const std::string& service, const schema::ProbeStatus& status) override;

  // False after a write failed: the tape ends there.
  bool is_good() const { return good_; }

 private:
  TapeWriter(std::FILE* file, PipelineInput& next) : file_(file), next_(next) {}
  void write(TapeRecordKind kind, std::span<const std::byte> payload);

  std::FILE* file_;
  PipelineInput& next_;
  bool good_ = true;
};

// Plays a tape into `input`, its last moment moved to `now_boot_ns`. kCorrupt
// names the offset where the tape is damaged or cut off; what stands before has
// been played. `now_boot_ns` absent: times as recorded.
schema::Result<void> play_tape(const std::string& path, PipelineInput& input,
                               std::optional<std::int64_t> now_boot_ns);

}  // namespace backsight::collector
