// The reader behind TimelineReader. Internal to store/.
#pragma once

#include "store/fold_facts.h"
#include "store/partition_reader.h"
#include "store/timeline.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::store {

// Frames expanded lately: questions load the same rows again, and neighbours.
class FrameCache {
 public:
  std::optional<std::span<const std::byte>> find(schema::Sequence sequence);
  // Keeps the frame and returns its row `sequence`, which it must have.
  std::span<const std::byte> add(schema::Sequence first, std::span<const std::byte> rows,
                                 schema::Sequence sequence);

 private:
  struct Entry {
    schema::Sequence first;
    std::vector<std::byte> rows;
    std::vector<std::size_t> offsets;  // of each row, and of the end
    std::span<const std::byte> row(schema::Sequence sequence) const;
  };
  static constexpr std::size_t kEntries = 32;
  std::deque<Entry> entries_;  // newest use first
};

class Reader : public TimelineReader {
 public:
  static schema::Result<std::unique_ptr<TimelineReader>> open(const std::string& store_path,
                                                              const std::string& service);

  const schema::ClockSeries& clock() const override { return clock_; }
  const std::map<schema::ProcessId, schema::Process>& processes() const override { return facts_.processes; }
  const std::map<schema::PlanId, schema::Plan>& plans() const override { return facts_.plans; }
  const std::vector<schema::Gap>& gaps() const override { return gaps_; }
  const std::vector<schema::ProbeStatus>& probe_statuses() const override { return statuses_; }
  std::string thread_name(schema::ProcessId process, std::uint32_t tid, schema::BootTime at) const override;
  std::optional<std::string> code_name(schema::ProcessId process, std::uint64_t address,
                                       schema::BootTime at) const override;
  std::optional<schema::Stack> stack(schema::StackId id) const override;
  const std::vector<Damage>& damage() const override { return damage_.all(); }

  schema::Result<void> scan(schema::BootTime from, schema::BootTime to, const Visitor& visitor) override;
  schema::Result<void> scan_backwards(schema::BootTime from, schema::BootTime to,
                                      const Visitor& visitor) override;
  schema::Result<std::vector<std::byte>> load(schema::Sequence sequence) override;
  schema::Result<Fold> fold_at(schema::BootTime at) override;
  schema::Result<Fold> fold_naively(schema::BootTime at) override;
  schema::Result<TimelineStats> stats() override;

 private:
  void open_partitions();
  void merge_facts();
  schema::Sequence start_of(const PartitionReader& partition, schema::BootTime from);
  schema::Sequence end_of(const PartitionReader& partition, schema::BootTime to);
  schema::Result<Fold> fold_from(std::size_t index, CallFold fold, schema::Sequence next, schema::BootTime at,
                                 bool stop_early = true);

  std::string store_path_, service_path_;
  std::vector<std::unique_ptr<PartitionReader>> partitions_;
  DamageList damage_;
  Facts facts_;
  std::vector<schema::Gap> gaps_;
  std::vector<schema::ProbeStatus> statuses_;
  schema::ClockSeries clock_;
  FrameCodec codec_;
  FrameCache cache_;
};

}  // namespace backsight::store
