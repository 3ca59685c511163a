#include "collector/perf_uprobe.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace backsight::collector {
namespace {

constexpr const char* kDevice = "/sys/bus/event_source/devices/uprobe/";

struct UprobeDevice {
  std::uint32_t type = 0;
  std::uint64_t return_bit = 1;  // in config
};

std::optional<UprobeDevice> load_uprobe_device() {
  UprobeDevice device;
  std::ifstream type(std::string(kDevice) + "type");
  if (!(type >> device.type)) return std::nullopt;
  std::ifstream format(std::string(kDevice) + "format/retprobe");  // "config:0"
  std::string text;
  unsigned bit = 0;
  if (format >> text && text.rfind("config:", 0) == 0)
    bit = static_cast<unsigned>(std::atoi(text.c_str() + 7));
  device.return_bit = 1ull << (bit & 63);
  return device;
}

schema::Error failure(const std::string& what, const std::string& path, std::uint64_t offset, int error) {
  const bool is_refused = error == EPERM || error == EACCES;
  return schema::make_error(
      is_refused ? schema::ErrorCode::kPermission : schema::ErrorCode::kIo,
      what + " " + path + " at offset " + std::to_string(offset) + ": " + std::strerror(error),
      is_refused
          ? "run as root: some kernels ask for CAP_SYS_ADMIN where uprobe_multi (Linux 6.6) is not used"
          : "");
}

}  // namespace

schema::Result<PerfUprobe> link_perf_uprobe(int program_fd, const std::string& path, std::uint64_t offset,
                                            bool is_return, std::uint64_t cookie) {
  const auto device = load_uprobe_device();
  if (!device)
    return schema::make_error(
        schema::ErrorCode::kUnsupported,
        std::string("this kernel has no uprobe events: cannot read ") + kDevice + "type",
        "mount /sys, or use a kernel with CONFIG_UPROBE_EVENTS");
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = device->type;
  attr.config = is_return ? device->return_bit : 0;
  attr.config1 = reinterpret_cast<std::uintptr_t>(path.c_str());
  attr.config2 = offset;
  // Every process: the program runs on whichever CPU meets the probe.
  const long fd = ::syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return failure("cannot open a uprobe event for", path, offset, errno);
  PerfUprobe probe;
  probe.event = Descriptor(static_cast<int>(fd));
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.perf_event.bpf_cookie = cookie;
  const int link = bpf_link_create(program_fd, probe.event.get(), BPF_PERF_EVENT, &options);
  if (link < 0) return failure("cannot attach to", path, offset, -link);
  probe.link = Descriptor(link);
  return probe;
}

}  // namespace backsight::collector
