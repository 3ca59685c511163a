// Everything that flows into the pipeline, as one interface: the pipeline
// itself, the tape that records it, and both at once are implementations.
// Times are CLOCK_BOOTTIME nanoseconds of this boot, without the store's offset.
#pragma once

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"
#include "schema/facts.h"
#include "schema/plan.h"
#include "schema/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace backsight::collector {

// Indexes of plans: those of the kernel, then those of globals.
inline constexpr std::uint32_t kFirstGlobalPlan = BS_MAX_PLANS;
inline constexpr std::uint32_t kMostPlans = 2 * BS_MAX_PLANS;

// One program image: from fork or exec to exec or exit.
struct ProcessImage {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::string exe;
  std::vector<std::string> cmdline;
  std::string build_id;
  std::int64_t started_boot_ns = 0;
  std::optional<std::int64_t> ended_boot_ns;
  bool operator==(const ProcessImage&) const = default;
};

// What code is at an address of an image, seen first in a row of that time.
struct CodeName {
  std::uint32_t pid = 0;
  std::int64_t started_boot_ns = 0;
  std::uint64_t address = 0;
  std::int64_t since_boot_ns = 0;
  std::string name;
  bool operator==(const CodeName&) const = default;
};

class PipelineInput {
 public:
  virtual ~PipelineInput() = default;

  virtual void plan_added(std::uint32_t plan_index, const std::string& service, const schema::Plan& plan) = 0;
  // Events of this generation (bs_event) are of `plan`, which is the added one with another sample.
  virtual void plan_sampled(std::uint32_t plan_index, std::uint8_t generation, const schema::Plan& plan) = 0;
  virtual void plan_removed(std::uint32_t plan_index) = 0;
  // A later image of the same pid ends the earlier one.
  virtual void process_started(const std::string& service, const ProcessImage& image) = 0;
  virtual void process_ended(std::uint32_t pid, std::int64_t boot_ns) = 0;
  // One record of the data ring, unchecked.
  virtual void ring_record(std::span<const std::byte> record) = 0;
  // The records since the last call are one batch. `drained`: the ring was empty
  // then, so that nothing of ended processes is still to come.
  virtual void batch_done(std::int64_t now_boot_ns, bool drained) = 0;
  virtual void counters_read(std::uint32_t plan_index, const bs_plan_counters& counters,
                             std::int64_t now_boot_ns) = 0;
  virtual void clock_read(const schema::ClockSample& sample) = 0;
  virtual void code_named(const std::string& service, const CodeName& name) = 0;
  virtual void gap_found(const std::string& service, const schema::Gap& gap) = 0;
  virtual void status_changed(const std::string& service, const schema::ProbeStatus& status) = 0;
};

}  // namespace backsight::collector
