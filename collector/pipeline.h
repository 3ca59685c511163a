// From ring records to rows in the store: checks each record, finds the process
// image and the plan it belongs to, orders a batch by time (a thread's order is
// kept), and commits per service in groups of at most 64 KiB or 10 ms.
//
//   ring_record ─▶ batch ─(batch_done: sort, resolve)─▶ slot.pending ─▶ append
//
// What cannot be kept is counted and becomes a gap; when the store fails, rows
// are dropped, facts wait, and the gap is written once the store works again.
#pragma once

#include "collector/code_addresses.h"
#include "collector/loss_ledger.h"
#include "collector/pipeline_input.h"
#include "collector/plan_counters.h"
#include "collector/symbolizer.h"
#include "schema/event.h"
#include "store/timeline.h"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace backsight::collector {

struct PipelineOptions {
  std::string host;
  std::string boot_id;
  std::uint64_t queue_limit_bytes = 64ull << 20;
  std::size_t commit_bytes = 64u << 10;
  std::int64_t commit_age_ns = 10'000'000;
  std::int64_t global_age_ns = 500'000'000;  // the same while only globals wait: few rows, stored together
  std::int64_t loss_period_ns = 200'000'000;
  // Asked for a process that was never announced; answers by process_started().
  std::function<void(const std::string& service, std::uint32_t pid, std::int64_t boot_ns)> find_process;
  // Names of code. prepare_code: a process may soon show addresses; ask_code: it did.
  std::function<void(const ImageKey& image)> prepare_code;
  std::function<void(CodeQuestion question)> ask_code;
  std::function<void(const std::string& message)> log;  // rare
};

struct PipelineTotals {
  std::uint64_t rows = 0;         // stored
  std::uint64_t queue_bytes = 0;  // waiting now
  std::uint64_t store_errors = 0;
  std::uint64_t processes = 0;  // alive
};

class Pipeline final : public PipelineInput {
 public:
  Pipeline(store::StoreWriter& store, PipelineOptions options);

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

  // The names of an answer that hold: the image was still there when its mappings
  // were read, and nothing was mapped anew since the row. The others may be asked again.
  std::vector<CodeName> checked(const CodeAnswer& answer);
  // What was captured and could not be kept: in its gaps, and in the counts of its probe.
  void add_losses(const std::string& service, schema::ProbeStatus& status) const;
  // Libraries were loaded or unloaded.
  void code_changed(std::uint32_t pid, std::int64_t since_boot_ns);

  // Commits everything that waits, facts included.
  void flush(std::int64_t now_boot_ns);
  // Rows wait: batch_done() must be called again within the commit age.
  bool has_pending() const;
  PipelineTotals totals() const;

 private:
  using Fact = std::variant<schema::Plan, schema::Process, schema::Thread, schema::CodeSymbol, schema::Stack,
                            schema::Gap, schema::ProbeStatus>;
  struct Slot {  // one service
    std::string service;
    std::vector<std::byte> pending;  // rows
    std::uint64_t pending_rows = 0;
    std::int64_t pending_since_ns = 0, oldest_ns = 0, newest_ns = 0;
    std::deque<Fact> facts;                    // to be written before the rows
    std::vector<schema::Process> ended;        // to be written behind the rows
    std::unordered_set<std::uint64_t> stacks;  // of the pending rows
    std::unordered_map<std::uint64_t, std::array<std::uint64_t, schema::kLossReasonCount>>
        lost;  // by plan id
    // Of plans with another sample than they began with: the id that they have in `lost`.
    std::unordered_map<std::uint64_t, std::uint64_t> base_plans;
    bool failing = false;
    bool has_calls = false;   // rows of calls wait, not only of globals
    bool shows_code = false;  // a plan has addresses of code
  };
  struct PlanRef {
    std::uint32_t slot = 0;
    bool known = false;
    schema::PlanId id;
    std::string probe, module_path, build_id;
    std::uint16_t flags = 0;                    // schema::plan_flags
    std::shared_ptr<const CodeAddresses> code;  // null: its rows have none
    LossCounts losses{};
    std::vector<std::pair<std::uint8_t, schema::PlanId>> generations;  // with another sample
    schema::PlanId id_of(std::uint8_t generation) const;
    schema::StackKind stack = schema::StackKind::kNone;
    bool stack_at_return = false;
  };
  struct Image {
    schema::ProcessId id;
    ProcessImage facts;
    std::vector<std::uint32_t> slots;                               // services that know it
    std::unordered_map<std::uint64_t, std::array<char, 16>> names;  // by slot << 32 | tid
    // Addresses of code that were asked for, by slot.
    std::map<std::uint32_t, std::unordered_set<std::uint64_t>> code;
    std::map<std::uint32_t, std::unordered_set<std::uint64_t>>
        stack_code;  // likewise, as code symbols have it
    std::size_t unsure_code = 0;
    std::int64_t code_changed_ns = 0;
    bool ending = false;
  };
  struct Waiting {  // one row of the batch
    std::int64_t boot_ns = 0;
    std::size_t offset = 0;
    std::uint32_t size = 0, plan = 0, tgid = 0;
    std::array<char, 16> name{};
    std::uint32_t stack = kNoStack;  // index in stacks_
  };
  static constexpr std::uint32_t kNoStack = 0xffffffff;
  static constexpr std::size_t kStackItemBytes = sizeof(schema::ItemHeader) + sizeof(schema::StackId);

  std::uint32_t slot_of(const std::string& service);
  Image& image_of(const PlanRef& plan, const Waiting& row);
  Image* find_image(std::uint32_t pid, std::int64_t boot_ns);
  void join(Image& image, std::uint32_t slot);
  void note_thread(Image& image, std::uint32_t slot, std::uint32_t tid, const Waiting& row);
  void show_code(std::uint32_t slot);
  void note_code(Image& image, const PlanRef& plan, const Waiting& row);
  std::uint32_t take_stack(const PlanRef& plan, unsigned kind, std::span<const std::byte>& items);
  void note_stack(Image& image, const PlanRef& plan, const Waiting& row);
  void ask_code();
  void move_batch(std::int64_t now_boot_ns);
  void end_images(std::int64_t now_boot_ns);
  schema::Process fact_of(const Image& image) const;
  bool put_facts(Slot& slot);
  void commit(std::uint32_t slot_index);
  void lose(const PlanRef& plan, schema::LossReason reason, std::int64_t boot_ns);
  void lose_pending(std::uint32_t slot_index);
  void write_losses(std::int64_t now_boot_ns, bool all = false);
  static bool is_due(const LossLedger::Key& key, const LossLedger::Loss& loss, std::int64_t now_boot_ns);
  bool failed(Slot& slot, const schema::Error& error);
  schema::BootTime stored(std::int64_t boot_ns) const { return {boot_ns + base_ns_}; }

  store::StoreWriter& store_;
  PipelineOptions options_;
  std::int64_t base_ns_;
  std::vector<Slot> slots_;
  std::unordered_map<std::string, std::uint32_t> slot_by_service_;
  std::vector<PlanRef> plans_;                                                     // by plan index
  std::unordered_map<std::uint32_t, std::vector<std::unique_ptr<Image>>> images_;  // by pid, oldest first
  std::vector<std::byte> batch_;
  std::vector<Waiting> waiting_;
  std::vector<schema::Stack> stacks_;                                               // of the batch
  std::map<std::pair<std::uint32_t, ImageKey>, std::vector<CodeAddress>> unnamed_;  // of the batch, by slot
  std::vector<std::uint32_t> ending_;  // pids with images that ended
  std::uint64_t queued_bytes_ = 0;     // in all slots
  LossLedger losses_;
  std::int64_t losses_written_ns_ = 0, last_batch_ns_ = 0;
  PipelineTotals totals_;
  schema::ErrorCode last_error_ = schema::ErrorCode::kIo;
};

}  // namespace backsight::collector
