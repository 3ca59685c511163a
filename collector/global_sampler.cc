#include "collector/global_sampler.h"

#include "collector/clocks.h"
#include "collector/pipeline_input.h"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>

namespace backsight::collector {
namespace {

constexpr std::size_t kMaxBatch = 256;
constexpr std::int64_t kTickNs = 5'000'000;          // reads that are due within it go together
constexpr std::int64_t kIdleNs = 200'000'000;        // new processes are looked for
constexpr std::int64_t kRefusedNs = 10'000'000'000;  // until a process is tried again
constexpr std::int64_t kPausePerWork = 3;            // a quarter of a core at most
// Throttled, where the kernel's counters have it.
constexpr std::size_t kMissed = BS_LOSS_REASONS > static_cast<int>(schema::LossReason::kThrottled)
                                    ? static_cast<std::size_t>(schema::LossReason::kThrottled)
                                    : static_cast<std::size_t>(BS_LOSS_NO_SCRATCH);
constexpr std::uint32_t kSource = 0xffff;  // in the place of a CPU

}  // namespace

// Opened by the worker when it is needed first; one for all globals of a process.
struct GlobalSampler::Memory {
  std::optional<ProcessMemory> opened;
};

struct GlobalSampler::Place {
  std::shared_ptr<Memory> memory;
  std::optional<std::uint64_t> bias;  // of the worker
};

struct GlobalSampler::Job {
  std::uint32_t plan_index = 0;
  GlobalTarget target;
  std::shared_ptr<const GlobalProgram> program;
  CodeAnchor anchor;
  std::shared_ptr<Place> place;
};

struct GlobalSampler::Outcome {
  std::uint32_t plan_index = 0;
  GlobalTarget target;
  std::shared_ptr<Place> place;
  std::optional<GlobalRecord> record;  // nothing: gone, or refused
  std::optional<schema::Error> refused;
};

GlobalSampler::GlobalSampler(boost::asio::io_context& loop, Parts parts)
    : loop_(loop),
      parts_(std::move(parts)),
      timer_(loop),
      reader_(std::make_unique<GlobalReader>(&boot_now_ns)) {}

schema::Result<std::uint32_t> GlobalSampler::add(const InstanceKey& key, const probes::CompiledPlan& plan,
                                                 std::int64_t every_ns, const FileId& file) {
  auto program = GlobalProgram::create(plan);
  if (!program) return program.error();
  if (plan.sites.empty())
    return schema::make_error(schema::ErrorCode::kInvalid, plan.plan.function + " has no place in the code");
  constexpr std::uint32_t kIndexes = kMostPlans - kFirstGlobalPlan;
  if (globals_.size() >= kIndexes)
    return schema::make_error(schema::ErrorCode::kNoSpace, "too many globals are read already");
  do {
    last_index_ = (last_index_ + 1) % kIndexes;
  } while (globals_.contains(kFirstGlobalPlan + last_index_));
  const std::uint32_t index = kFirstGlobalPlan + last_index_;
  Global& global = globals_[index];
  global.key = key;
  global.program = *std::move(program);
  global.anchor = {file.inode, plan.plan.module_path, plan.sites.front().address,
                   plan.sites.front().file_offset};
  global.every_ns = every_ns;
  is_stale_ = true;
  schedule();
  return index;
}

void GlobalSampler::remove(std::uint32_t plan_index) {
  globals_.erase(plan_index);
}

bs_plan_counters GlobalSampler::counters(std::uint32_t plan_index) const {
  const auto known = globals_.find(plan_index);
  return known == globals_.end() ? bs_plan_counters{} : known->second.counters;
}

std::shared_ptr<GlobalSampler::Place> GlobalSampler::place_in(const GlobalTarget& target) {
  auto& known = memories_[target];
  auto memory = known.lock();
  if (!memory) known = memory = std::make_shared<Memory>();
  return std::make_shared<Place>(Place{std::move(memory), {}});
}

// The next reading looks it up again.
void GlobalSampler::forget_place(const GlobalTarget& target, Due& due) {
  memories_.erase(target);
  due.place = place_in(target);
}

void GlobalSampler::modules_changed(std::uint32_t pid, std::int64_t since_boot_ns) {
  for (auto& [index, global] : globals_) {
    for (auto it = global.due.lower_bound({pid, 0}); it != global.due.end() && it->first.pid == pid; ++it) {
      it->second.modules_changed_ns = since_boot_ns;
      it->second.place = place_in(it->first);
    }
  }
}

void GlobalSampler::stop() {
  *stopped_ = true;
  timer_.cancel();
  pool_.join();
}

void GlobalSampler::schedule() {
  if (globals_.empty() || is_reading_ || *stopped_) return;
  const auto now_ns = boot_now_ns();
  std::int64_t next_ns = now_ns + (is_stale_ ? 0 : kIdleNs);
  for (const auto& [index, global] : globals_)
    for (const auto& [target, due] : global.due) next_ns = std::min(next_ns, due.at_ns);
  next_ns = std::max({next_ns, now_ns + kTickNs, pause_until_ns_});
  timer_.expires_after(std::chrono::nanoseconds(next_ns - now_ns));
  timer_.async_wait([this, stopped = stopped_](const boost::system::error_code& error) {
    if (!error && !*stopped) work_due();
  });
}

// A new process is read at once, and then at its own times: processes and globals
// that came together are not read together for ever.
void GlobalSampler::update_targets(std::int64_t now_ns) {
  if (!std::exchange(is_stale_, false)) return;
  for (auto& [index, global] : globals_) {
    const auto targets = parts_.targets(global.key);
    std::map<GlobalTarget, Due> due;
    for (const GlobalTarget& target : targets) {
      const auto known = global.due.find(target);
      if (known != global.due.end()) {
        due.insert(global.due.extract(known));
      } else {
        due[target] = {.at_ns = now_ns, .since_ns = now_ns, .place = place_in(target)};
      }
    }
    global.due = std::move(due);
  }
  std::erase_if(memories_, [](const auto& known) { return known.second.expired(); });
}

// Times that have passed without a reading are counted, and not made up for.
std::vector<GlobalSampler::Job> GlobalSampler::take_due(std::int64_t now_ns) {
  std::vector<Job> jobs;
  for (auto& [index, global] : globals_) {
    for (auto& [target, due] : global.due) {
      if (due.at_ns > now_ns || jobs.size() >= kMaxBatch) continue;
      jobs.push_back({index, target, global.program, global.anchor, due.place});
      std::int64_t missed = 0;
      if (std::exchange(due.is_first, false)) {
        const auto phase = static_cast<std::int64_t>((target.pid * 2654435761u + index * 40503u) % 1024);
        due.at_ns = now_ns + global.every_ns / 2 + global.every_ns / 2048 * phase;
      } else {
        missed = (now_ns - due.at_ns) / global.every_ns;
        due.at_ns += (missed + 1) * global.every_ns;
      }
      global.counters.hits += 1 + static_cast<std::uint64_t>(missed);
      global.counters.lost[kMissed] += static_cast<std::uint64_t>(missed);
    }
  }
  return jobs;
}

// On the worker.
std::vector<GlobalSampler::Outcome> GlobalSampler::read(const std::vector<Job>& jobs) {
  std::vector<Outcome> outcomes;
  for (const Job& job : jobs) {
    Outcome outcome{job.plan_index, job.target, job.place, {}, {}};
    Memory& memory = *job.place->memory;
    if (!memory.opened) {
      auto opened = ProcessMemory::open(job.target.pid);
      if (opened)
        memory.opened = *std::move(opened);
      else
        outcome.refused = opened.error();
    }
    if (memory.opened && !job.place->bias) {
      auto bias = read_load_bias(job.target.pid, job.anchor);
      if (bias)
        job.place->bias = *bias;
      else
        outcome.refused = bias.error();
    }
    if (!outcome.refused) outcome.record = reader_->read(*job.program, *job.place->bias, *memory.opened);
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

void GlobalSampler::work_due() {
  const auto now_ns = boot_now_ns();
  update_targets(now_ns);
  auto jobs = take_due(now_ns);
  if (jobs.empty()) return schedule();
  is_reading_ = true;
  boost::asio::post(pool_, [this, stopped = stopped_, jobs = std::move(jobs)] {
    if (*stopped) return;
    const auto begin_ns = boot_now_ns();
    std::vector<Outcome> outcomes;
    try {
      outcomes = read(jobs);
    } catch (const std::exception&) {  // no memory: these are not read
    }
    const auto took_ns = boot_now_ns() - begin_ns;
    boost::asio::post(loop_, [this, stopped, took_ns, outcomes = std::move(outcomes)] {
      if (!*stopped) done(outcomes, took_ns);
    });
  });
}

void GlobalSampler::done(const std::vector<Outcome>& outcomes, std::int64_t took_ns) {
  is_reading_ = false;
  pause_until_ns_ = boot_now_ns() + kPausePerWork * took_ns;
  if (parts_.before_records) parts_.before_records();
  for (const Outcome& outcome : outcomes) {
    const auto known = globals_.find(outcome.plan_index);
    if (known == globals_.end()) continue;
    known->second.counters.run_ns +=
        static_cast<std::uint64_t>(took_ns) / std::max<std::size_t>(outcomes.size(), 1);
    take(outcome);
  }
  schedule();
}

void GlobalSampler::take(const Outcome& outcome) {
  Global& global = globals_.at(outcome.plan_index);
  const auto due = global.due.find(outcome.target);
  if (due == global.due.end()) return;
  if (outcome.refused) {
    const auto now_ns = boot_now_ns();
    due->second.at_ns = now_ns + kRefusedNs;
    const bool is_gone = outcome.refused->code == schema::ErrorCode::kNotFound;
    const auto since_ns = std::exchange(due->second.since_ns, now_ns);
    const bool is_first = !std::exchange(due->second.is_refused, true);
    if (!is_gone && parts_.refused)
      parts_.refused(outcome.plan_index, outcome.target, *outcome.refused, since_ns, is_first);
    return;
  }
  if (!outcome.record) return forget_place(outcome.target, due->second);  // another image, or none
  const auto boot_ns = outcome.record->boot_ns;
  if (parts_.is_current && !parts_.is_current(outcome.target, boot_ns))
    return forget_place(outcome.target, due->second);
  if (outcome.place != due->second.place && boot_ns >= due->second.modules_changed_ns) return;
  auto bytes = outcome.record->record;
  bs_event event;
  std::memcpy(&event, bytes.data(), sizeof event);
  event.boot_ns = static_cast<std::uint64_t>(boot_ns);
  event.seq = ++sequence_;
  event.cpu = kSource;
  event.plan = outcome.plan_index;
  event.tgid = outcome.target.pid;
  std::memcpy(bytes.data(), &event, sizeof event);
  ++global.counters.kept;
  parts_.record(bytes);
}

}  // namespace backsight::collector
