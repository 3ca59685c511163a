#include "tools/daemon/daemon.h"

#include "collector/collector.h"
#include "collector/kernel.h"
#include "collector/site_calibration.h"
#include "probes/site_cost.h"
#include "store/timeline.h"
#include "tools/daemon/log.h"
#include "tools/daemon/metrics_text.h"
#include "tools/daemon/plain_files.h"
#include "tools/daemon/plain_store.h"
#include "tools/daemon/privileges.h"
#include "tools/daemon/service_manager.h"
#include "tools/http/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace backsight::tools {
namespace {

using collector::LogLevel;
using schema::Result;

store::StoreOptions store_options(const probes::Config& config) {
  store::StoreOptions options;
  options.path = config.store.path;
  options.partition_ns = config.store.partition_ns;
  options.durability = config.store.durability == probes::Durability::kPower ? store::Durability::kPower
                                                                             : store::Durability::kProcess;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  options.host = host;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> options.boot_id;
  return options;
}

// `thread`: null where the caller has no privileges itself.
Result<std::unique_ptr<store::StoreWriter>> open_store(const probes::Config& config, PlainThread* thread) {
  auto store = thread ? open_plain_store(store_options(config), *thread)
                      : store::StoreWriter::open(store_options(config));
  if (store) return store;
  auto error = store.error().within("store " + config.store.path);
  if (error.hint.empty()) {
    error.hint = error.code == schema::ErrorCode::kBusy
                     ? "another collector writes it: stop that one, or give this one another --store"
                     : "the directory must be writable for user " + std::to_string(geteuid()) +
                           " without privileges: it should be its owner; --store DIR names another";
  }
  return error;
}

// A file is kept open for each binary and library that is probed.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string describe(const collector::KernelFeatures& features) {
  std::string text = "Linux " + features.release + ": ";
  text += features.uprobe_multi ? "uprobe_multi" : "perf-event uprobes";
  if (features.bpf_loop) text += ", bpf_loop";
  if (features.nop5_optimised) text += ", optimised nop5";
  return text;
}

bool stays_on_this_machine(const std::string& address) {
  return address.rfind("127.", 0) == 0 || address == "::1";
}

class Daemon {
 public:
  Daemon(const DaemonOptions& options, probes::Config config)
      : options_(options), config_(std::move(config)) {}

  Result<void> run() {
    raise_file_limit();
    const ConfinementOptions confinement{
        options_.filter_system_calls, !collector::probe_kernel_features().uprobe_multi, plain_files(config_)};
    BACKSIGHT_TRY(keep_what_attaching_needs(confinement));
    auto plain = PlainThread::start(confinement);
    if (!plain) return plain.error();
    plain_ = *std::move(plain);
    auto kernel = collector::open_libbpf_kernel({});
    if (!kernel) return kernel.error().within("capture");
    log_line(LogLevel::kInfo, describe((*kernel)->features()));
    auto store = open_store(config_, plain_.get());
    if (!store) return store.error();
    store_ = *std::move(store);
    collector::CollectorOptions options;
    options.record_tape = options_.record_tape;
    options.log = log_line;
    options.read_store = [this](const std::function<void()>& read) { plain_->run(read); };
    collector_ =
        collector::Collector::create(loop_, config_, *std::move(kernel), *store_, std::move(options));
    wait_for_signal();  // from here on a signal stops in order
    BACKSIGHT_TRY(start_http());
    BACKSIGHT_TRY(collector_->start());
    every_tick();
    loop_.run();
    return {};
  }

 private:
  Result<void> start_http() {
    if (!config_.listen) return {};
    HttpOptions options;
    options.host = config_.listen->host;
    options.port = config_.listen->port;
    options.store_path = config_.store.path;
    options.alert_lookback_ns = config_.alert_lookback_ns;
    options.metrics = [this] { return metrics_text(collector_->metrics(), collector_->ready()); };
    options.ready = [this] { return collector_->ready(); };
    options.token_file = config_.listen->token_file;
    options.certificate = config_.listen->certificate;
    options.key = config_.listen->key;
    options.complain = log_error;
    options.access_log = access_log_of(config_);
    if (options.access_log == "journal") {
      options.access_line = [](const std::string& line) { log_line(LogLevel::kInfo, "access " + line); };
    }
    auto server = plain_->run([&options] { return HttpServer::start(options); });
    if (!server) return server.error();
    http_ = *std::move(server);
    log_line(LogLevel::kInfo, "listening on " + config_.listen->host + ":" + std::to_string(http_->port()) +
                                  (config_.listen->certificate.empty() ? "" : ", TLS"));
    if (!stays_on_this_machine(config_.listen->host) && config_.listen->certificate.empty()) {
      log_line(LogLevel::kWarning,
               "tokens and answers cross the network in clear text: give `listen` a certificate and a key");
    }
    return {};
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal != SIGHUP) return stop(signal);
      reload();
      wait_for_signal();
    });
  }

  void stop(int signal) {
    log_line(LogLevel::kInfo, std::string("stopping on ") + (signal == SIGTERM ? "SIGTERM" : "SIGINT"));
    notify_service_manager("STOPPING=1");
    http_.reset();
    collector_->stop();
    log_line(LogLevel::kInfo,
             "stopped; " + std::to_string(collector_->metrics().events) + " events were recorded");
    loop_.stop();
  }

  void reload() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify_service_manager(
        "RELOADING=1\nMONOTONIC_USEC=" +
        std::to_string(std::uint64_t(now.tv_sec) * 1'000'000 + std::uint64_t(now.tv_nsec) / 1000));
    apply_configuration();
    notify_service_manager("READY=1");
  }

  // A configuration that cannot be used leaves everything as it is.
  void apply_configuration() {
    auto config = probes::load_config(options_.config);
    if (!config) {
      log_error(config.error());
      return log_line(LogLevel::kError, "the configuration was not reloaded; the former one stays in force");
    }
    if (!options_.store.empty()) config->store.path = options_.store;
    if (config->store != config_.store || config->listen != config_.listen ||
        config->memory_bytes != config_.memory_bytes) {
      log_line(LogLevel::kWarning, "changes of store, listen and limits take effect with the next start");
      config->store = config_.store;
      config->listen = config_.listen;
      config->memory_bytes = config_.memory_bytes;
    }
    if (auto result = collector_->reload(*config); !result) return log_error(result.error());
    if (http_) {
      const auto fresh = plain_->run([this] { return http_->reload(); });
      if (!fresh) log_error(fresh.error().within("the former tokens and certificate stay in force"));
    }
    config_ = *std::move(config);
    log_line(LogLevel::kInfo,
             "configuration reloaded: " + std::to_string(config_.services.size()) + " service(s)");
  }

  // Once per kernel and CPU; the probes that are attached do not wait for it.
  void calibrate() {
    if (probes::load_site_costs(probes::site_cost_path())) return;
    calibration_ = std::jthread([this] {
      const auto costs = collector::measure_site_costs();
      if (!costs) return log_error(costs.error().within("measuring what probes cost"));
      boost::asio::post(loop_, [this, costs = *costs] { collector_->set_site_costs(costs); });
      const auto saved = probes::save_site_costs(probes::site_cost_path(), *costs);
      if (!saved) return log_error(saved.error());
      log_line(LogLevel::kInfo, "a hit costs " + std::to_string(costs->nop5) + " ns at a 5-byte nop, " +
                                    std::to_string(costs->emulated) + " ns emulated, " +
                                    std::to_string(costs->single_step) + " ns single-stepped");
    });
  }

  // READY once, and the watchdog's sign of life.
  void every_tick() {
    using namespace std::chrono_literals;
    if (!announced_ && collector_->ready()) {
      announced_ = true;
      calibrate();
      notify_service_manager("READY=1\nSTATUS=recording");
      log_line(LogLevel::kInfo, "ready: recording " + std::to_string(config_.services.size()) +
                                    " service(s) to " + config_.store.path);
    }
    if (watchdog_) notify_service_manager("WATCHDOG=1");
    const auto period = !announced_ ? std::chrono::microseconds(20ms)
                        : watchdog_ ? std::chrono::microseconds(*watchdog_)
                                    : std::chrono::microseconds(1h);
    timer_.expires_after(period);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) every_tick();
    });
  }

  const DaemonOptions& options_;
  probes::Config config_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_{loop_, SIGHUP, SIGTERM, SIGINT};
  boost::asio::steady_timer timer_{loop_};
  std::unique_ptr<PlainThread> plain_;  // outlives what runs on it
  std::unique_ptr<store::StoreWriter> store_;
  std::unique_ptr<collector::Collector> collector_;
  std::unique_ptr<HttpServer> http_;
  std::optional<std::uint64_t> watchdog_ = watchdog_period_us();
  bool announced_ = false;
  std::jthread calibration_;
};

}  // namespace

Result<void> run_daemon(const DaemonOptions& options, probes::Config config) {
  return Daemon(options, std::move(config)).run();
}

Result<void> load_tape(const DaemonOptions& options, const probes::Config& config) {
  BACKSIGHT_TRY(give_up_all_privileges({options.filter_system_calls, false, {}}));
  auto store = open_store(config, nullptr);
  if (!store) return store.error();
  const auto rows = collector::replay_tape(options.replay_tape, **store);
  if (!rows) return rows.error();
  log_line(LogLevel::kInfo, std::to_string(*rows) + " events were loaded into " + config.store.path);
  return {};
}

}  // namespace backsight::tools
