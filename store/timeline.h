// The timeline of one service: written by one collector, read by any number of
// readers next to it. Rows (schema/event.h) are kept in compressed frames in
// time partitions, each a small RocksDB database that stands alone.
// docs/format/store.md has the layout.
#pragma once

#include "schema/event.h"
#include "schema/facts.h"
#include "schema/plan.h"
#include "schema/result.h"
#include "schema/time.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace backsight::store {

enum class Durability : std::uint8_t {
  kProcess,  // acknowledged data survives kill -9 of the collector
  kPower,    // and loss of power
};

struct StoreOptions {
  std::string path;                               // store directory; created if missing
  std::int64_t partition_ns = 3'600'000'000'000;  // wall time
  Durability durability = Durability::kProcess;
  std::uint64_t cache_bytes = 32ull << 20;
  std::uint64_t write_buffer_bytes = 32ull << 20;
  std::string boot_id;  // a new boot begins a new partition
  std::string host;
  std::uint64_t min_free_bytes = 64ull
                                 << 20;  // below: append fails with kNoSpace, before RocksDB meets ENOSPC
};

// The right to write a store directory; held while it lives. kBusy names the
// process that holds it.
class StoreWriter {
 public:
  static schema::Result<std::unique_ptr<StoreWriter>> open(const StoreOptions& options);
  virtual ~StoreWriter() = default;

  // What to add to CLOCK_BOOTTIME to get this store's BootTime: the wall clock
  // minus the boot clock when this boot was first seen here, kept in the store;
  // later than everything recorded in earlier boots. All times given to this
  // class have it added.
  virtual std::int64_t boot_base_ns() const = 0;

  // Facts. Idempotent: equal content is stored once per partition; every
  // partition gets what its rows need by itself. `service` is created on first use.
  virtual schema::Result<schema::PlanId> put_plan(const std::string& service, const schema::Plan& plan) = 0;
  virtual schema::Result<void> put_process(const std::string& service, const schema::Process& process) = 0;
  virtual schema::Result<void> put_thread(const std::string& service, const schema::Thread& thread) = 0;
  virtual schema::Result<void> put_symbol(const std::string& service, const schema::CodeSymbol& symbol) = 0;
  // Its id is what rows name it by; to be put before each append of such rows.
  virtual schema::Result<schema::StackId> put_stack(const std::string& service,
                                                    const schema::Stack& stack) = 0;
  virtual schema::Result<void> put_gap(const std::string& service, const schema::Gap& gap) = 0;
  virtual schema::Result<void> put_probe_status(const std::string& service,
                                                const schema::ProbeStatus& status) = 0;
  // For every service, and kept for services yet to come.
  virtual schema::Result<void> put_clock(const schema::ClockSample& sample) = 0;

  // Appends rows (EventBuilder's output, concatenated) in the given order as
  // one or more frames; when it returns, they are acknowledged. Rows of one
  // thread must come in their order. Returns the sequence of the last row.
  // kNoSpace and kIo leave the timeline consistent; the caller records the gap
  // when writing succeeds again.
  virtual schema::Result<schema::Sequence> append(const std::string& service,
                                                  std::span<const std::byte> rows) = 0;
  virtual schema::Result<void> flush() = 0;

  struct Counters {
    std::uint64_t rows = 0, raw_bytes = 0, frames = 0, frame_bytes = 0;
  };
  virtual Counters counters() const = 0;
};

// A row with its place in the timeline.
struct StoredEvent {
  schema::Sequence sequence;
  schema::EventView event;  // valid during the visit only
};

// An open call at a moment, or a finished one: where its events stand.
struct CallRef {
  schema::Sequence entry;  // 0: not seen
  schema::Sequence exit;   // 0: not seen
  schema::ProcessId process;
  std::uint32_t tid = 0;
  schema::PlanId plan;
  std::uint64_t frame = 0;
  std::uint16_t flags = 0;  // EventHeader::flags of the event that showed it first
  schema::BootTime entry_time, exit_time;
  bool operator==(const CallRef&) const = default;
};

// Everything that is true at a moment, as references (architecture, rule 10).
struct Fold {
  schema::BootTime at;
  schema::Sequence next;      // the first sequence that is not folded in
  std::vector<CallRef> open;  // per thread outermost first; threads in order of (process, tid)
  std::vector<CallRef> last;  // last completed call per (process, plan)
  bool operator==(const Fold&) const = default;
};

struct ServiceSpan {
  std::string service;
  schema::WallTime oldest, newest;
  std::uint64_t events = 0;
};

struct TimelineStats {
  std::uint64_t events = 0, raw_bytes = 0, stored_bytes = 0, lost = 0;
  std::uint32_t partitions = 0;
  std::optional<schema::WallTime> oldest, newest;
};

struct Damage {
  std::string file;  // below the store directory
  std::string what;  // "frame 812: checksum differs"
};

// A consistent view of one service at the time it was opened; sees everything
// acknowledged before. Not thread-safe; open one per question.
class TimelineReader {
 public:
  // kNotFound: no such service. Damaged partitions do not fail the open; they
  // are in damage().
  static schema::Result<std::unique_ptr<TimelineReader>> open(const std::string& store_path,
                                                              const std::string& service);
  virtual ~TimelineReader() = default;

  virtual const schema::ClockSeries& clock() const = 0;
  virtual const std::map<schema::ProcessId, schema::Process>& processes() const = 0;
  virtual const std::map<schema::PlanId, schema::Plan>& plans() const = 0;
  virtual const std::vector<schema::Gap>& gaps() const = 0;  // by `from`
  virtual const std::vector<schema::ProbeStatus>& probe_statuses()
      const = 0;  // newest per (probe, function, module)
  virtual std::string thread_name(schema::ProcessId process, std::uint32_t tid,
                                  schema::BootTime at) const = 0;
  // What code is at an address of a process; nothing where it is not known.
  virtual std::optional<std::string> code_name(schema::ProcessId process, std::uint64_t address,
                                               schema::BootTime at) const = 0;
  virtual std::optional<schema::Stack> stack(schema::StackId id) const = 0;
  virtual const std::vector<Damage>& damage() const = 0;

  // Visits rows in sequence order, all those with from <= time <= to, and
  // possibly not others; the visitor returns false to stop.
  using Visitor = std::function<bool(const StoredEvent&)>;
  virtual schema::Result<void> scan(schema::BootTime from, schema::BootTime to, const Visitor& visitor) = 0;
  // Newest first.
  virtual schema::Result<void> scan_backwards(schema::BootTime from, schema::BootTime to,
                                              const Visitor& visitor) = 0;
  // One row by its sequence; kNotFound.
  virtual schema::Result<std::vector<std::byte>> load(schema::Sequence sequence) = 0;
  // State at `at` from the nearest keyframe; cost independent of the size of the store.
  virtual schema::Result<Fold> fold_at(schema::BootTime at) = 0;
  // The same without keyframes, from the oldest row: the oracle.
  virtual schema::Result<Fold> fold_naively(schema::BootTime at) = 0;

  virtual schema::Result<TimelineStats> stats() = 0;
};

schema::Result<std::vector<ServiceSpan>> list_services(const std::string& store_path);
// Reads every byte; `progress` gets done and total bytes. Undamaged parts stay readable.
schema::Result<std::vector<Damage>> verify(const std::string& store_path,
                                           const std::function<void(std::uint64_t, std::uint64_t)>& progress);

// Named moments and pins of a store: any process may write them, next to a
// running collector.
schema::Result<void> put_moment(const std::string& store_path, const schema::Moment& moment);
schema::Result<std::vector<schema::Moment>> load_moments(const std::string& store_path);  // by time
schema::Result<void> put_pin(const std::string& store_path, const schema::Pin& pin);
schema::Result<void> delete_pin(const std::string& store_path, const std::string& name);  // kNotFound
schema::Result<std::vector<schema::Pin>> load_pins(const std::string& store_path);

}  // namespace backsight::store
