#include "collector/collector.h"

#include "collector/clocks.h"
#include "collector/code_namer.h"
#include "collector/executor.h"
#include "collector/pipeline.h"
#include "collector/process_usage.h"
#include "collector/recorded_past.h"
#include "collector/stack_stage.h"
#include "collector/tape.h"

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>

namespace backsight::collector {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatchRecords = 4096;
constexpr milliseconds kBusyPeriod{5}, kIdlePeriod{8}, kNothingAttachedPeriod{50};
constexpr std::int64_t kCounterPeriodNs = 200'000'000;
constexpr std::int64_t kClockStepNs = 1'000'000;
constexpr std::int64_t kScanPeriodNs = 10'000'000'000;

bool copies_stacks(const probes::Config& config) {
  const auto copies = [](const probes::ProbeConfig& probe) {
    return probe.stack == schema::StackKind::kDwarf;
  };
  return std::any_of(config.services.begin(), config.services.end(), [&](const auto& service) {
    return std::any_of(service.probes.begin(), service.probes.end(), copies);
  });
}

PipelineOptions pipeline_options(const probes::Config& config) {
  PipelineOptions options;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  options.host = host;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> options.boot_id;
  options.queue_limit_bytes = std::max<std::uint64_t>(config.memory_bytes / 4, 4u << 20);
  return options;
}

class CollectorImpl final : public Collector {
 public:
  CollectorImpl(boost::asio::io_context& loop, probes::Config config, std::unique_ptr<Kernel> kernel,
                store::StoreWriter& store, CollectorOptions options)
      : loop_(loop),
        config_(std::move(config)),
        kernel_(std::move(kernel)),
        store_(store),
        options_(std::move(options)),
        proc_fs_(options_.proc_fs ? options_.proc_fs : std::shared_ptr<ProcFs>(make_proc_fs())),
        drain_timer_(loop),
        second_timer_(loop),
        control_(loop),
        data_(loop) {}
  ~CollectorImpl() override { stop(); }

  schema::Result<void> start() override;
  schema::Result<void> reload(probes::Config config) override;
  void set_site_costs(const probes::SiteCosts& costs) override {
    if (executor_) executor_->set_site_costs(costs);
  }
  void stop() override;
  CollectorMetrics metrics() const override {
    const std::lock_guard lock(mutex_);
    return metrics_;
  }
  bool ready() const override { return ready_; }

 private:
  schema::Result<void> build();
  std::optional<ImageKey> image_at(std::uint32_t pid, std::int64_t boot_ns);
  void take_names(const CodeAnswer& answer);
  void restore_past(std::int64_t now_ns);
  void watch(boost::asio::posix::stream_descriptor& descriptor);
  void drain_control();
  std::size_t drain_data();
  void drain();
  void schedule_drain(bool more, bool busy);
  void read_clock(bool always);
  void every_second();
  void update_metrics();

  boost::asio::io_context& loop_;
  probes::Config config_;
  std::unique_ptr<Kernel> kernel_;
  store::StoreWriter& store_;
  CollectorOptions options_;
  std::shared_ptr<ProcFs> proc_fs_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<TapeWriter> tape_;
  PipelineInput* input_ = nullptr;  // the tape, or the pipeline
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<CodeNamer> namer_;
  std::unique_ptr<StackStage> stacks_;
  boost::asio::steady_timer drain_timer_, second_timer_;
  boost::asio::posix::stream_descriptor control_, data_;
  std::vector<RecordedProcess> recorded_;
  std::int64_t clock_offset_ns_ = 0, counters_read_ns_ = 0, scanned_ns_ = 0;
  std::uint64_t control_lost_ = 0, malformed_control_ = 0;
  bool running_ = false, drain_posted_ = false, tape_failed_ = false;
  std::atomic<bool> ready_{false};
  mutable std::mutex mutex_;
  CollectorMetrics metrics_;
};

schema::Result<void> CollectorImpl::build() {
  auto options = pipeline_options(config_);
  options.log = [this](const std::string& message) {
    if (options_.log) options_.log(LogLevel::kError, message);
  };
  options.find_process = [this](const std::string& service, std::uint32_t pid, std::int64_t boot_ns) {
    drain_control();  // it may have begun after the last look
    if (const auto image = executor_->tracker().image_at(pid, boot_ns))
      input_->process_started(service, *image);
  };
  options.prepare_code = [this](const ImageKey& image) {
    namer_->prepare(image);
    if (copies_stacks(config_)) stacks_->prepare(image);
  };
  options.ask_code = [this](CodeQuestion question) { namer_->ask(std::move(question)); };
  namer_ = std::make_unique<CodeNamer>(loop_, make_mapping_reader(),
                                       [this](const CodeAnswer& answer) { take_names(answer); });
  pipeline_ = std::make_unique<Pipeline>(store_, std::move(options));
  input_ = pipeline_.get();
  if (!options_.record_tape.empty()) {
    auto tape = TapeWriter::create(options_.record_tape, *pipeline_);
    if (!tape) return tape.error();
    tape_ = *std::move(tape);
    input_ = tape_.get();
  }
  stacks_ = std::make_unique<StackStage>(
      loop_, make_mapping_reader(),
      StackStage::Parts{*input_,
                        [this](std::uint32_t pid, std::int64_t boot_ns) { return image_at(pid, boot_ns); },
                        [this] { drain_control(); }});
  Executor::Parts parts{*kernel_,
                        *proc_fs_,
                        *input_,
                        options_.plan ? options_.plan : make_plan_function(),
                        [this] {
                          while (drain_data() == kBatchRecords) continue;
                          stacks_->let_go();  // its records name plans by numbers that may be given anew
                        },
                        options_.log,
                        [this](std::uint32_t pid, std::int64_t since_boot_ns) {
                          stacks_->code_changed(pid, since_boot_ns);
                          pipeline_->code_changed(pid, since_boot_ns);
                        },
                        [this] {
                          drain_control();
                          executor_->tracker().tick(boot_now_ns());
                        }};
  executor_ = std::make_unique<Executor>(loop_, std::move(parts));
  return {};
}

std::optional<ImageKey> CollectorImpl::image_at(std::uint32_t pid, std::int64_t boot_ns) {
  const auto image = executor_->tracker().image_at(pid, boot_ns);
  if (!image || (image->ended_boot_ns && *image->ended_boot_ns < boot_ns)) return std::nullopt;
  return ImageKey{pid, image->started_boot_ns};
}

void CollectorImpl::take_names(const CodeAnswer& answer) {
  drain_control();  // what became of the process before its mappings were read
  executor_->tracker().tick(boot_now_ns());
  for (const auto& name : pipeline_->checked(answer)) input_->code_named(answer.service, name);
}

schema::Result<void> CollectorImpl::start() {
  BACKSIGHT_TRY(build());
  running_ = true;
  restore_past(boot_now_ns());  // before the first clock sample, which is the next start's last moment
  read_clock(true);
  control_lost_ = kernel_->control_lost();
  executor_->handle(ConfigLoaded{config_.services});
  scanned_ns_ = boot_now_ns();
  executor_->tracker().scan(scanned_ns_, false);
  for (const auto& process : recorded_) {
    if (executor_->tracker().is_running(process)) continue;
    input_->process_ended(process.pid, boot_now_ns());
  }
  const auto adopt = [](auto& descriptor, int fd) {
    if (fd >= 0) descriptor.assign(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  };
  adopt(control_, kernel_->control_fd());
  adopt(data_, kernel_->data_fd());
  watch(control_);
  watch(data_);
  drain();
  every_second();
  return {};
}

// What the timeline knows from before: the time since its last moment is a gap,
// and a process that still runs keeps its identity.
void CollectorImpl::restore_past(std::int64_t now_ns) {
  const auto boot_id = pipeline_options(config_).boot_id;
  for (const auto& service : config_.services) {
    std::optional<RecordedPast> past;
    const auto load = [&] {
      past = load_recorded_past(config_.store.path, service.name, boot_id, store_.boot_base_ns());
    };
    options_.read_store ? options_.read_store(load) : load();
    if (!past) continue;
    schema::Gap gap;
    gap.from = {past->last_boot_ns};
    gap.to = {now_ns};
    gap.reason = schema::LossReason::kCollectorDown;
    if (gap.from < gap.to) input_->gap_found(service.name, gap);
    for (const auto& process : past->earlier_boots) {
      if (auto result = store_.put_process(service.name, process); !result && options_.log) {
        options_.log(LogLevel::kWarning, result.error().to_string());
      }
    }
    for (const auto& image : past->alive) {
      const RecordedProcess process{image.pid, image.exe, image.started_boot_ns, now_ns};
      input_->process_started(service.name, image);
      executor_->tracker().expect(process);
      recorded_.push_back(process);
    }
  }
}

void CollectorImpl::watch(boost::asio::posix::stream_descriptor& descriptor) {
  if (!descriptor.is_open()) return;
  descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this, &descriptor](const boost::system::error_code& error) {
                          if (error || !running_) return;
                          drain();
                          watch(descriptor);
                        });
}

void CollectorImpl::drain_control() {
  kernel_->drain_control([this](std::span<const std::byte> record) {
    if (!executor_->tracker().control_record(record)) ++malformed_control_;
  });
}

std::size_t CollectorImpl::drain_data() {
  const auto count = kernel_->drain_data(
      [this](std::span<const std::byte> record) { stacks_->record(record); }, kBatchRecords);
  stacks_->batch_done(boot_now_ns(), count < kBatchRecords);
  return count;
}

void CollectorImpl::drain() {
  drain_control();
  executor_->tracker().tick(boot_now_ns());
  const auto count = drain_data();
  const auto now_ns = boot_now_ns();
  if (now_ns - counters_read_ns_ >= kCounterPeriodNs &&
      (count > 0 || now_ns - counters_read_ns_ >= 5 * kCounterPeriodNs)) {
    counters_read_ns_ = now_ns;
    executor_->read_counters(now_ns);
  }
  read_clock(false);
  schedule_drain(count == kBatchRecords, count > 0 || pipeline_->has_pending() || !stacks_->empty());
}

void CollectorImpl::schedule_drain(bool more, bool busy) {
  if (more) {
    if (std::exchange(drain_posted_, true)) return;
    return boost::asio::post(loop_, [this] {
      drain_posted_ = false;
      if (running_) drain();
    });
  }
  drain_timer_.expires_after(busy                           ? kBusyPeriod
                             : executor_->has_attachments() ? kIdlePeriod
                                                            : kNothingAttachedPeriod);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && running_) drain();
  });
}

void CollectorImpl::read_clock(bool always) {
  const auto sample = schema::read_clocks();
  const auto offset_ns = sample.wall.ns - sample.boot.ns;
  if (!always && std::abs(offset_ns - clock_offset_ns_) <= kClockStepNs) return;
  clock_offset_ns_ = offset_ns;
  input_->clock_read(sample);
}

void CollectorImpl::every_second() {
  const auto now_ns = boot_now_ns();
  read_clock(true);
  if (ready_) executor_->refresh_statuses(now_ns);
  executor_->tidy();
  const auto lost = kernel_->control_lost();
  if (lost != control_lost_ || now_ns - scanned_ns_ >= kScanPeriodNs) {
    if (lost != control_lost_ && options_.log) {
      options_.log(LogLevel::kWarning, "the kernel dropped process records; /proc is scanned instead");
    }
    scanned_ns_ = now_ns;
    executor_->tracker().scan(now_ns, lost != control_lost_);
    control_lost_ = lost;
  }
  if (tape_ && !tape_->is_good() && !std::exchange(tape_failed_, true) && options_.log) {
    options_.log(LogLevel::kError,
                 "the tape " + options_.record_tape + " cannot be written any more; it ends here");
  }
  if (!executor_->is_planning()) ready_ = true;
  update_metrics();
  second_timer_.expires_after(ready_ ? milliseconds(1000) : milliseconds(50));
  second_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && running_) every_second();
  });
}

void CollectorImpl::update_metrics() {
  const auto totals = pipeline_->totals();
  const auto stored = store_.counters();
  CollectorMetrics metrics;
  metrics.events = totals.rows;
  metrics.raw_bytes = stored.raw_bytes;
  metrics.stored_bytes = stored.frame_bytes;
  metrics.processes = executor_->state().processes.size();
  metrics.queue_bytes = totals.queue_bytes;
  metrics.store_errors = totals.store_errors;
  metrics.stacks_given_up = stacks_->given_up();
  metrics.cpu_seconds = used_cpu_seconds();
  metrics.resident_bytes = resident_bytes();
  metrics.probes = executor_->statuses();
  for (auto& probe : metrics.probes) pipeline_->add_losses(probe.service, probe.status);
  const std::lock_guard lock(mutex_);
  metrics_ = std::move(metrics);
}

schema::Result<void> CollectorImpl::reload(probes::Config config) {
  if (!running_) return make_error(schema::ErrorCode::kInternal, "the collector does not run");
  config_ = std::move(config);
  drain_control();
  executor_->handle(ConfigLoaded{config_.services});
  scanned_ns_ = boot_now_ns();
  executor_->tracker().scan(scanned_ns_, true);
  return {};
}

void CollectorImpl::stop() {
  if (!std::exchange(running_, false)) return;
  ready_ = false;
  executor_->stop_planning();
  executor_->stop_reading();
  drain_control();
  while (drain_data() == kBatchRecords) continue;
  executor_->detach_all();
  executor_->refresh_statuses(boot_now_ns());
  while (drain_data() == kBatchRecords) continue;
  stacks_->let_go();
  namer_->finish();
  pipeline_->flush(boot_now_ns());
  read_clock(true);  // the last moment of this run
  update_metrics();
  drain_timer_.cancel();
  second_timer_.cancel();
  boost::system::error_code ignored;
  control_.close(ignored);
  data_.close(ignored);
}

}  // namespace

std::unique_ptr<Collector> Collector::create(boost::asio::io_context& loop, probes::Config config,
                                             std::unique_ptr<Kernel> kernel, store::StoreWriter& store,
                                             CollectorOptions options) {
  return std::make_unique<CollectorImpl>(loop, std::move(config), std::move(kernel), store,
                                         std::move(options));
}

}  // namespace backsight::collector
