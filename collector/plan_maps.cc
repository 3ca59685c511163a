#include "collector/plan_maps.h"

#include "collector/plan_check.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

std::uint32_t relocate(std::uint32_t pc, std::uint32_t base) {
  return pc == kNone ? 0 : pc + base;
}

}  // namespace

template <class Value>
schema::Result<MappedArray<Value>> MappedArray<Value>::open(int map_fd, std::uint32_t entries) {
  static_assert(sizeof(Value) % 8 == 0);  // the kernel rounds each value up to 8
  MappedArray array;
  const std::size_t bytes = sizeof(Value) * entries;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (memory == MAP_FAILED)
    return schema::make_error(schema::ErrorCode::kIo,
                              std::string("cannot map the plans of the kernel: ") + std::strerror(errno));
  array.values_ = static_cast<Value*>(memory);
  array.bytes_ = bytes;
  return array;
}

template <class Value>
MappedArray<Value>::MappedArray(MappedArray&& other) noexcept
    : values_(std::exchange(other.values_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

template <class Value>
MappedArray<Value>& MappedArray<Value>::operator=(MappedArray&& other) noexcept {
  std::swap(values_, other.values_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

template <class Value>
MappedArray<Value>::~MappedArray() {
  if (values_) ::munmap(values_, bytes_);
}

template class MappedArray<bs_plan>;
template class MappedArray<bs_op>;
template class MappedArray<bs_type>;

schema::Result<std::unique_ptr<PlanMaps>> PlanMaps::open(Descriptors maps) {
  auto result = std::unique_ptr<PlanMaps>(new PlanMaps);
  auto plans = MappedArray<bs_plan>::open(maps.plans, BS_MAX_PLANS);
  if (!plans) return std::move(plans).error();
  auto ops = MappedArray<bs_op>::open(maps.ops, BS_MAX_OPS);
  if (!ops) return std::move(ops).error();
  auto types = MappedArray<bs_type>::open(maps.types, BS_MAX_TYPES);
  if (!types) return std::move(types).error();
  result->plans_ = std::move(*plans);
  result->ops_ = std::move(*ops);
  result->types_ = std::move(*types);
  result->vtables_ = maps.vtables;
  return result;
}

std::optional<PlanMaps::Space> PlanMaps::allocate(const probes::CompiledPlan& plan) {
  Space space;
  space.ops_length = static_cast<std::uint32_t>(plan.ops.size());
  space.types_length = static_cast<std::uint32_t>(plan.types.size());
  const auto ops = ops_space_.allocate(space.ops_length);
  if (!ops) return std::nullopt;
  space.ops_begin = *ops;
  const auto types = types_space_.allocate(space.types_length);
  if (!types) {
    ops_space_.release(space.ops_begin, space.ops_length);
    return std::nullopt;
  }
  space.types_begin = *types;
  return space;
}

void PlanMaps::release(const Space& space) {
  for (const bs_vtable_key& key : space.vtables) bpf_map_delete_elem(vtables_, &key);
  ops_space_.release(space.ops_begin, space.ops_length);
  types_space_.release(space.types_begin, space.types_length);
}

schema::Result<std::uint32_t> PlanMaps::install(const probes::CompiledPlan& plan, std::uint32_t service,
                                                std::uint32_t flags) {
  if (service >= BS_MAX_SERVICES)
    return schema::make_error(schema::ErrorCode::kNoSpace,
                              "service number " + std::to_string(service) + ": at most " +
                                  std::to_string(BS_MAX_SERVICES) + " services can be followed");
  if (auto checked = check_plan(plan); !checked) return checked.error().within(plan.plan.function);
  auto space = allocate(plan);
  if (!space)
    return schema::make_error(schema::ErrorCode::kNoSpace,
                              plan.plan.function + ": no room for " + std::to_string(plan.ops.size()) +
                                  " operations and " + std::to_string(plan.types.size()) + " types",
                              "probe fewer functions, or capture less of each");
  const auto index = indexes_.allocate(1);
  if (!index) {
    release(*space);
    return schema::make_error(
        schema::ErrorCode::kNoSpace,
        plan.plan.function + ": " + std::to_string(BS_MAX_PLANS - 1) + " functions are probed already",
        "probe fewer functions");
  }
  add_vtables(plan, *space);
  space->has_exits = plan.plan.on_entry && plan.plan.on_return;
  write_plan(*index, plan, *space, service, flags);
  installed_[*index] = std::move(*space);
  if (plan.where_pc != kNone) govern(*index, BS_PLAN_WHERE, true);
  if (plan.plan.sample_below != 0) set_sample(*index, plan.plan.sample_below);
  return *index;
}

void PlanMaps::add_vtables(const probes::CompiledPlan& plan, Space& space) {
  for (const probes::Vtable& vtable : plan.vtables) {
    const bs_vtable_key key{.address = vtable.address, .type_base = space.types_begin, .reserved = 0};
    const bs_vtable value{.type = vtable.type.value, .size = plan.types[vtable.type.value].size};
    const bool is_in = bpf_map_update_elem(vtables_, &key, &value, BPF_NOEXIST) == 0;
    if (is_in) space.vtables.push_back(key);
    space.vtables_left_out += is_in ? 0 : 1;
  }
}

std::size_t PlanMaps::vtables_left_out(std::uint32_t plan_index) const {
  const auto it = installed_.find(plan_index);
  return it == installed_.end() ? 0 : it->second.vtables_left_out;
}

void PlanMaps::write_plan(std::uint32_t index, const probes::CompiledPlan& plan, const Space& space,
                          std::uint32_t service, std::uint32_t flags) {
  std::vector<bs_op> ops = plan.ops;
  fuse_operations(ops);
  std::copy(ops.begin(), ops.end(), &ops_[space.ops_begin]);
  for (std::uint32_t i = 0; i < space.types_length; i++)
    types_[space.types_begin + i] = {plan.types[i].size, relocate(plan.types[i].chase_pc, space.ops_begin),
                                     relocate(plan.types[i].blank_pc, space.ops_begin), plan.types[i].blanks};
  const auto& limits = plan.plan.limits;
  bs_plan entry{};
  entry.service = service;
  entry.entry_pc = relocate(plan.entry_pc, space.ops_begin);
  entry.return_pc = relocate(plan.return_pc, space.ops_begin);
  entry.type_base = space.types_begin;
  entry.max_depth = std::min(limits.depth, 255u);
  entry.max_elements = limits.elements;
  entry.max_string = std::min(limits.string_bytes, BS_MAX_STRING);
  entry.max_bytes = std::min(limits.bytes, BS_MAX_EVENT);
  entry.link_address = plan.plan.address;
  entry.redacts =
      std::any_of(plan.types.begin(), plan.types.end(), [](const bs_type& type) { return type.blanks > 0; });
  entry.where_pc = relocate(plan.where_pc, space.ops_begin);
  entry.sample_pc = relocate(plan.sample_pc, space.ops_begin);
  plans_[index] = entry;
  set_flags(index, flags);
}

// What governs the calls stays as it is.
void PlanMaps::set_flags(std::uint32_t plan_index, std::uint32_t flags) {
  constexpr std::uint32_t kGoverning = BS_PLAN_GOVERNED | BS_PLAN_PAIRED;
  flags |= plans_[plan_index].flags & kGoverning;
  __atomic_store_n(&plans_[plan_index].flags, flags, __ATOMIC_RELEASE);
}

// Calls that are open when pairing begins were not remembered: their returns are not
// seen. It goes on when the last reason for it ends, for the calls then open.
void PlanMaps::govern(std::uint32_t plan_index, std::uint32_t flag, bool is_on) {
  const auto known = installed_.find(plan_index);
  if (known == installed_.end()) return;
  std::uint32_t flags = plans_[plan_index].flags;
  flags = is_on ? flags | flag : flags & ~flag;
  if (is_on && known->second.has_exits) flags |= BS_PLAN_PAIRED;
  __atomic_store_n(&plans_[plan_index].flags, flags, __ATOMIC_RELEASE);
}

void PlanMaps::set_sample(std::uint32_t plan_index, std::uint64_t below) {
  __atomic_store_n(&plans_[plan_index].sample_below, below, __ATOMIC_RELEASE);
  govern(plan_index, BS_PLAN_SAMPLED, below != 0);
}

void PlanMaps::set_bucket(std::uint32_t plan_index, std::uint32_t bucket) {
  plans_[plan_index].bucket = bucket;
  govern(plan_index, BS_PLAN_LIMITED, true);
}

void PlanMaps::remove(std::uint32_t plan_index, std::uint64_t produced) {
  if (!installed_.contains(plan_index)) return;
  __atomic_store_n(&plans_[plan_index].flags, 0u, __ATOMIC_RELEASE);
  removed_.push_back({plan_index, produced});
}

void PlanMaps::reuse_until(std::uint64_t consumed) {
  while (!removed_.empty() && removed_.front().produced <= consumed) {
    const auto it = installed_.find(removed_.front().index);
    if (it != installed_.end()) {
      release(it->second);
      indexes_.release(it->first, 1);
      installed_.erase(it);
    }
    removed_.pop_front();
  }
}

}  // namespace backsight::collector
