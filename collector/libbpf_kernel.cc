// The real kernel: loads the embedded programs with libbpf, keeps plans in their
// maps, attaches by uprobe_multi or by perf events.
#include "collector/bpf_object.h"
#include "collector/descriptor.h"
#include "collector/kernel.h"
#include "collector/libbpf_log.h"
#include "collector/perf_uprobe.h"
#include "collector/plan_maps.h"
#include "collector/ring_reader.h"
#include "collector/sleepable_program.h"
#include "collector/uprobe_multi.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace backsight::collector {
namespace {

constexpr std::size_t kControlRingBytes = 1 << 18;
constexpr std::size_t kMinRingBytes = 1 << 16;
constexpr std::size_t kMaxRingBytes = 1 << 30;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using ObjectPtr = std::unique_ptr<bpf_object, CloseObject>;
using LinkPtr = std::unique_ptr<bpf_link, DestroyLink>;

class MultiAttachment : public Attachment {
 public:
  std::vector<Descriptor> links;
};

class PerfAttachment : public Attachment {
 public:
  std::vector<PerfUprobe> probes;
};

// One program at one or many offsets of one file.
struct AttachRequest {
  int program_fd = -1;
  std::string path;
  struct Point {
    std::uint64_t offset;
    std::uint64_t cookie;
    bool is_return;
  };
  std::vector<Point> points;
};

schema::Result<std::unique_ptr<Attachment>> attach_multi(const AttachRequest& request) {
  auto attachment = std::make_unique<MultiAttachment>();
  for (const bool is_return : {false, true}) {
    UprobeMultiRequest multi{.path = request.path, .offsets = {}, .cookies = {}, .is_return = is_return};
    for (const auto& point : request.points) {
      if (point.is_return != is_return) continue;
      multi.offsets.push_back(point.offset);
      multi.cookies.push_back(point.cookie);
    }
    if (multi.offsets.empty()) continue;
    auto link = link_uprobe_multi(request.program_fd, multi);
    if (!link) return std::move(link).error();
    attachment->links.push_back(std::move(*link));
  }
  return std::unique_ptr<Attachment>(std::move(attachment));
}

schema::Result<std::unique_ptr<Attachment>> attach_perf(const AttachRequest& request) {
  auto attachment = std::make_unique<PerfAttachment>();
  for (const auto& point : request.points) {
    auto probe =
        link_perf_uprobe(request.program_fd, request.path, point.offset, point.is_return, point.cookie);
    if (!probe) return std::move(probe).error();
    attachment->probes.push_back(std::move(*probe));
  }
  return std::unique_ptr<Attachment>(std::move(attachment));
}

// What the site tells the program about where it is: see BS_COOKIE.
std::int64_t site_delta(const probes::Site& site, std::uint64_t link_address) {
  const auto delta = static_cast<std::int64_t>(site.address - link_address);
  const bool fits = delta > BS_NO_SITE_DELTA && delta < -std::int64_t{BS_NO_SITE_DELTA};
  return fits && !site.is_uretprobe ? delta : BS_NO_SITE_DELTA;
}

std::size_t round_ring(std::uint64_t bytes) {
  if (bytes < kMinRingBytes) return kMinRingBytes;
  if (bytes > kMaxRingBytes) return kMaxRingBytes;
  return std::bit_ceil(static_cast<std::size_t>(bytes));
}

class LibbpfKernel : public Kernel {
 public:
  schema::Result<void> open(const KernelOptions& options);

  const KernelFeatures& features() const override { return features_; }
  schema::Result<std::uint32_t> install_plan(const probes::CompiledPlan& plan, std::uint32_t service,
                                             std::uint32_t flags) override;
  std::size_t classes_left_out(std::uint32_t plan_index) const override {
    return plans_->vtables_left_out(plan_index);
  }
  void set_sample(std::uint32_t plan_index, std::uint64_t below) override {
    plans_->set_sample(plan_index, below);
  }
  void set_bucket(std::uint32_t plan_index, std::uint32_t bucket, const probes::RateLimit& rate) override;
  std::size_t forget_calls(const std::function<bool(std::uint32_t, std::uint32_t)>& is_alive) override;
  void remove_plan(std::uint32_t plan_index) override { plans_->remove(plan_index, data_->produced()); }
  schema::Result<std::unique_ptr<Attachment>> attach(const std::string& open_path, std::uint32_t plan_index,
                                                     const std::vector<probes::Site>& sites) override;
  schema::Result<std::unique_ptr<Attachment>> watch_linker(const std::string& open_path,
                                                           std::uint64_t file_offset) override;
  schema::Result<void> add_process(std::uint32_t service, std::uint32_t tgid) override;
  void remove_process(std::uint32_t service, std::uint32_t tgid) override;
  int control_fd() const override { return control_->fd(); }
  int data_fd() const override { return data_->fd(); }
  std::size_t drain_control(const RecordHandler& handler) override {
    return control_->drain(handler, SIZE_MAX);
  }
  std::size_t drain_data(const RecordHandler& handler, std::size_t max_records) override;
  bs_plan_counters counters(std::uint32_t plan_index) const override;
  std::uint64_t control_lost() const override;

 private:
  schema::Result<void> prepare(const KernelOptions& options);
  schema::Result<void> load();
  schema::Result<void> follow_processes();
  schema::Result<void> open_maps();
  schema::Result<std::unique_ptr<Attachment>> attach_points(const AttachRequest& request) const;
  schema::Result<int> program_for(std::uint32_t plan_index);
  int map_fd(const char* name) const { return bpf_object__find_map_fd_by_name(object_.get(), name); }
  int program_fd(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name));
  }

  KernelFeatures features_;
  bool use_multi_ = false;
  int cpus_ = 0;
  std::size_t ring_bytes_ = 0;
  bs_options options_{};
  ObjectPtr object_;
  std::unique_ptr<SleepableProgram> sleepable_;
  std::vector<LinkPtr> process_links_;
  std::unique_ptr<PlanMaps> plans_;
  std::unique_ptr<RingReader> data_;
  std::unique_ptr<RingReader> control_;
};

schema::Result<void> LibbpfKernel::open(const KernelOptions& options) {
  features_ = probe_kernel_features();
  if (!features_.bpf) {
    const bool refused = features_.lacking.find("permitted") != std::string::npos;
    return schema::make_error(
        refused ? schema::ErrorCode::kPermission : schema::ErrorCode::kUnsupported,
        "capture is not possible on Linux " + features_.release + ": " + features_.lacking);
  }
  BACKSIGHT_TRY(prepare(options));
  BACKSIGHT_TRY(load());
  BACKSIGHT_TRY(open_maps());
  return follow_processes();
}

// Opens the object and sets what depends on this machine, before verification.
schema::Result<void> LibbpfKernel::prepare(const KernelOptions& options) {
  use_multi_ = features_.uprobe_multi && !options.force_perf_uprobes;
  cpus_ = libbpf_num_possible_cpus();
  if (cpus_ <= 0)
    return schema::make_error(schema::ErrorCode::kIo, "cannot read the number of CPUs from /sys");
  ring_bytes_ = round_ring(options.ring_bytes);
  const bool has_loop = features_.bpf_loop && !options.force_no_bpf_loop;
  const auto bytes = has_loop ? capture_object() : capture_no_loop_object();
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof open_options;
  open_options.object_name = "backsight";
  object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &open_options));
  if (!object_) return schema::make_error(schema::ErrorCode::kInternal, "the capture program is damaged");

  bpf_map* scratch = bpf_object__find_map_by_name(object_.get(), "scratch");
  bpf_map__set_max_entries(scratch, static_cast<std::uint32_t>(cpus_) * BS_SCRATCH_SLOTS);
  bpf_map* events = bpf_object__find_map_by_name(object_.get(), "events");
  bpf_map__set_max_entries(events, static_cast<std::uint32_t>(ring_bytes_));
  bpf_map* constants = bpf_object__find_map_by_name(object_.get(), ".rodata.options");
  options_ = {.ring_bytes = ring_bytes_, .cpus = static_cast<std::uint32_t>(cpus_), .reserved = 0};
  if (!constants || bpf_map__set_initial_value(constants, &options_, sizeof options_) != 0)
    return schema::make_error(schema::ErrorCode::kInternal, "the capture program has no options");
  if (use_multi_)
    for (const char* name : {"capture", "modules_changed"})
      bpf_program__set_expected_attach_type(bpf_object__find_program_by_name(object_.get(), name),
                                            static_cast<bpf_attach_type>(kUprobeMultiAttachType));
  return {};
}

schema::Result<void> LibbpfKernel::load() {
  LibbpfLog log;
  const int error = -bpf_object__load(object_.get());
  if (error == 0) return {};
  const std::string said = log.last_lines(12);
  if (error == EPERM || error == EACCES)
    return schema::make_error(schema::ErrorCode::kPermission,
                              "the kernel refused the capture program: " + said,
                              "run as root or with CAP_BPF and CAP_PERFMON; before Linux 5.11 also raise "
                              "the limit of locked memory (ulimit -l)");
  return schema::make_error(schema::ErrorCode::kUnsupported,
                            "Linux " + features_.release + " did not accept the capture program (" +
                                std::strerror(error) + "): " + said,
                            "report this with the kernel's release");
}

schema::Result<void> LibbpfKernel::follow_processes() {
  LibbpfLog log;
  for (const char* name : {"process_fork", "process_exec", "process_exit"}) {
    LinkPtr link(bpf_program__attach(bpf_object__find_program_by_name(object_.get(), name)));
    if (!link)
      return schema::make_error(schema::ErrorCode::kPermission,
                                std::string("cannot follow processes (") + name +
                                    "): " + std::strerror(errno) + " " + log.last_lines(3),
                                "CAP_PERFMON is needed besides CAP_BPF");
    process_links_.push_back(std::move(link));
  }
  return {};
}

schema::Result<void> LibbpfKernel::open_maps() {
  auto plans = PlanMaps::open({.plans = map_fd("plans"),
                               .ops = map_fd("ops"),
                               .types = map_fd("types"),
                               .vtables = map_fd("vtables")});
  if (!plans) return std::move(plans).error();
  plans_ = std::move(*plans);
  auto data = RingReader::open(map_fd("events"), ring_bytes_);
  if (!data) return std::move(data).error();
  data_ = std::move(*data);
  auto control = RingReader::open(map_fd("control"), kControlRingBytes);
  if (!control) return std::move(control).error();
  control_ = std::move(*control);
  return {};
}

schema::Result<std::uint32_t> LibbpfKernel::install_plan(const probes::CompiledPlan& plan,
                                                         std::uint32_t service, std::uint32_t flags) {
  plans_->reuse_until(data_->consumed());
  auto index = plans_->install(plan, service, flags & ~BS_PLAN_ENABLED);
  if (!index) return index;
  const std::vector<bs_plan_counters> zero(static_cast<std::size_t>(cpus_));
  bpf_map_update_elem(map_fd("counters"), &*index, zero.data(), BPF_ANY);
  plans_->set_flags(*index, flags);
  return index;
}

schema::Result<std::unique_ptr<Attachment>> LibbpfKernel::attach_points(const AttachRequest& request) const {
  return use_multi_ ? attach_multi(request) : attach_perf(request);
}

schema::Result<int> LibbpfKernel::program_for(std::uint32_t plan_index) {
  if (!(plans_->flags(plan_index) & BS_PLAN_SLEEPABLE)) return program_fd("capture");
  if (!sleepable_) {
    auto loaded = SleepableProgram::load(object_.get(), options_, use_multi_);
    if (!loaded) return std::move(loaded).error();
    sleepable_ = *std::move(loaded);
  }
  return sleepable_->fd();
}

schema::Result<std::unique_ptr<Attachment>> LibbpfKernel::attach(const std::string& open_path,
                                                                 std::uint32_t plan_index,
                                                                 const std::vector<probes::Site>& sites) {
  const auto program = program_for(plan_index);
  if (!program) return program.error();
  AttachRequest request{.program_fd = *program, .path = open_path, .points = {}};
  const std::uint64_t link_address = plans_->link_address(plan_index);
  for (const auto& site : sites)
    request.points.push_back(
        {site.file_offset,
         BS_COOKIE(plan_index, site.kind, site_delta(site, link_address), site.frame_adjust),
         site.is_uretprobe});
  return attach_points(request);
}

schema::Result<std::unique_ptr<Attachment>> LibbpfKernel::watch_linker(const std::string& open_path,
                                                                       std::uint64_t file_offset) {
  return attach_points(
      {.program_fd = program_fd("modules_changed"), .path = open_path, .points = {{file_offset, 0, false}}});
}

schema::Result<void> LibbpfKernel::add_process(std::uint32_t service, std::uint32_t tgid) {
  if (service >= BS_MAX_SERVICES)
    return schema::make_error(schema::ErrorCode::kNoSpace, "too many services to follow");
  const int map = map_fd("members");
  bs_membership services{};
  services.services[service / 64] = 1ull << (service % 64);
  if (bpf_map_update_elem(map, &tgid, &services, BPF_NOEXIST) == 0) return {};
  if (errno == EEXIST) {
    bs_membership have{};
    bpf_map_lookup_elem(map, &tgid, &have);
    have.services[service / 64] |= services.services[service / 64];
    if (bpf_map_update_elem(map, &tgid, &have, BPF_ANY) == 0) return {};
  }
  return schema::make_error(errno == E2BIG ? schema::ErrorCode::kNoSpace : schema::ErrorCode::kIo,
                            "cannot follow process " + std::to_string(tgid) + ": " + std::strerror(errno));
}

void LibbpfKernel::remove_process(std::uint32_t service, std::uint32_t tgid) {
  const int map = map_fd("members");
  bs_membership have{};
  if (service >= BS_MAX_SERVICES || bpf_map_lookup_elem(map, &tgid, &have) != 0) return;
  have.services[service / 64] &= ~(1ull << (service % 64));
  std::uint64_t any = 0;
  for (const auto bits : have.services) any |= bits;
  if (any)
    bpf_map_update_elem(map, &tgid, &have, BPF_EXIST);
  else
    bpf_map_delete_elem(map, &tgid);
}

void LibbpfKernel::set_bucket(std::uint32_t plan_index, std::uint32_t bucket, const probes::RateLimit& rate) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const std::uint64_t interval_ns = kSecond / std::max<std::uint64_t>(rate.per_second, 1);
  bs_bucket value{.full_ns = 0, .interval_ns = interval_ns, .burst_ns = (rate.burst - 1) * interval_ns};
  bs_bucket have{};
  const int map = map_fd("buckets");
  // Another function of the probe may be at work with it already.
  if (bpf_map_lookup_elem(map, &bucket, &have) != 0 || have.interval_ns != value.interval_ns ||
      have.burst_ns != value.burst_ns)
    bpf_map_update_elem(map, &bucket, &value, BPF_ANY);
  plans_->set_bucket(plan_index, bucket);
}

std::size_t LibbpfKernel::forget_calls(const std::function<bool(std::uint32_t, std::uint32_t)>& is_alive) {
  constexpr std::uint32_t kBatch = 4096;
  const int map = map_fd("kept_calls");
  std::vector<bs_call_key> keys(kBatch), gone;
  std::vector<std::uint64_t> values(kBatch);
  bpf_map_batch_opts options{};
  options.sz = sizeof options;
  std::uint32_t at = 0;
  bool is_first = true;
  for (int error = 0; error == 0; is_first = false) {
    std::uint32_t count = kBatch;
    error = bpf_map_lookup_batch(map, is_first ? nullptr : &at, &at, keys.data(), values.data(), &count,
                                 &options);
    if (error != 0 && error != -ENOENT) break;  // ENOENT: that was all
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto tgid = static_cast<std::uint32_t>(keys[i].pid_tgid >> 32);
      if (!is_alive(tgid, static_cast<std::uint32_t>(keys[i].pid_tgid))) gone.push_back(keys[i]);
    }
  }
  for (const auto& key : gone) bpf_map_delete_elem(map, &key);
  return gone.size();
}

std::size_t LibbpfKernel::drain_data(const RecordHandler& handler, std::size_t max_records) {
  const std::size_t records = data_->drain(handler, max_records);
  plans_->reuse_until(data_->consumed());
  return records;
}

bs_plan_counters LibbpfKernel::counters(std::uint32_t plan_index) const {
  std::vector<bs_plan_counters> each(static_cast<std::size_t>(cpus_));
  bs_plan_counters sum{};
  if (bpf_map_lookup_elem(map_fd("counters"), &plan_index, each.data()) != 0) return sum;
  for (const auto& cpu : each) {
    sum.hits += cpu.hits;
    sum.kept += cpu.kept;
    sum.run_ns += cpu.run_ns;
    sum.rejected += cpu.rejected;
    sum.undecided += cpu.undecided;
    sum.open_calls += cpu.open_calls;
    sum.skipped += cpu.skipped;
    sum.foreign += cpu.foreign;
    sum.exits += cpu.exits;
    for (std::size_t i = 0; i < BS_LOSS_REASONS; i++) sum.lost[i] += cpu.lost[i];
  }
  return sum;
}

std::uint64_t LibbpfKernel::control_lost() const {
  const std::uint32_t zero = 0;
  std::uint64_t lost = 0;
  bpf_map_lookup_elem(map_fd("control_lost"), &zero, &lost);
  return lost;
}

}  // namespace

schema::Result<std::unique_ptr<Kernel>> open_libbpf_kernel(const KernelOptions& options) {
  auto kernel = std::make_unique<LibbpfKernel>();
  BACKSIGHT_TRY(kernel->open(options));
  return std::unique_ptr<Kernel>(std::move(kernel));
}

}  // namespace backsight::collector
