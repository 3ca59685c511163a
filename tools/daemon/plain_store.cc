#include "tools/daemon/plain_store.h"

#include <utility>

namespace backsight::tools {
namespace {

using schema::Result;

class PlainStore final : public store::StoreWriter {
 public:
  PlainStore(std::unique_ptr<StoreWriter> store, PlainThread& thread)
      : store_(std::move(store)), thread_(thread) {}
  ~PlainStore() override {
    thread_.run([this] { store_.reset(); });
  }

  std::int64_t boot_base_ns() const override { return store_->boot_base_ns(); }
  Counters counters() const override { return store_->counters(); }

  Result<schema::PlanId> put_plan(const std::string& service, const schema::Plan& plan) override {
    return thread_.run([&] { return store_->put_plan(service, plan); });
  }
  Result<void> put_process(const std::string& service, const schema::Process& process) override {
    return thread_.run([&] { return store_->put_process(service, process); });
  }
  Result<void> put_thread(const std::string& service, const schema::Thread& thread) override {
    return thread_.run([&] { return store_->put_thread(service, thread); });
  }
  Result<void> put_symbol(const std::string& service, const schema::CodeSymbol& symbol) override {
    return thread_.run([&] { return store_->put_symbol(service, symbol); });
  }
  Result<schema::StackId> put_stack(const std::string& service, const schema::Stack& stack) override {
    return thread_.run([&] { return store_->put_stack(service, stack); });
  }
  Result<void> put_gap(const std::string& service, const schema::Gap& gap) override {
    return thread_.run([&] { return store_->put_gap(service, gap); });
  }
  Result<void> put_probe_status(const std::string& service, const schema::ProbeStatus& status) override {
    return thread_.run([&] { return store_->put_probe_status(service, status); });
  }
  Result<void> put_clock(const schema::ClockSample& sample) override {
    return thread_.run([&] { return store_->put_clock(sample); });
  }
  Result<schema::Sequence> append(const std::string& service, std::span<const std::byte> rows) override {
    return thread_.run([&] { return store_->append(service, rows); });
  }
  Result<void> flush() override {
    return thread_.run([&] { return store_->flush(); });
  }

 private:
  std::unique_ptr<StoreWriter> store_;
  PlainThread& thread_;
};

}  // namespace

Result<std::unique_ptr<store::StoreWriter>> open_plain_store(const store::StoreOptions& options,
                                                             PlainThread& thread) {
  auto opened = thread.run([&] { return store::StoreWriter::open(options); });
  if (!opened) return opened.error();
  return std::make_unique<PlainStore>(*std::move(opened), thread);
}

}  // namespace backsight::tools
