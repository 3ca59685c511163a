// What backsightd tells the service manager: ready, reloading, alive; and that it
// does not say that it is alive while its loop stands still.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace backsight::tests {
namespace {

// The service manager's end.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Everything told since the last time, a line each.
  std::string take() {
    std::string told;
    char block[4096];
    for (ssize_t got = 0; (got = ::recv(fd_, block, sizeof block, 0)) > 0;) {
      told.append(block, static_cast<std::size_t>(got));
      told += '\n';
    }
    return told;
  }
  bool hears(const std::string& wanted) {
    std::string told;
    return eventually([&] { return (told += take()).find(wanted) != std::string::npos; });
  }

 private:
  int fd_;
};

// Whether nothing is told for five watchdog periods.
bool is_silent(NotifySocket& manager) {
  manager.take();
  return !eventually([&] { return !manager.take().empty(); }, std::chrono::milliseconds(1000));
}

TEST_CASE("the service manager hears of life while the loop is alive, and only then [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  NotifySocket manager(dir.file("notify"));
  Daemon daemon(dir, "  []\n", {},
                {.environment = {"NOTIFY_SOCKET=" + dir.file("notify"), "WATCHDOG_USEC=200000"}, .uid = 0});
  REQUIRE(manager.hears("READY=1"));
  for (int i = 0; i < 3; ++i) {
    manager.take();
    CHECK(manager.hears("WATCHDOG=1"));
  }

  // The loop stands still: it reads a configuration that does not come.
  const std::string config = dir.file("backsight.yaml"), text = read_file(config);
  REQUIRE(::unlink(config.c_str()) == 0);
  REQUIRE(::mkfifo(config.c_str(), 0600) == 0);
  daemon.child().signal(SIGHUP);
  REQUIRE(manager.hears("RELOADING=1"));
  CHECK(is_silent(manager));
  CHECK(daemon.child().running());
  {
    const int writer = ::open(config.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(::write(writer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(writer);
  }
  CHECK(manager.hears("READY=1"));
  CHECK(manager.hears("WATCHDOG=1"));

  daemon.child().signal(SIGTERM);
  CHECK(manager.hears("STOPPING=1"));
  CHECK(daemon.child().wait() == 0);
}

TEST_CASE("a watchdog that is another process's is not served [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  NotifySocket manager(dir.file("notify"));
  Daemon daemon(
      dir, "  []\n", {},
      {.environment = {"NOTIFY_SOCKET=" + dir.file("notify"), "WATCHDOG_USEC=200000", "WATCHDOG_PID=1"},
       .uid = 0});
  REQUIRE(manager.hears("READY=1"));
  CHECK(is_silent(manager));
  CHECK(daemon.stop() == 0);
}

}  // namespace
}  // namespace backsight::tests
