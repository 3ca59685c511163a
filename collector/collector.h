// The collector: follows processes, plans and attaches probes, turns ring
// records into rows and writes the timeline. One instance, one Asio loop, one
// thread (planning happens on a worker of its own).
#pragma once

#include "collector/kernel.h"
#include "probes/config.h"
#include "probes/site_cost.h"
#include "schema/facts.h"
#include "schema/result.h"
#include "store/timeline.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace backsight::collector {

// For /metrics; a snapshot.
struct CollectorMetrics {
  std::uint64_t events = 0;  // rows stored
  std::uint64_t raw_bytes = 0, stored_bytes = 0;
  std::uint64_t processes = 0;    // alive, matched
  std::uint64_t queue_bytes = 0;  // rows waiting to be written
  std::uint64_t store_errors = 0;
  std::uint64_t stacks_given_up = 0;  // copied, and not unwound in time
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  struct Probe {
    std::string service;
    schema::ProbeStatus status;
  };
  std::vector<Probe> probes;
};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

class ProcFs;
struct PlanJob;
struct PlanAnswer;

struct CollectorOptions {
  std::string record_tape;                                // path; empty: none
  std::function<void(LogLevel, const std::string&)> log;  // empty: silent
  // Runs what reads the store, where that is to happen without privileges; empty: here.
  std::function<void(const std::function<void()>&)> read_store;
  // Replaced by tests; empty: the real ones.
  std::shared_ptr<ProcFs> proc_fs;
  std::function<PlanAnswer(const PlanJob&)> plan;  // called on the planning thread
};

class Collector {
 public:
  // `store` outlives the collector.
  static std::unique_ptr<Collector> create(boost::asio::io_context& loop, probes::Config config,
                                           std::unique_ptr<Kernel> kernel, store::StoreWriter& store,
                                           CollectorOptions options);
  virtual ~Collector() = default;

  virtual schema::Result<void> start() = 0;
  // Applies only what changed.
  virtual schema::Result<void> reload(probes::Config config) = 0;
  // What probes cost, measured on this machine while it runs.
  virtual void set_site_costs(const probes::SiteCosts& costs) = 0;
  // Detaches, drains, flushes.
  virtual void stop() = 0;

  virtual CollectorMetrics metrics() const = 0;  // any thread
  virtual bool ready() const = 0;                // any thread: every service scanned once
};

// Feeds a recorded tape into the store, with its own times moved so that its
// last moment is now. Returns the number of rows.
schema::Result<std::uint64_t> replay_tape(const std::string& tape_path, store::StoreWriter& store);

}  // namespace backsight::collector
