#include "collector/stack_stage.h"

#include "collector/clocks.h"

#include <chrono>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::chrono::milliseconds kLastWait{200}, kLastStep{20};

}  // namespace

StackStage::StackStage(boost::asio::io_context& loop, ReadMappings read, Parts parts)
    : parts_(std::move(parts)),
      pen_(
          {parts_.next, [this](UnwindJob job) { return unwinder_.submit(std::move(job)); }, parts_.image_at}),
      unwinder_(loop, std::move(read), [this](const std::vector<UnwindAnswer>& answers) { take(answers); }) {}

void StackStage::code_changed(std::uint32_t pid, std::int64_t since_boot_ns) {
  if (const auto image = parts_.image_at(pid, since_boot_ns)) pen_.code_changed(*image, since_boot_ns);
}

void StackStage::let_go() {
  if (pen_.empty()) return;
  is_letting_go_ = true;
  const auto until = std::chrono::steady_clock::now() + kLastWait;
  while (!pen_.empty() && std::chrono::steady_clock::now() < until) unwinder_.wait(kLastStep);
  pen_.give_up();
  is_letting_go_ = false;
}

void StackStage::take(const std::vector<UnwindAnswer>& answers) {
  // Whether the processes were there when their mappings were read.
  if (!is_letting_go_) parts_.drain_control();
  pen_.answered(answers);
  pen_.release(boot_now_ns());
}

}  // namespace backsight::collector
