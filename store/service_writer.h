// Writes the timeline of one service: the current partition, what it must know
// to begin the next one, and the fold for keyframes. Internal to store/.
#pragma once

#include "store/fold_facts.h"
#include "store/frame.h"
#include "store/layout.h"
#include "store/meta.h"
#include "store/rocks.h"
#include "store/timeline.h"

#include <rocksdb/write_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace backsight::store {

// What is known of the timeline; rebuilt from the database whenever writing failed.
struct ServiceState {
  std::unique_ptr<Database> database;
  PartitionName name;
  PartitionHead head;
  Watermarks marks;
  CallFold fold;
  schema::BootTime keyframe_at = kBeginning;
  std::uint64_t rows_since_keyframe = 0;
  std::unordered_set<std::uint64_t> plans_here;                        // stored in this partition
  std::unordered_set<std::uint64_t> stacks_here;                       // likewise
  std::vector<std::pair<schema::ProcessId, schema::BootTime>> ending;  // not yet folded in
};

class ServiceWriter {
 public:
  // `options` and `rocks` outlive the writer. Continues the last partition, or begins one.
  static schema::Result<std::unique_ptr<ServiceWriter>> open(const StoreOptions& options,
                                                             const RocksShared& rocks,
                                                             std::int64_t boot_base_ns,
                                                             const std::string& service);

  schema::Result<void> put_plan(schema::PlanId id, std::span<const std::byte> encoded);
  schema::Result<void> put_process(const schema::Process& process);
  schema::Result<void> put_thread(const schema::Thread& thread);
  schema::Result<void> put_symbol(const schema::CodeSymbol& symbol);
  schema::Result<void> put_stack(schema::StackId id, std::span<const std::byte> encoded);
  schema::Result<void> put_gap(const schema::Gap& gap);
  schema::Result<void> put_probe_status(const schema::ProbeStatus& status);
  schema::Result<void> put_clock(const schema::ClockSample& sample);
  schema::Result<schema::Sequence> append(std::span<const std::byte> rows, StoreWriter::Counters& counters);
  schema::Result<void> flush();

 private:
  using State = ServiceState;
  ServiceWriter(const StoreOptions& options, const RocksShared& rocks, std::int64_t boot_base_ns,
                const std::string& service);

  schema::Result<void> ready();
  schema::Result<void> load_last(const PartitionName& name);
  schema::Result<void> load_state(OpenedDatabase opened, const PartitionName& name);
  void load_facts();
  void load_fold();
  schema::Gap damage_gap(schema::BootTime from) const;
  schema::Result<void> begin_after_damage(const PartitionName& name);
  schema::Result<void> begin_partition(schema::Sequence first, const Fold& fold,
                                       schema::BootTime timeline_newest);
  schema::Result<void> roll_if_due();
  void end_processes_of_earlier_boots();
  using KeyValues = std::vector<std::pair<std::string, std::string>>;
  KeyValues copy_rows(const Fold& fold);
  schema::Result<void> write_beginning(const Fold& fold, const KeyValues& rows);
  void keep_stack(const schema::EventView& row);
  void carry_facts(const Fold& fold, rocksdb::WriteBatch& batch);
  void carry_threads(rocksdb::WriteBatch& batch);
  void carry_symbols(rocksdb::WriteBatch& batch);
  void carry_stacks(rocksdb::WriteBatch& batch);

  void append_frame(std::span<const std::byte>& rest, StoreWriter::Counters& counters);
  void need_plan(schema::PlanId id);
  bool keyframe_due() const;
  void add_keyframe();
  void fold_endings();
  void put(rocksdb::WriteBatch& batch, Family family, std::string_view key, std::string_view payload) const;
  bool get_fact(std::string_view key) const;
  schema::Result<void> put_fact(std::string_view key, std::span<const std::byte> encoded);
  schema::Result<void> commit(rocksdb::WriteBatch& batch);

  const StoreOptions& options_;
  const RocksShared& rocks_;
  const std::int64_t boot_base_ns_;
  const std::string path_;
  std::optional<State> state_;  // none: to be loaded again

  // Facts that the next partition may need; kept over reloads.
  std::unordered_map<std::uint64_t, std::string> plans_;  // encoded
  Processes processes_;
  std::map<std::pair<schema::ProcessId, std::uint32_t>, schema::Thread> threads_;
  std::map<std::pair<schema::ProcessId, std::uint64_t>, schema::CodeSymbol> symbols_;  // the newest
  std::unordered_map<std::uint64_t, std::string> recent_stacks_;  // encoded; of rows to be appended
  std::map<std::string, schema::ProbeStatus> statuses_;
  schema::ClockSeries clock_;

  FrameCodec codec_;
  rocksdb::WriteBatch batch_;
  std::string frame_;
};

}  // namespace backsight::store
