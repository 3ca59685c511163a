// A kernel of memory: notes what it is asked for, and serves records that a
// test has put in.
#pragma once

#include "collector/kernel.h"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace backsight::collector {

// What outlives the collector, for the test to look at.
struct FakeKernelState {
  struct Plan {
    std::string function;
    std::uint32_t service = 0, flags = 0;
    bool attached = false;
    bs_plan_counters counters{};
    std::uint64_t below = 0;
    std::uint32_t bucket = 0;
    probes::RateLimit rate;
  };
  std::map<std::uint32_t, Plan> plans;  // by index
  std::set<std::pair<std::uint32_t, std::uint32_t>> members;
  std::deque<std::vector<std::byte>> control, data;
  std::uint32_t next_index = 1;
  std::uint64_t lost_control = 0;
  unsigned attaches = 0, watched_linkers = 0, forgets = 0;
  std::atomic<unsigned> detaches = 0;  // by several threads
  std::size_t classes_left_out = 0;    // of each plan
  std::string attach_failure;          // function that cannot be attached
  std::function<void()> before_data;   // once, before data is taken
};

class FakeKernel final : public Kernel {
 public:
  explicit FakeKernel(FakeKernelState& state) : state_(state) {}

  const KernelFeatures& features() const override { return features_; }
  schema::Result<std::uint32_t> install_plan(const probes::CompiledPlan& plan, std::uint32_t service,
                                             std::uint32_t flags) override {
    state_.plans[state_.next_index] = {plan.plan.function,     service, flags, false, {},
                                       plan.plan.sample_below, 0,       {}};
    return state_.next_index++;
  }
  std::size_t classes_left_out(std::uint32_t) const override { return state_.classes_left_out; }
  void set_sample(std::uint32_t index, std::uint64_t below) override { state_.plans.at(index).below = below; }
  void set_bucket(std::uint32_t index, std::uint32_t bucket, const probes::RateLimit& rate) override {
    state_.plans.at(index).bucket = bucket;
    state_.plans.at(index).rate = rate;
  }
  std::size_t forget_calls(const std::function<bool(std::uint32_t, std::uint32_t)>&) override {
    ++state_.forgets;
    return 0;
  }
  void remove_plan(std::uint32_t index) override { state_.plans.erase(index); }
  schema::Result<std::unique_ptr<Attachment>> attach(const std::string&, std::uint32_t index,
                                                     const std::vector<probes::Site>&) override {
    if (state_.plans.at(index).function == state_.attach_failure) {
      return schema::make_error(schema::ErrorCode::kPermission, "the kernel refused");
    }
    ++state_.attaches;
    state_.plans.at(index).attached = true;
    return std::unique_ptr<Attachment>(new Link(state_, index));
  }
  schema::Result<std::unique_ptr<Attachment>> watch_linker(const std::string&, std::uint64_t) override {
    ++state_.watched_linkers;
    return std::make_unique<Attachment>();
  }
  schema::Result<void> add_process(std::uint32_t service, std::uint32_t tgid) override {
    state_.members.insert({service, tgid});
    return {};
  }
  void remove_process(std::uint32_t service, std::uint32_t tgid) override {
    state_.members.erase({service, tgid});
  }
  int control_fd() const override { return -1; }
  int data_fd() const override { return -1; }
  std::size_t drain_control(const RecordHandler& handler) override {
    return drain(state_.control, handler, ~0ull);
  }
  std::size_t drain_data(const RecordHandler& handler, std::size_t most) override {
    if (const auto before = std::exchange(state_.before_data, {}); before && !state_.data.empty()) before();
    return drain(state_.data, handler, most);
  }
  bs_plan_counters counters(std::uint32_t index) const override {
    const auto known = state_.plans.find(index);
    return known == state_.plans.end() ? bs_plan_counters{} : known->second.counters;
  }
  std::uint64_t control_lost() const override { return state_.lost_control; }

 private:
  class Link final : public Attachment {
   public:
    Link(FakeKernelState& state, std::uint32_t index) : state_(state), index_(index) {}
    ~Link() override {
      ++state_.detaches;
      state_.plans.at(index_).attached = false;
    }

   private:
    FakeKernelState& state_;
    std::uint32_t index_;
  };
  static std::size_t drain(std::deque<std::vector<std::byte>>& ring, const RecordHandler& handler,
                           std::size_t most) {
    std::size_t count = 0;
    for (; count < most && !ring.empty(); ++count) {
      const auto record = std::move(ring.front());
      ring.pop_front();
      handler(record);
    }
    return count;
  }

  FakeKernelState& state_;
  KernelFeatures features_;
};

}  // namespace backsight::collector
