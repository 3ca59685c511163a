// Reads globals by time: each of each process when it is due, on a thread of its
// own, so that neither the ring nor the loop waits for it. It takes at most a part
// of one core: what would be more is left out and counted.
//
//   due on the loop ─▶ batch ─▶ worker: memory, snapshot ─▶ loop: record ─▶ pipeline
#pragma once

#include "bpf/abi/event.h"
#include "collector/actuator.h"
#include "collector/global_reading.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace backsight::collector {

// A process that has the global, and the file that holds it.
struct GlobalTarget {
  std::uint32_t pid = 0;
  std::int64_t image_boot_ns = 0;
  auto operator<=>(const GlobalTarget&) const = default;
};

class GlobalSampler {
 public:
  struct Parts {
    // Which processes have it now.
    std::function<std::vector<GlobalTarget>(const InstanceKey&)> targets;
    // Called once before the records of a batch: takes what the kernel says of processes.
    std::function<void()> before_records;
    // Whether the image is the one that ran at that time.
    std::function<bool(const GlobalTarget&, std::int64_t boot_ns)> is_current;
    std::function<void(std::span<const std::byte>)> record;
    // A process whose memory cannot be read, since then; tried again now and then.
    std::function<void(std::uint32_t plan_index, const GlobalTarget&, const schema::Error&,
                       std::int64_t since_boot_ns, bool is_first)>
        refused;
  };
  GlobalSampler(boost::asio::io_context& loop, Parts parts);
  ~GlobalSampler() { stop(); }
  GlobalSampler(const GlobalSampler&) = delete;
  GlobalSampler& operator=(const GlobalSampler&) = delete;

  // Returns the index of the plan, from kFirstGlobalPlan on.
  schema::Result<std::uint32_t> add(const InstanceKey& key, const probes::CompiledPlan& plan,
                                    std::int64_t every_ns, const FileId& file);
  void remove(std::uint32_t plan_index);
  // Processes have come or gone: targets() answers otherwise.
  void targets_changed() { is_stale_ = true; }
  // Libraries of a process were loaded or unloaded: what was read since then counts only
  // if it was looked up since then.
  void modules_changed(std::uint32_t pid, std::int64_t since_boot_ns);
  // hits: times it was due; kept: records; lost: for want of time, as throttled.
  bs_plan_counters counters(std::uint32_t plan_index) const;
  // Waits for the batch that is read; no record is made any more.
  void stop();

 private:
  struct Memory;  // of a process
  struct Place;   // of a global in it
  struct Due {
    std::int64_t at_ns = 0, modules_changed_ns = 0;
    std::int64_t since_ns = 0;  // of what is missing while it cannot be read
    bool is_first = true, is_refused = false;
    std::shared_ptr<Place> place;
  };
  struct Global {
    InstanceKey key;
    std::shared_ptr<const GlobalProgram> program;
    CodeAnchor anchor;
    std::int64_t every_ns = 0;
    std::map<GlobalTarget, Due> due;
    bs_plan_counters counters{};
  };
  struct Job;
  struct Outcome;

  std::shared_ptr<Place> place_in(const GlobalTarget& target);
  void forget_place(const GlobalTarget& target, Due& due);
  std::vector<Job> take_due(std::int64_t now_ns);
  std::vector<Outcome> read(const std::vector<Job>& jobs);
  void schedule();
  void work_due();
  void update_targets(std::int64_t now_ns);
  void done(const std::vector<Outcome>& outcomes, std::int64_t took_ns);
  void take(const Outcome& outcome);

  boost::asio::io_context& loop_;
  Parts parts_;
  boost::asio::steady_timer timer_;
  std::map<std::uint32_t, Global> globals_;
  std::map<GlobalTarget, std::weak_ptr<Memory>> memories_;
  std::uint32_t last_index_ = 0;
  std::uint64_t sequence_ = 0;
  bool is_stale_ = false, is_reading_ = false;
  std::int64_t pause_until_ns_ = 0;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<GlobalReader> reader_;  // of the worker
  boost::asio::thread_pool pool_{1};
};

}  // namespace backsight::collector
