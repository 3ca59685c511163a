// systemd's notification protocol (sd_notify(3)): one datagram per message.
// Without NOTIFY_SOCKET everything here does nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace backsight::tools {

// "READY=1", "STATUS=…", several lines at once.
void notify_service_manager(const std::string& state);

// Half of WATCHDOG_USEC, in microseconds, if the service manager wants WATCHDOG=1 from us.
std::optional<std::uint64_t> watchdog_period_us();

}  // namespace backsight::tools
