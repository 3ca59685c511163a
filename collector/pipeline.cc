#include "collector/pipeline.h"

#include "bpf/abi/plan.h"
#include "schema/codec.h"

#include <algorithm>
#include <cstring>

namespace backsight::collector {
namespace {

using schema::LossReason;

constexpr std::size_t kMostThreadNames = 65536;  // of one process
constexpr std::int64_t kKeepEndedNs = 10'000'000'000;
// What the kernel says of one event; the other flags are its plan's.
constexpr unsigned kLimitFlags = BS_EVENT_BYTE_LIMIT | BS_EVENT_QUEUE_LIMIT | BS_EVENT_STEP_LIMIT;

constexpr std::size_t padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

// Header and items fill the record exactly.
bool is_well_formed(const bs_event& event, std::span<const std::byte> record) {
  if (event.size != record.size() || event.size % 8 != 0) return false;
  const bool is_call = event.kind >= BS_SITE_ENTRY && event.kind <= BS_SITE_TAIL_CALL;
  if (!is_call && event.kind != BS_SITE_GLOBAL) return false;
  for (std::size_t at = sizeof(bs_event); at < record.size();) {
    if (record.size() - at < sizeof(bs_item)) return false;
    bs_item item;
    std::memcpy(&item, record.data() + at, sizeof item);
    at += sizeof item;
    if (item.captured > item.length && item.status != BS_ITEM_STRING_LIMIT) return false;
    if (item.captured > record.size() - at || padded(item.captured) > record.size() - at) return false;
    at += padded(item.captured);
  }
  return true;
}

}  // namespace

Pipeline::Pipeline(store::StoreWriter& store, PipelineOptions options)
    : store_(store), options_(std::move(options)), base_ns_(store.boot_base_ns()) {}

std::uint32_t Pipeline::slot_of(const std::string& service) {
  const auto [known, is_new] =
      slot_by_service_.try_emplace(service, static_cast<std::uint32_t>(slots_.size()));
  if (is_new) slots_.emplace_back().service = service;
  return known->second;
}

void Pipeline::plan_added(std::uint32_t plan_index, const std::string& service, const schema::Plan& plan) {
  if (plan_index >= kMostPlans) return;
  if (plans_.size() <= plan_index) plans_.resize(plan_index + 1);
  const auto slot = slot_of(service);
  plans_[plan_index] = {slot,
                        true,
                        schema::plan_id(plan),
                        plan.probe,
                        plan.module_path,
                        plan.build_id,
                        schema::plan_flags(plan),
                        {},
                        {},
                        {},
                        plan.stack,
                        !plan.on_entry};
  const CodeAddresses code(plan);
  if (!code.empty() && options_.ask_code) {
    plans_[plan_index].code = std::make_shared<const CodeAddresses>(code);
    show_code(slot);
  }
  if (plan.stack != schema::StackKind::kNone) show_code(slot);
  slots_[slot].facts.emplace_back(plan);
}

void Pipeline::plan_sampled(std::uint32_t plan_index, std::uint8_t generation, const schema::Plan& plan) {
  if (plan_index >= plans_.size() || !plans_[plan_index].known || generation == 0) return;
  auto& known = plans_[plan_index];
  const auto id = schema::plan_id(plan);
  std::erase_if(known.generations, [&](const auto& other) { return other.first == generation; });
  known.generations.emplace_back(generation, id);
  auto& slot = slots_[known.slot];
  slot.base_plans[id.value] = known.id.value;
  slot.facts.emplace_back(plan);
}

schema::PlanId Pipeline::PlanRef::id_of(std::uint8_t generation) const {
  for (const auto& [number, sampled] : generations)
    if (number == generation) return sampled;
  return id;
}

void Pipeline::plan_removed(std::uint32_t plan_index) {
  if (plan_index < plans_.size()) plans_[plan_index].known = false;
}

schema::Process Pipeline::fact_of(const Image& image) const {
  schema::Process process;
  process.id = image.id;
  process.pid = image.facts.pid;
  process.parent_pid = image.facts.parent_pid;
  process.exe = image.facts.exe;
  process.cmdline = image.facts.cmdline;
  process.build_id = image.facts.build_id;
  process.host = options_.host;
  process.boot_id = options_.boot_id;
  process.started = stored(image.facts.started_boot_ns);
  if (image.facts.ended_boot_ns) process.ended = stored(*image.facts.ended_boot_ns);
  return process;
}

void Pipeline::process_started(const std::string& service, const ProcessImage& facts) {
  auto& images = images_[facts.pid];
  const auto same = [&](const auto& image) { return image->facts.started_boot_ns == facts.started_boot_ns; };
  auto known = std::find_if(images.begin(), images.end(), same);
  if (known == images.end()) {
    if (!images.empty() && images.back()->facts.started_boot_ns < facts.started_boot_ns) {
      process_ended(facts.pid, facts.started_boot_ns);
    }
    auto image = std::make_unique<Image>();
    image->facts = facts;
    image->facts.ended_boot_ns.reset();
    image->id = schema::process_id(options_.boot_id, facts.pid, facts.started_boot_ns);
    known = std::upper_bound(images.begin(), images.end(), image, [](const auto& left, const auto& right) {
      return left->facts.started_boot_ns < right->facts.started_boot_ns;
    });
    known = images.insert(known, std::move(image));
    if (known + 1 != images.end()) {  // announced late: the next image ended it
      (*known)->facts.ended_boot_ns = (*(known + 1))->facts.started_boot_ns;
      ending_.push_back(facts.pid);
    }
  }
  join(**known, slot_of(service));
  if (facts.ended_boot_ns && !(*known)->facts.ended_boot_ns) {
    (*known)->facts.ended_boot_ns = facts.ended_boot_ns;
    ending_.push_back(facts.pid);
  }
}

void Pipeline::join(Image& image, std::uint32_t slot) {
  if (std::find(image.slots.begin(), image.slots.end(), slot) != image.slots.end()) return;
  image.slots.push_back(slot);
  auto process = fact_of(image);
  process.ended.reset();
  slots_[slot].facts.emplace_back(std::move(process));
  if (slots_[slot].shows_code && options_.prepare_code)
    options_.prepare_code({image.facts.pid, image.facts.started_boot_ns});
}

void Pipeline::process_ended(std::uint32_t pid, std::int64_t boot_ns) {
  const auto known = images_.find(pid);
  if (known == images_.end()) return;
  auto& image = *known->second.back();
  if (image.facts.ended_boot_ns || boot_ns < image.facts.started_boot_ns) return;
  image.facts.ended_boot_ns = boot_ns;
  ending_.push_back(pid);
}

void Pipeline::ring_record(std::span<const std::byte> record) {
  bs_event event{};
  const bool has_header = record.size() >= sizeof event;
  if (has_header) std::memcpy(&event, record.data(), sizeof event);
  const PlanRef* plan =
      has_header && event.plan < plans_.size() && plans_[event.plan].known ? &plans_[event.plan] : nullptr;
  if (!plan || !is_well_formed(event, record)) {
    const LossLedger::Loss loss{last_batch_ns_, last_batch_ns_, 1};
    if (plan) return lose(*plan, LossReason::kMalformed, last_batch_ns_);
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
      losses_.add(slot, LossReason::kMalformed, {}, loss);
    }
    return;
  }
  const auto boot_ns = static_cast<std::int64_t>(event.boot_ns);
  if (queued_bytes_ + batch_.size() + record.size() > options_.queue_limit_bytes) {
    return lose(*plan, LossReason::kMemoryLimit, boot_ns);
  }
  schema::EventHeader header;
  auto items = record.subspan(sizeof event);
  const auto stack =
      plan->stack == schema::StackKind::kNone ? kNoStack : take_stack(*plan, event.kind, items);
  const std::size_t stack_bytes = stack == kNoStack ? 0 : kStackItemBytes;
  header.size_bytes = static_cast<std::uint32_t>(sizeof header + items.size() + stack_bytes);
  header.kind = event.kind;
  header.flags = static_cast<std::uint16_t>((event.flags & kLimitFlags) | plan->flags);
  header.boot_ns = boot_ns + base_ns_;
  header.source_seq = event.seq;
  header.source = event.cpu;
  header.tid = event.tid;
  header.plan = plan->id_of(event.generation).value;
  header.frame = event.frame;
  const auto offset = batch_.size();
  batch_.resize(offset + header.size_bytes);
  std::memcpy(batch_.data() + offset, &header, sizeof header);
  if (!items.empty()) std::memcpy(batch_.data() + offset + sizeof header, items.data(), items.size());
  auto& row = waiting_.emplace_back();
  row = {boot_ns, offset, header.size_bytes, event.plan, event.tgid, {}, stack};
  std::memcpy(row.name.data(), event.comm, row.name.size());
}

Pipeline::Image* Pipeline::find_image(std::uint32_t pid, std::int64_t boot_ns) {
  const auto known = images_.find(pid);
  if (known == images_.end()) return nullptr;
  for (auto it = known->second.rbegin(); it != known->second.rend(); ++it) {
    auto& image = **it;
    if (image.facts.started_boot_ns > boot_ns) continue;
    return !image.facts.ended_boot_ns || boot_ns <= *image.facts.ended_boot_ns ? &image : nullptr;
  }
  return nullptr;
}

Pipeline::Image& Pipeline::image_of(const PlanRef& plan, const Waiting& row) {
  if (auto* image = find_image(row.tgid, row.boot_ns)) return *image;
  const auto service = slots_[plan.slot].service;
  if (options_.find_process) options_.find_process(service, row.tgid, row.boot_ns);
  if (auto* image = find_image(row.tgid, row.boot_ns)) return *image;
  // Gone without a trace: what the plan says is still true.
  process_started(service, {row.tgid, 0, plan.module_path, {}, plan.build_id, row.boot_ns, {}});
  return *find_image(row.tgid, row.boot_ns);
}

void Pipeline::note_thread(Image& image, std::uint32_t slot, std::uint32_t tid, const Waiting& row) {
  if (image.names.size() > kMostThreadNames) image.names.clear();
  auto [known, is_new] = image.names.try_emplace(std::uint64_t{slot} << 32 | tid, row.name);
  if (!is_new && known->second == row.name) return;
  known->second = row.name;
  const std::string name(row.name.data(), strnlen(row.name.data(), row.name.size()));
  slots_[slot].facts.emplace_back(schema::Thread{image.id, tid, name, stored(row.boot_ns)});
}

void Pipeline::move_batch(std::int64_t now_boot_ns) {
  const auto earlier = [](const Waiting& left, const Waiting& right) { return left.boot_ns < right.boot_ns; };
  if (!std::is_sorted(waiting_.begin(), waiting_.end(), earlier)) {
    std::stable_sort(waiting_.begin(), waiting_.end(), earlier);
  }
  Image* image = nullptr;
  for (const auto& row : waiting_) {
    const auto plan = plans_[row.plan];  // a copy: finding a process may add plans' services
    if (!image || image->facts.pid != row.tgid || row.boot_ns < image->facts.started_boot_ns ||
        (image->facts.ended_boot_ns && row.boot_ns > *image->facts.ended_boot_ns)) {
      image = &image_of(plan, row);
    }
    join(*image, plan.slot);
    schema::EventHeader header;
    std::memcpy(&header, batch_.data() + row.offset, sizeof header);
    header.process = image->id.value;
    std::memcpy(batch_.data() + row.offset, &header, sizeof header);
    if (header.tid != 0) note_thread(*image, plan.slot, header.tid, row);
    if (plan.code) note_code(*image, plan, row);
    if (row.stack != kNoStack) note_stack(*image, plan, row);
    auto& slot = slots_[plan.slot];
    if (slot.pending_rows++ == 0) {
      slot.pending_since_ns = now_boot_ns;
      slot.oldest_ns = row.boot_ns;
    }
    slot.newest_ns = row.boot_ns;
    slot.has_calls |= header.kind != static_cast<std::uint16_t>(schema::EventKind::kGlobal);
    const auto* begin = batch_.data() + row.offset;
    slot.pending.insert(slot.pending.end(), begin, begin + row.size);
    queued_bytes_ += row.size;
    if (slot.pending.size() >= options_.commit_bytes) commit(plan.slot);
  }
  waiting_.clear();
  stacks_.clear();
  batch_.clear();
  if (!unnamed_.empty()) ask_code();
}

void Pipeline::batch_done(std::int64_t now_boot_ns, bool drained) {
  last_batch_ns_ = now_boot_ns;
  move_batch(now_boot_ns);
  if (drained && !ending_.empty()) end_images(now_boot_ns);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const auto& it = slots_[slot];
    const auto age_ns = it.has_calls ? options_.commit_age_ns : options_.global_age_ns;
    const bool due = it.pending_rows > 0 && now_boot_ns - it.pending_since_ns >= age_ns;
    if (due || (it.pending_rows == 0 && (!it.ended.empty() || !it.facts.empty()) && !it.failing))
      commit(slot);
  }
  if (now_boot_ns - losses_written_ns_ >= options_.loss_period_ns) write_losses(now_boot_ns);
}

// Nothing of these images is still in the ring. They are kept for a while, for
// a late look, and forgotten then.
void Pipeline::end_images(std::int64_t now_boot_ns) {
  std::vector<std::uint32_t> later;
  for (const auto pid : ending_) {
    const auto known = images_.find(pid);
    if (known == images_.end()) continue;
    auto& images = known->second;
    bool waits = false;
    for (auto it = images.begin(); it != images.end();) {
      auto& image = **it;
      if (!image.facts.ended_boot_ns) {
        ++it;
        continue;
      }
      if (!image.ending) {
        image.ending = true;
        for (const auto slot : image.slots) slots_[slot].ended.push_back(fact_of(image));
        image.names.clear();
      }
      const bool old = now_boot_ns - *image.facts.ended_boot_ns > kKeepEndedNs;
      waits = waits || !old;
      it = old ? images.erase(it) : std::next(it);
    }
    if (images.empty()) images_.erase(known);
    if (waits) later.push_back(pid);
  }
  std::sort(later.begin(), later.end());
  later.erase(std::unique(later.begin(), later.end()), later.end());
  ending_ = std::move(later);
}

void Pipeline::counters_read(std::uint32_t plan_index, const bs_plan_counters& counters,
                             std::int64_t now_boot_ns) {
  if (plan_index >= plans_.size() || !plans_[plan_index].known) return;
  auto& plan = plans_[plan_index];
  const auto losses = losses_of(counters);
  for (std::size_t reason = 0; reason < losses.size(); ++reason) {
    if (losses[reason] <= plan.losses[reason]) continue;
    const auto from_ns = std::max(losses_written_ns_, std::int64_t{0});
    losses_.add(plan.slot, static_cast<LossReason>(reason), plan.probe,
                {from_ns == 0 ? now_boot_ns : from_ns, now_boot_ns, losses[reason] - plan.losses[reason]});
  }
  plan.losses = losses;
}

void Pipeline::clock_read(const schema::ClockSample& sample) {
  if (auto result = store_.put_clock({stored(sample.boot.ns), sample.wall}); !result) ++totals_.store_errors;
}

void Pipeline::gap_found(const std::string& service, const schema::Gap& gap) {
  auto fact = gap;
  fact.from = stored(gap.from.ns);
  fact.to = stored(gap.to.ns);
  slots_[slot_of(service)].facts.emplace_back(std::move(fact));
}

void Pipeline::status_changed(const std::string& service, const schema::ProbeStatus& status) {
  auto fact = status;
  fact.at = stored(status.at.ns);
  add_losses(service, fact);
  slots_[slot_of(service)].facts.emplace_back(std::move(fact));
}

void Pipeline::flush(std::int64_t now_boot_ns) {
  batch_done(now_boot_ns, true);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) commit(slot);
  write_losses(now_boot_ns, true);
  (void)store_.flush();
}

bool Pipeline::has_pending() const {
  return queued_bytes_ > 0;
}

PipelineTotals Pipeline::totals() const {
  auto totals = totals_;
  totals.queue_bytes = queued_bytes_ + batch_.size();
  for (const auto& [pid, images] : images_) {
    totals.processes += !images.empty() && !images.back()->facts.ended_boot_ns;
  }
  return totals;
}

}  // namespace backsight::collector
