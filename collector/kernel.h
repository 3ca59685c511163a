// The kernel's side of capture behind a small interface: loading the one BPF
// program, plans as map data, attaching, rings and counters. LibbpfKernel is
// the real one; tests and tapes replace it.
#pragma once

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"
#include "probes/planner.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace backsight::collector {

// What this kernel and these privileges allow.
struct KernelFeatures {
  bool bpf = false;             // programs can be loaded at all
  bool uprobe_multi = false;    // Linux 6.6
  bool bpf_loop = false;        // Linux 5.17
  bool nop5_optimised = false;  // Linux 6.18
  bool sleepable = false;       // Linux 6.0: reads may fault pages in
  std::string release;          // "6.18.44"
  std::string lacking;          // why bpf is false, and what to do
};

struct KernelOptions {
  std::uint64_t ring_bytes = 16ull << 20;  // data ring, rounded up to a power of two
  bool force_perf_uprobes = false;         // use the path of older kernels
  bool force_no_bpf_loop = false;          // likewise: the programs for kernels before 5.17
};

// Owns the attached links of one plan; destroying it, on any thread, detaches.
class Attachment {
 public:
  virtual ~Attachment() = default;
};

class Kernel {
 public:
  using RecordHandler = std::function<void(std::span<const std::byte>)>;

  virtual ~Kernel() = default;
  virtual const KernelFeatures& features() const = 0;

  // Relocates and writes a plan's operations and types; returns its index.
  // `service` and flags as in bs_plan. kNoSpace when the maps are full.
  virtual schema::Result<std::uint32_t> install_plan(const probes::CompiledPlan& plan, std::uint32_t service,
                                                     std::uint32_t flags) = 0;
  // Classes of the plan for which there was no room: their objects are not told.
  virtual std::size_t classes_left_out(std::uint32_t plan_index) const = 0;
  // Keeps the calls whose hash is below; 0: all. The low 8 bits are what the events that were
  // decided so carry as their generation.
  virtual void set_sample(std::uint32_t plan_index, std::uint64_t below) = 0;
  // The plan takes its tokens from this bucket (< BS_MAX_BUCKETS), which others may share.
  virtual void set_bucket(std::uint32_t plan_index, std::uint32_t bucket, const probes::RateLimit& rate) = 0;
  // Forgets the kept calls of threads that are gone: asks for each thread. To be called now and then.
  virtual std::size_t forget_calls(
      const std::function<bool(std::uint32_t tgid, std::uint32_t tid)>& is_alive) = 0;
  // Frees the index and its map space; call after its Attachment is gone.
  virtual void remove_plan(std::uint32_t plan_index) = 0;

  // Attaches all sites of a plan to the file at `open_path` (same inode as planned).
  // With BS_PLAN_SLEEPABLE, which needs that feature: by the program whose reads may sleep.
  virtual schema::Result<std::unique_ptr<Attachment>> attach(const std::string& open_path,
                                                             std::uint32_t plan_index,
                                                             const std::vector<probes::Site>& sites) = 0;
  // Reports BS_PROCESS_MODULES for processes of any service using this dynamic linker.
  virtual schema::Result<std::unique_ptr<Attachment>> watch_linker(const std::string& open_path,
                                                                   std::uint64_t file_offset) = 0;

  virtual schema::Result<void> add_process(std::uint32_t service, std::uint32_t tgid) = 0;
  virtual void remove_process(std::uint32_t service, std::uint32_t tgid) = 0;

  // Readable when the kernel asks for draining; also drain every 5 ms while busy.
  virtual int control_fd() const = 0;
  virtual int data_fd() const = 0;
  // Calls the handler for what is there now; returns the number of records.
  virtual std::size_t drain_control(const RecordHandler& handler) = 0;
  virtual std::size_t drain_data(const RecordHandler& handler, std::size_t max_records) = 0;

  // Summed over CPUs, since the plan was installed.
  virtual bs_plan_counters counters(std::uint32_t plan_index) const = 0;
  // Control records that the kernel had to drop: the process table must be rescanned.
  virtual std::uint64_t control_lost() const = 0;
};

// Which features there are; never fails.
KernelFeatures probe_kernel_features();

// Loads and verifies the programs, starts following processes. kPermission and
// kUnsupported say what is lacking (capability, kernel version, tracefs).
schema::Result<std::unique_ptr<Kernel>> open_libbpf_kernel(const KernelOptions& options);

}  // namespace backsight::collector
