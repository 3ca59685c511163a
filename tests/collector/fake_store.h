// A store in memory that can be told to fail.
#pragma once

#include "schema/codec.h"
#include "store/timeline.h"

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace backsight::collector {

class FakeStore final : public store::StoreWriter {
 public:
  struct Service {
    std::vector<schema::Plan> plans;
    std::vector<schema::Process> processes;
    std::vector<schema::Thread> threads;
    std::vector<schema::CodeSymbol> symbols;
    std::vector<schema::Stack> stacks;
    std::vector<schema::Gap> gaps;
    std::vector<schema::ProbeStatus> statuses;
    std::vector<schema::EventHeader> rows;
    std::vector<std::size_t> appended;  // bytes, per call
  };

  std::int64_t boot_base_ns() const override { return base_ns; }
  schema::Result<schema::PlanId> put_plan(const std::string& service, const schema::Plan& plan) override {
    if (failure) return *failure;
    services[service].plans.push_back(plan);
    return schema::plan_id(plan);
  }
  schema::Result<void> put_process(const std::string& service, const schema::Process& process) override {
    return put(services[service].processes, process);
  }
  schema::Result<void> put_thread(const std::string& service, const schema::Thread& thread) override {
    return put(services[service].threads, thread);
  }
  schema::Result<void> put_symbol(const std::string& service, const schema::CodeSymbol& symbol) override {
    return put(services[service].symbols, symbol);
  }
  schema::Result<schema::StackId> put_stack(const std::string& service, const schema::Stack& stack) override {
    if (failure) return *failure;
    services[service].stacks.push_back(stack);
    return schema::stack_id(schema::encode(stack));
  }
  schema::Result<void> put_gap(const std::string& service, const schema::Gap& gap) override {
    return put(services[service].gaps, gap);
  }
  schema::Result<void> put_probe_status(const std::string& service,
                                        const schema::ProbeStatus& status) override {
    return put(services[service].statuses, status);
  }
  schema::Result<void> put_clock(const schema::ClockSample& sample) override { return put(clock, sample); }
  schema::Result<schema::Sequence> append(const std::string& service,
                                          std::span<const std::byte> rows) override {
    if (failure) return *failure;
    auto& stored = services[service];
    stored.appended.push_back(rows.size());
    while (!rows.empty()) {
      schema::EventHeader header;
      std::memcpy(&header, rows.data(), sizeof header);
      stored.rows.push_back(header);
      rows = rows.subspan(header.size_bytes);
      ++totals.rows;
      totals.raw_bytes += header.size_bytes;
    }
    return schema::Sequence{stored.rows.size()};
  }
  schema::Result<void> flush() override { return {}; }
  Counters counters() const override { return totals; }

  std::int64_t base_ns = 1'000'000'000'000;
  std::optional<schema::Error> failure;
  std::map<std::string, Service> services;
  std::vector<schema::ClockSample> clock;
  Counters totals;

 private:
  template <class T>
  schema::Result<void> put(std::vector<T>& where, const T& value) {
    if (failure) return *failure;
    where.push_back(value);
    return {};
  }
};

}  // namespace backsight::collector
