// Which processes there are: control records and scans of /proc turned into
// actuator events. Knows every process of the host (few bytes each), and opens
// the executables of those that belong to a service.
#pragma once

#include "bpf/abi/event.h"
#include "collector/actuator.h"
#include "collector/file_table.h"
#include "collector/pipeline_input.h"
#include "collector/proc_fs.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::collector {

// A process that the timeline had as running when the collector was started.
struct RecordedProcess {
  std::uint32_t pid = 0;
  std::string exe;
  std::int64_t image_boot_ns = 0;
  std::int64_t accounted_until_ns = 0;  // what is missing before is on the timeline already
};

class ProcessTracker {
 public:
  using Emit = std::function<void(const Event&)>;

  // All outlive the tracker. `emit` applies the event to `state` at once.
  ProcessTracker(ProcFs& proc_fs, FileTable& files, const ActuatorState& state, PipelineInput& input,
                 Emit emit);

  // One record of the control ring, unchecked; false: malformed.
  bool control_record(std::span<const std::byte> record);
  // Finds what control records did not tell. `again`: looks at known processes,
  // too (the configuration has changed, or records were lost).
  void scan(std::int64_t now_boot_ns, bool again);
  // Emits what was put off: changed library lists.
  void tick(std::int64_t now_boot_ns);
  void read_modules(std::uint32_t pid, std::int64_t now_boot_ns);

  // Images keep their identity over a restart of the collector.
  void expect(const RecordedProcess& process) { recorded_[process.pid] = process; }
  bool is_running(const RecordedProcess& process) const;

  // For a process that the pipeline met before the tracker announced it.
  std::optional<ProcessImage> image_at(std::uint32_t pid, std::int64_t boot_ns);
  ProcessImage image_of(std::uint32_t pid) const;

 private:
  struct Known {
    std::int64_t start_boot_ns = 0, image_boot_ns = 0;
    std::uint32_t parent = 0;
    std::optional<std::int64_t> ended_boot_ns;
    bool operator==(const Known&) const = default;
  };
  void forked(const bs_process_event& event);
  void executed(const bs_process_event& event);
  void exited(std::uint32_t pid, std::int64_t boot_ns);
  void look(std::uint32_t pid, std::int64_t now_boot_ns);
  bool may_belong(std::uint32_t pid, const std::string& exe) const;

  ProcFs& proc_fs_;
  FileTable& files_;
  const ActuatorState& state_;
  PipelineInput& input_;
  Emit emit_;
  std::unordered_map<std::uint32_t, Known> known_;
  std::map<std::uint32_t, RecordedProcess> recorded_;
  std::map<std::uint32_t, std::int64_t> modules_changed_;  // pid → since when
  std::multimap<std::int64_t, std::uint32_t> look_again_;  // when → pid: libraries of young images
};

}  // namespace backsight::collector
