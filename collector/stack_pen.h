// Holds records whose stack is being unwound, and those behind them, so that all keep
// their order; a copied stack is replaced by its addresses before anything else sees
// the record.
//
//   ring ─▶ record() ─▶ [ … waits for its stack … ] ─▶ next
//
// Where no probe copies stacks, records and ends of batches pass through.
#pragma once

#include "collector/pipeline_input.h"
#include "collector/stack_unwinder.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace backsight::collector {

class StackPen {
 public:
  struct Parts {
    PipelineInput& next;
    std::function<bool(UnwindJob job)> submit;  // false: too busy
    // The program image that ran as `pid` then.
    std::function<std::optional<ImageKey>(std::uint32_t pid, std::int64_t boot_ns)> image_at;
  };
  explicit StackPen(Parts parts) : parts_(std::move(parts)) {}

  void record(std::span<const std::byte> record);
  void batch_done(std::int64_t now_boot_ns, bool drained);
  // Libraries were loaded or unloaded.
  void code_changed(const ImageKey& image, std::int64_t since_boot_ns);
  void answered(const std::vector<UnwindAnswer>& answers);
  // Lets go what has its stack, or has waited too long for it.
  void release(std::int64_t now_boot_ns);
  // Lets go everything.
  void give_up();

  bool empty() const { return entries_.empty(); }
  std::uint64_t given_up() const { return given_up_; }  // stacks that were not waited for

 private:
  struct Entry {
    std::vector<std::byte> record;  // empty: the end of a batch
    std::uint64_t ticket = 0;       // not 0: waits for its stack
    ImageKey image;
    std::int64_t boot_ns = 0;  // of the record
    std::int64_t now_ns = 0;   // when it came
    bool drained = false;
  };

  void hold(std::span<const std::byte> record);
  void resolve(Entry& entry, const UnwindAnswer& answer);
  bool holds(const Entry& entry, const UnwindAnswer& answer) const;
  void pop();

  Parts parts_;
  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;  // number of entries_.front(); tickets are such numbers
  std::size_t bytes_ = 0;
  std::uint64_t given_up_ = 0;
  std::unordered_map<std::uint32_t, std::pair<ImageKey, std::int64_t>> changes_;  // by pid
};

}  // namespace backsight::collector
