// The collector's end of a planning process: starts it, asks, serves the files
// that it wants, and ends it.
#pragma once

#include "probes/sandbox.h"
#include "probes/sandbox_channel.h"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <span>

namespace backsight::probes {

// argv[0] of a planning process.
inline constexpr const char* kPlanningProcessName = "backsight-planner";

// The planning process itself: answers on descriptor 3 until that is closed; its exit code.
int serve_plans();

class PlanningProcess {
 public:
  static schema::Result<std::unique_ptr<PlanningProcess>> start(const SandboxOptions& options);
  PlanningProcess(const PlanningProcess&) = delete;
  PlanningProcess& operator=(const PlanningProcess&) = delete;
  ~PlanningProcess() { end(); }

  // Takes one frame of an answer; true: it was the last. An error: not an answer.
  using Take = std::function<schema::Result<bool>(Frame&)>;
  // Sends a question and gives `take` what comes back, but for what the process
  // asks for itself. The error says what failed: the question (the process
  // lives), or the process (every later question fails, too).
  schema::Result<void> ask(FrameKind kind, std::span<const std::byte> payload, const Take& take);

 private:
  PlanningProcess(int socket, pid_t pid, const SandboxOptions& options);
  schema::Result<void> serve_file(const Frame& frame);
  void save_index(Frame& frame);
  // Ends the process and says why it could not answer.
  schema::Error lost(const schema::Error& cause);
  // Waits for it, kills it where that takes long; its wait status.
  int end(int grace_ms = 0);

  int socket_;
  pid_t pid_;
  SandboxOptions options_;
  Channel channel_;
};

}  // namespace backsight::probes
