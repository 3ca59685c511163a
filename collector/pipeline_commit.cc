// The half of the pipeline that meets the store: facts, rows, losses, and what
// to do when it fails.
#include "collector/pipeline.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostFacts = 65536;  // of one service while its store fails

schema::LossReason reason_of(schema::ErrorCode code) {
  return code == schema::ErrorCode::kNoSpace ? schema::LossReason::kStoreFull
                                             : schema::LossReason::kStoreError;
}

struct Put {
  store::StoreWriter& store;
  const std::string& service;

  schema::Result<void> operator()(const schema::Plan& plan) const {
    auto id = store.put_plan(service, plan);
    if (!id) return id.error();
    return {};
  }
  schema::Result<void> operator()(const schema::Process& process) const {
    return store.put_process(service, process);
  }
  schema::Result<void> operator()(const schema::Thread& thread) const {
    return store.put_thread(service, thread);
  }
  schema::Result<void> operator()(const schema::CodeSymbol& symbol) const {
    return store.put_symbol(service, symbol);
  }
  schema::Result<void> operator()(const schema::Stack& stack) const {
    auto id = store.put_stack(service, stack);
    if (!id) return id.error();
    return {};
  }
  schema::Result<void> operator()(const schema::Gap& gap) const { return store.put_gap(service, gap); }
  schema::Result<void> operator()(const schema::ProbeStatus& status) const {
    return store.put_probe_status(service, status);
  }
};

}  // namespace

bool Pipeline::failed(Slot& slot, const schema::Error& error) {
  ++totals_.store_errors;
  last_error_ = error.code;
  if (!slot.failing && options_.log) {
    options_.log("service " + slot.service +
                 " cannot be written, its events are dropped until it can: " + error.to_string());
  }
  slot.failing = true;
  return false;
}

bool Pipeline::put_facts(Slot& slot) {
  while (!slot.facts.empty()) {
    auto result = std::visit(Put{store_, slot.service}, slot.facts.front());
    if (!result) {
      while (slot.facts.size() > kMostFacts) slot.facts.pop_front();
      return failed(slot, result.error());
    }
    slot.facts.pop_front();
  }
  return true;
}

void Pipeline::lose(const PlanRef& plan, schema::LossReason reason, std::int64_t boot_ns) {
  losses_.add(plan.slot, reason, plan.probe, {boot_ns, boot_ns, 1});
  ++slots_[plan.slot].lost[plan.id.value][static_cast<std::size_t>(reason)];
}

// One gap for all probes: the service is what cannot be written.
void Pipeline::lose_pending(std::uint32_t slot_index) {
  auto& slot = slots_[slot_index];
  const auto reason = reason_of(last_error_);
  losses_.add(slot_index, reason, {}, {slot.oldest_ns, slot.newest_ns, slot.pending_rows});
  for (std::span<const std::byte> rest(slot.pending); !rest.empty();) {
    schema::EventHeader header;
    std::memcpy(&header, rest.data(), sizeof header);
    const auto base = slot.base_plans.find(header.plan);
    ++slot.lost[base == slot.base_plans.end() ? header.plan : base->second][static_cast<std::size_t>(reason)];
    rest = rest.subspan(header.size_bytes);
  }
}

void Pipeline::add_losses(const std::string& service, schema::ProbeStatus& status) const {
  const auto slot = slot_by_service_.find(service);
  if (slot == slot_by_service_.end()) return;
  const auto lost = slots_[slot->second].lost.find(status.plan.value);
  if (lost == slots_[slot->second].lost.end()) return;
  status.lost.resize(schema::kLossReasonCount, 0);
  for (std::size_t reason = 0; reason < schema::kLossReasonCount; ++reason) {
    const auto events = std::min(lost->second[reason], status.kept);
    status.lost[reason] += events;
    status.kept -= events;
  }
}

void Pipeline::commit(std::uint32_t slot_index) {
  auto& slot = slots_[slot_index];
  bool done = put_facts(slot);
  if (slot.pending_rows > 0) {
    if (done) {
      auto last = store_.append(slot.service, slot.pending);
      done = last ? true : failed(slot, last.error());
    }
    if (done) {
      totals_.rows += slot.pending_rows;
    } else {
      lose_pending(slot_index);
    }
    queued_bytes_ -= slot.pending.size();
    slot.pending.clear();
    slot.stacks.clear();
    slot.pending_rows = 0;
    slot.has_calls = false;
  }
  if (done && slot.failing) {
    slot.failing = false;
    if (options_.log) options_.log("service " + slot.service + " is written again");
  }
  for (auto& process : slot.ended) slot.facts.emplace_back(std::move(process));
  slot.ended.clear();
  if (done) put_facts(slot);
}

// What is left out on purpose goes on for long: a gap of it is not written each time.
bool Pipeline::is_due(const LossLedger::Key& key, const LossLedger::Loss& loss, std::int64_t now_boot_ns) {
  constexpr std::int64_t kThrottledPeriodNs = 1'000'000'000, kSampledPeriodNs = 10'000'000'000;
  const auto reason = std::get<schema::LossReason>(key);
  const std::int64_t age_ns = now_boot_ns - loss.from_ns;
  if (reason == schema::LossReason::kSampled) return age_ns >= kSampledPeriodNs;
  return reason != schema::LossReason::kThrottled || age_ns >= kThrottledPeriodNs;
}

void Pipeline::write_losses(std::int64_t now_boot_ns, bool all) {
  losses_written_ns_ = now_boot_ns;
  auto& losses = losses_.losses();
  for (auto it = losses.begin(); it != losses.end();) {
    if (!all && !is_due(it->first, it->second, now_boot_ns)) {
      ++it;
      continue;
    }
    const auto& [slot_index, reason, probe] = it->first;
    auto& slot = slots_[slot_index];
    const schema::Gap gap{
        stored(it->second.from_ns), stored(it->second.to_ns), reason, it->second.events, probe, {}};
    auto result = store_.put_gap(slot.service, gap);
    if (!result) failed(slot, result.error());
    it = result ? losses.erase(it) : std::next(it);
  }
  // A failing service without new rows is tried again here.
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].failing) commit(slot);
  }
}

}  // namespace backsight::collector
