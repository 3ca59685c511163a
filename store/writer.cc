// StoreWriter: the lock, the boot's base, the free-space floor, and one
// ServiceWriter for each service in use.
#include "schema/codec.h"
#include "store/layout.h"
#include "store/partition_reader.h"
#include "store/rocks.h"
#include "store/service_writer.h"
#include "store/timeline.h"

#include <algorithm>
#include <chrono>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;
using schema::Sequence;

namespace {

constexpr auto kSpaceCheckPeriod = std::chrono::milliseconds(100);

struct BootSearch {
  std::optional<std::int64_t> base;  // of the boot, as a partition has it
  std::int64_t newest = INT64_MIN;   // time recorded anywhere
};

// The slow way, for a boot that BOOTS does not know: asks every service.
BootSearch search_partitions(const StoreOptions& options) {
  BootSearch found;
  const auto services = find_services(options.path);
  if (!services) return found;
  for (const std::string& service : *services) {
    const std::string path = service_directory(options.path, service);
    auto partitions = find_partitions(path);
    std::reverse(partitions.begin(), partitions.end());
    for (const PartitionName& name : partitions) {
      auto opened = open_live(path + "/" + name.to_string());
      if (!opened) continue;
      const auto head = load_head(*opened->database);
      const auto marks = load_watermarks(*opened->database);
      if (!head || !marks) continue;
      found.newest = std::max(found.newest, marks->timeline_newest.ns);
      if (head->boot_id == options.boot_id) found.base = head->boot_base_ns;
      break;  // older ones are of no interest
    }
  }
  return found;
}

Result<std::int64_t> load_boot_base(const StoreOptions& options) {
  if (const auto known = find_boot_base(options.path, options.boot_id)) return *known;
  const BootSearch found = search_partitions(options);
  std::int64_t base = 0;
  if (found.base) {
    base = *found.base;
  } else {
    const auto now = schema::read_clocks();
    base = now.wall.ns - now.boot.ns;
    if (found.newest != INT64_MIN) base = std::max(base, found.newest + 1);
  }
  BACKSIGHT_TRY(add_boot_base(options.path, options.boot_id, base));
  return base;
}

class Writer : public StoreWriter {
 public:
  Writer(const StoreOptions& options, StoreLock lock, std::int64_t boot_base_ns)
      : options_(options),
        lock_(std::move(lock)),
        boot_base_ns_(boot_base_ns),
        rocks_(options.cache_bytes, options.write_buffer_bytes) {}

  std::int64_t boot_base_ns() const override { return boot_base_ns_; }
  Counters counters() const override { return counters_; }

  Result<schema::PlanId> put_plan(const std::string& service, const schema::Plan& plan) override {
    const auto encoded = schema::encode(plan);
    const schema::PlanId id = schema::plan_id(encoded);
    BACKSIGHT_TRY(with(service, [&](ServiceWriter& writer) { return writer.put_plan(id, encoded); }));
    return id;
  }
  Result<void> put_process(const std::string& service, const schema::Process& process) override {
    return with(service, [&](ServiceWriter& writer) { return writer.put_process(process); });
  }
  Result<void> put_thread(const std::string& service, const schema::Thread& thread) override {
    return with(service, [&](ServiceWriter& writer) { return writer.put_thread(thread); });
  }
  Result<void> put_symbol(const std::string& service, const schema::CodeSymbol& symbol) override {
    return with(service, [&](ServiceWriter& writer) { return writer.put_symbol(symbol); });
  }
  Result<schema::StackId> put_stack(const std::string& service, const schema::Stack& stack) override {
    const auto encoded = schema::encode(stack);
    const schema::StackId id = schema::stack_id(encoded);
    BACKSIGHT_TRY(with(service, [&](ServiceWriter& writer) { return writer.put_stack(id, encoded); }));
    return id;
  }
  Result<void> put_gap(const std::string& service, const schema::Gap& gap) override {
    return with(service, [&](ServiceWriter& writer) { return writer.put_gap(gap); });
  }
  Result<void> put_probe_status(const std::string& service, const schema::ProbeStatus& status) override {
    return with(service, [&](ServiceWriter& writer) { return writer.put_probe_status(status); });
  }

  Result<void> put_clock(const schema::ClockSample& sample) override {
    clock_.add(sample);
    Result<void> result;
    for (auto& [service, writer] : services_) {
      auto done = with(service, [&](ServiceWriter& each) { return each.put_clock(sample); });
      if (!done) result = std::move(done);
    }
    return result;
  }

  Result<Sequence> append(const std::string& service, std::span<const std::byte> rows) override {
    return with(service, [&](ServiceWriter& writer) { return writer.append(rows, counters_); });
  }

  Result<void> flush() override {
    Result<void> result;
    for (auto& [service, writer] : services_) {
      auto done = writer->flush();
      if (!done) result = std::move(done);
    }
    return result;
  }

 private:
  // Runs `action` on the writer of `service`, if there is room on the disk.
  template <class Action>
  auto with(const std::string& service, Action action) -> decltype(action(std::declval<ServiceWriter&>())) {
    try {
      BACKSIGHT_TRY(check_space());
      auto found = services_.find(service);
      if (found == services_.end()) {
        if (service.empty()) return make_error(ErrorCode::kInvalid, "a service needs a name");
        auto opened = ServiceWriter::open(options_, rocks_, boot_base_ns_, service);
        if (!opened) return opened.error().within("service " + service);
        found = services_.emplace(service, std::move(*opened)).first;
        for (const auto& sample : clock_.samples()) BACKSIGHT_TRY(found->second->put_clock(sample));
      }
      auto result = action(*found->second);
      if (!result) return result.error().within("service " + service);
      return result;
    } catch (const std::exception& exception) {
      return make_error(ErrorCode::kInternal, "service " + service + ": " + exception.what());
    }
  }

  Result<void> check_space() {
    const auto now = std::chrono::steady_clock::now();
    if (now - space_checked_ >= kSpaceCheckPeriod) {
      space_checked_ = now;
      free_bytes_ = free_bytes(options_.path);
    }
    if (!free_bytes_ || *free_bytes_ >= options_.min_free_bytes) return {};
    return make_error(ErrorCode::kNoSpace,
                      "the store " + options_.path + " has " + std::to_string(*free_bytes_) +
                          " bytes of disk left, less than the floor of " +
                          std::to_string(options_.min_free_bytes),
                      "free some space, shorten store.retention, or lower its min_free");
  }

  const StoreOptions options_;
  const StoreLock lock_;
  const std::int64_t boot_base_ns_;
  const RocksShared rocks_;
  Counters counters_;
  schema::ClockSeries clock_;
  std::chrono::steady_clock::time_point space_checked_{};
  std::optional<std::uint64_t> free_bytes_;
  std::map<std::string, std::unique_ptr<ServiceWriter>> services_;
};

}  // namespace

Result<std::unique_ptr<StoreWriter>> StoreWriter::open(const StoreOptions& options) {
  try {
    BACKSIGHT_TRY(prepare_store(options.path));
    auto lock = StoreLock::acquire(options.path);
    if (!lock) return lock.error();
    auto base = load_boot_base(options);
    if (!base) return base.error();
    return std::make_unique<Writer>(options, std::move(*lock), *base);
  } catch (const std::exception& exception) {
    return make_error(ErrorCode::kInternal, "store " + options.path + ": " + exception.what());
  }
}

}  // namespace backsight::store
