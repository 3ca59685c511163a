// One global of one process at one moment. The plan's program is executed over
// the process's memory while it runs; what was read is read again, and only where
// it is the same is it shown: no byte of it changed in between, so that all of it
// was there together at the moment between the two. What changes each time is
// `changing`, never a mixture.
#pragma once

#include "bpf/abi/user_machine.h"
#include "collector/target_memory.h"
#include "probes/planner.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace backsight::collector {

// The program of a plan, as the machine in user space takes it. Immutable.
class GlobalProgram {
 public:
  // kInvalid: not a plan that it could execute.
  static schema::Result<std::shared_ptr<const GlobalProgram>> create(const probes::CompiledPlan& plan);

  bs_user_plan at(std::uint64_t bias) const;
  std::uint32_t root_type() const { return root_type_; }

 private:
  GlobalProgram() = default;
  std::vector<bs_op> ops_;
  std::vector<bs_type> types_;
  std::vector<bs_user_vtable> vtables_;
  bs_plan plan_{};
  std::uint32_t root_type_ = 0;
};

struct GlobalRecord {
  std::int64_t boot_ns = 0;       // of the moment
  std::vector<std::byte> record;  // as of the data ring; the header's process and plan are 0
  bool is_changing = false;
};

// Not thread-safe.
class GlobalReader {
 public:
  using Clock = std::function<std::int64_t()>;
  explicit GlobalReader(Clock clock);

  // Nothing: the image has ended.
  std::optional<GlobalRecord> read(const GlobalProgram& program, std::uint64_t bias, MemorySource& memory);

 private:
  struct Range {
    std::uint64_t from = 0;
    std::size_t at = 0;  // in bytes_
    std::uint32_t size = 0;
    MemoryRead outcome = MemoryRead::kDone;
  };
  static int take(void* self, __u64 from, void* to, __u32 bytes);
  MemoryRead take(std::uint64_t from, std::span<std::byte> to);
  bool is_same(const Range& range);
  bool is_unchanged();
  void forget_bytes();
  GlobalRecord changing(const GlobalProgram& program) const;

  struct Free {
    void operator()(bs_machine* machine) const { bs_user_machine_free(machine); }
  };
  Clock clock_;
  std::unique_ptr<bs_machine, Free> machine_;
  MemorySource* memory_ = nullptr;
  std::vector<Range> ranges_;  // of this execution
  std::vector<std::byte> bytes_, again_;
  bool is_gone_ = false;
};

}  // namespace backsight::collector
