// What stands between the ring and the pipeline for stacks that are copied: the pen and
// the unwinder, joined.
#pragma once

#include "collector/stack_pen.h"
#include "collector/stack_unwinder.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace backsight::collector {

class StackStage {
 public:
  struct Parts {
    PipelineInput& next;
    // The image that ran as `pid` then, and was not gone.
    std::function<std::optional<ImageKey>(std::uint32_t pid, std::int64_t boot_ns)> image_at;
    std::function<void()> drain_control;  // learns what became of processes
  };
  StackStage(boost::asio::io_context& loop, ReadMappings read, Parts parts);

  void prepare(const ImageKey& image) { unwinder_.prepare(image); }
  void record(std::span<const std::byte> record) { pen_.record(record); }
  void batch_done(std::int64_t now_boot_ns, bool drained) { pen_.batch_done(now_boot_ns, drained); }
  void code_changed(std::uint32_t pid, std::int64_t since_boot_ns);
  // Everything goes on, with its stack or without. Learns nothing of processes meanwhile.
  void let_go();

  bool empty() const { return pen_.empty(); }
  std::uint64_t given_up() const { return pen_.given_up(); }

 private:
  void take(const std::vector<UnwindAnswer>& answers);

  Parts parts_;
  StackPen pen_;
  bool is_letting_go_ = false;
  StackUnwinder unwinder_;
};

}  // namespace backsight::collector
