// The maps that hold capture plans, written through shared mappings: where each
// plan's operations and types lie, and when an index may be used again.
#pragma once

#include "bpf/abi/plan.h"
#include "collector/range_allocator.h"
#include "probes/planner.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace backsight::collector {

// A BPF array map's values (BPF_F_MMAPABLE), mapped for writing.
template <class Value>
class MappedArray {
 public:
  static schema::Result<MappedArray> open(int map_fd, std::uint32_t entries);
  MappedArray() = default;
  MappedArray(MappedArray&& other) noexcept;
  MappedArray& operator=(MappedArray&& other) noexcept;
  ~MappedArray();

  Value& operator[](std::uint32_t index) { return values_[index]; }
  const Value& operator[](std::uint32_t index) const { return values_[index]; }

 private:
  Value* values_ = nullptr;
  std::size_t bytes_ = 0;
};

class PlanMaps {
 public:
  struct Descriptors {
    int plans = -1, ops = -1, types = -1, vtables = -1;
  };
  static schema::Result<std::unique_ptr<PlanMaps>> open(Descriptors maps);

  // Checks, relocates and writes. kNoSpace when full.
  schema::Result<std::uint32_t> install(const probes::CompiledPlan& plan, std::uint32_t service,
                                        std::uint32_t flags);
  void set_flags(std::uint32_t plan_index, std::uint32_t flags);
  std::uint32_t flags(std::uint32_t plan_index) const { return plans_[plan_index].flags; }
  void set_sample(std::uint32_t plan_index, std::uint64_t below);
  void set_bucket(std::uint32_t plan_index, std::uint32_t bucket);
  // Classes of the plan that found no room: objects of them are shown as what was
  // declared, with a `$type` that is not known.
  std::size_t vtables_left_out(std::uint32_t plan_index) const;
  // Link-time address that the plan's sites are counted from.
  std::uint64_t link_address(std::uint32_t plan_index) const { return plans_[plan_index].link_address; }
  // Disables the plan. Its index and space are used again only after the ring
  // was read up to `produced`: records of the old plan may wait in it.
  void remove(std::uint32_t plan_index, std::uint64_t produced);
  void reuse_until(std::uint64_t consumed);

 private:
  PlanMaps() = default;

  struct Space {
    std::uint32_t ops_begin = 0, ops_length = 0;
    std::uint32_t types_begin = 0, types_length = 0;
    std::vector<bs_vtable_key> vtables;
    std::size_t vtables_left_out = 0;
    bool has_exits = false;  // entries and exits: kept calls are remembered
  };
  struct Removed {
    std::uint32_t index;
    std::uint64_t produced;
  };
  std::optional<Space> allocate(const probes::CompiledPlan& plan);
  void release(const Space& space);
  void govern(std::uint32_t plan_index, std::uint32_t flag, bool is_on);
  void write_plan(std::uint32_t index, const probes::CompiledPlan& plan, const Space& space,
                  std::uint32_t service, std::uint32_t flags);
  // As many as there is room for.
  void add_vtables(const probes::CompiledPlan& plan, Space& space);

  int vtables_ = -1;  // of the kernel's programs, which outlive this
  MappedArray<bs_plan> plans_;
  MappedArray<bs_op> ops_;
  MappedArray<bs_type> types_;
  RangeAllocator indexes_{BS_MAX_PLANS};
  RangeAllocator ops_space_{BS_MAX_OPS};
  RangeAllocator types_space_{BS_MAX_TYPES};
  std::unordered_map<std::uint32_t, Space> installed_;
  std::deque<Removed> removed_;
};

}  // namespace backsight::collector
