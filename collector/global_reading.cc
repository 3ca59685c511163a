#include "collector/global_reading.h"

#include "collector/plan_check.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace backsight::collector {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;
constexpr int kAttempts = 6;

// Index 0 of the operations means none, so all move by one.
std::uint32_t moved(std::uint32_t pc) {
  return pc == kNone ? 0 : pc + 1;
}

}  // namespace

schema::Result<std::shared_ptr<const GlobalProgram>> GlobalProgram::create(const probes::CompiledPlan& plan) {
  if (auto checked = check_plan(plan); !checked) return checked.error().within(plan.plan.function);
  if (plan.entry_pc == kNone || plan.plan.captures.empty())
    return schema::make_error(schema::ErrorCode::kInvalid, plan.plan.function + " has nothing to read");
  auto program = std::shared_ptr<GlobalProgram>(new GlobalProgram);
  program->ops_.push_back(bs_op{BS_OP_END, 0, 0, 0, 0});
  program->ops_.insert(program->ops_.end(), plan.ops.begin(), plan.ops.end());
  for (const bs_type& type : plan.types) {
    program->types_.push_back({type.size, moved(type.chase_pc), moved(type.blank_pc), type.blanks});
    program->plan_.redacts |= type.blanks > 0 ? 1 : 0;
  }
  for (const probes::Vtable& vtable : plan.vtables)
    program->vtables_.push_back({vtable.address, {vtable.type.value, plan.types[vtable.type.value].size}});
  std::sort(program->vtables_.begin(), program->vtables_.end(),
            [](const auto& left, const auto& right) { return left.address < right.address; });
  const auto& limits = plan.plan.limits;
  program->plan_.entry_pc = moved(plan.entry_pc);
  program->plan_.max_depth = std::min(limits.depth, 255u);
  program->plan_.max_elements = limits.elements;
  program->plan_.max_string = std::min(limits.string_bytes, BS_MAX_STRING);
  program->plan_.max_bytes = std::min(limits.bytes, BS_MAX_EVENT);
  program->root_type_ = plan.plan.captures.front().type.value;
  return std::shared_ptr<const GlobalProgram>(std::move(program));
}

bs_user_plan GlobalProgram::at(std::uint64_t bias) const {
  bs_user_plan plan{};
  plan.ops = ops_.data();
  plan.types = types_.data();
  plan.vtables = vtables_.data();
  plan.op_count = static_cast<std::uint32_t>(ops_.size());
  plan.type_count = static_cast<std::uint32_t>(types_.size());
  plan.vtable_count = static_cast<std::uint32_t>(vtables_.size());
  plan.plan = plan_;
  plan.bias = bias;
  return plan;
}

GlobalReader::GlobalReader(Clock clock) : clock_(std::move(clock)), machine_(bs_user_machine_new()) {
  if (!machine_) throw std::bad_alloc();
}

int GlobalReader::take(void* self, __u64 from, void* to, __u32 bytes) {
  const auto outcome =
      static_cast<GlobalReader*>(self)->take(from, std::span(static_cast<std::byte*>(to), bytes));
  return outcome == MemoryRead::kDone ? BS_ITEM_OK : BS_ITEM_BAD_ADDRESS;
}

MemoryRead GlobalReader::take(std::uint64_t from, std::span<std::byte> to) {
  if (is_gone_) return MemoryRead::kGone;
  Range range{from, bytes_.size(), static_cast<std::uint32_t>(to.size()), memory_->read(from, to)};
  is_gone_ = range.outcome == MemoryRead::kGone;
  if (range.outcome == MemoryRead::kDone) bytes_.insert(bytes_.end(), to.begin(), to.end());
  ranges_.push_back(range);
  return range.outcome;
}

bool GlobalReader::is_same(const Range& range) {
  again_.resize(range.size);
  const auto outcome = memory_->read(range.from, again_);
  is_gone_ = is_gone_ || outcome == MemoryRead::kGone;
  return outcome == range.outcome && (outcome != MemoryRead::kDone ||
                                      std::memcmp(again_.data(), bytes_.data() + range.at, range.size) == 0);
}

// Once in the order of reading, once in the other: what changes to and fro in step
// with one of them does not so with both.
bool GlobalReader::is_unchanged() {
  const auto same = [this](const Range& range) { return is_same(range); };
  return std::all_of(ranges_.begin(), ranges_.end(), same) &&
         std::all_of(ranges_.rbegin(), ranges_.rend(), same);
}

// What is redacted is zeroed in the record; here it stood as it was read.
void GlobalReader::forget_bytes() {
  ::explicit_bzero(bytes_.data(), bytes_.capacity());
  ::explicit_bzero(again_.data(), again_.capacity());
}

GlobalRecord GlobalReader::changing(const GlobalProgram& program) const {
  GlobalRecord result{clock_(), std::vector<std::byte>(sizeof(bs_event) + sizeof(bs_item)), true};
  bs_event event{};
  event.size = static_cast<std::uint32_t>(result.record.size());
  event.kind = BS_SITE_GLOBAL;
  bs_item item{};
  item.type = program.root_type();
  item.status = BS_ITEM_CHANGING;
  std::memcpy(result.record.data(), &event, sizeof event);
  std::memcpy(result.record.data() + sizeof event, &item, sizeof item);
  return result;
}

std::optional<GlobalRecord> GlobalReader::read(const GlobalProgram& program, std::uint64_t bias,
                                               MemorySource& memory) {
  memory_ = &memory;
  is_gone_ = false;
  const bs_user_plan plan = program.at(bias);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ranges_.clear();
    bytes_.clear();
    const bs_event* event = bs_user_machine_run(machine_.get(), &plan, &GlobalReader::take, this);
    const auto moment_ns = clock_();
    const bool is_true = !is_gone_ && is_unchanged();
    if (plan.plan.redacts) forget_bytes();
    if (is_gone_) return std::nullopt;
    if (!is_true) continue;
    const auto* begin = reinterpret_cast<const std::byte*>(event);
    return GlobalRecord{moment_ns, {begin, begin + event->size}, false};
  }
  return changing(program);
}

}  // namespace backsight::collector
