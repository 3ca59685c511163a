// Each case runs in a process of its own: what is given up is given up for ever.
#include "tests/support/result.h"
#include "tests/tools/secret_file.h"
#include "tools/daemon/file_access.h"
#include "tools/daemon/plain_files.h"
#include "tools/daemon/plain_thread.h"
#include "tools/daemon/privileges.h"
#include "tools/daemon/system_calls.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

namespace backsight::tools {
namespace {

// What the child wrote; "" and a signal's number where it did not end by itself.
std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string said = work();
    const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  char block[512];
  for (ssize_t got = 0; (got = ::read(ends[0], block, sizeof block)) > 0;) {
    said.append(block, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "killed: " + std::to_string(status);
}

long filtered(long result) {
  return result >= 0 ? 0 : errno;
}

// Names of the calls whose error is not EPERM, for a child that is root or nobody:
// each would fail otherwise for another reason, or be done.
std::string not_refused(const std::map<std::string, std::function<long()>>& calls) {
  std::string names;
  for (const auto& [name, call] : calls) {
    errno = 0;
    const long error = filtered(call());
    if (error != EPERM) names += name + ":" + std::to_string(error) + " ";
  }
  return names;
}

long connect_somewhere() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in nowhere{};
  nowhere.sin_family = AF_INET;
  nowhere.sin_port = htons(1);
  nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&nowhere), sizeof nowhere);
}

// What nothing in backsightd may do. Bad arguments: done they are not, either way.
std::map<std::string, std::function<long()>> forbidden_to_all() {
  return {
      {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
      {"process_vm_writev",
       [] { return ::syscall(SYS_process_vm_writev, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"process_vm_readv",
       [] { return ::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"unshare", [] { return ::syscall(SYS_unshare, 0); }},
      {"setns", [] { return ::syscall(SYS_setns, -1, 0); }},
      {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"mount", [] { return ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
      {"chroot", [] { return ::syscall(SYS_chroot, nullptr); }},
      {"connect", connect_somewhere},
      {"netlink", [] { return ::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
      {"packet", [] { return ::socket(AF_PACKET, SOCK_RAW, 0); }},
      {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, nullptr); }},
      {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); }},
      {"chown", [] { return ::syscall(SYS_chown, nullptr, 0, 0); }},
      {"mknod", [] { return ::syscall(SYS_mknod, nullptr, 0, 0); }},
      {"terminal", [] { return ::syscall(SYS_ioctl, 0, TIOCSTI, nullptr); }},
  };
}

std::map<std::string, std::function<long()>> forbidden_to_plain() {
  return {
      {"execve", [] { return ::syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
      {"execveat", [] { return ::syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0); }},
      {"fork", [] { return ::syscall(SYS_fork); }},
      {"clone", [] { return ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
      {"bpf", [] { return ::syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, nullptr, 0); }},
      {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
      {"kill", [] { return ::syscall(SYS_kill, ::getpid(), 0); }},
      {"tgkill", [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }},
      {"capset", [] { return ::syscall(SYS_capset, nullptr, nullptr); }},
      {"setresuid", [] { return ::syscall(SYS_setresuid, -1, -1, -1); }},
      {"prctl", [] { return ::syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"code",
       [] {
         return ::syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       }},
      {"more code", [] { return ::syscall(SYS_mprotect, 4096, 4096, PROT_READ | PROT_EXEC); }},
  };
}

// Files, threads, sockets, memory: what storing and serving do.
std::string plain_work() {
  std::string failed;
  bool ran = false;
  std::thread([&] { ran = true; }).join();
  if (!ran) failed += "thread ";
  char name[] = "/tmp/backsight-XXXXXX";
  const int file = ::mkstemp(name);
  if (file < 0 || ::write(file, "x", 1) != 1 || ::fdatasync(file) != 0 || ::ftruncate(file, 0) != 0)
    failed += "file ";
  const std::string moved = std::string(name) + "-moved";
  if (::rename(name, moved.c_str()) != 0 || ::unlink(moved.c_str()) != 0) failed += "rename ";
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::listen(listener, 1) != 0) failed += "listen ";
  if (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
    failed += "memory ";
  if (::access("/proc/self/status", R_OK) != 0) failed += "access ";
  return failed;
}

int run_true() {
  pid_t pid = -1;
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  if (const int error = ::posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, environment))
    return error;
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid ? status : -1;
}

// "CapEff CapPrm CapInh CapBnd CapAmb NoNewPrivs Seccomp" of the calling thread.
std::string rights() {
  std::ifstream file("/proc/thread-self/status");
  std::map<std::string, std::string> fields;
  for (std::string name, value; file >> name && std::getline(file >> std::ws, value);) fields[name] = value;
  std::string text;
  for (const char* name :
       {"CapEff:", "CapPrm:", "CapInh:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"}) {
    text += (text.empty() ? "" : " ") + fields[name];
  }
  return text;
}

const std::string kZero = "0000000000000000";
// Mode 2: a filter.
const std::string kNothing = kZero + " " + kZero + " " + kZero + " " + kZero + " " + kZero + " 1 " +
                             (can_filter_system_calls() ? "2" : "0");

std::string as_set(std::uint64_t capabilities) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(capabilities));
  return text;
}

std::uint64_t own_capabilities() {
  return std::stoull(rights().substr(0, 16), nullptr, 16);
}

// Who may change the bounding set; a container's root may not.
bool is_full_root() {
  constexpr std::uint64_t kSetpcap = 1u << 8;
  return ::geteuid() == 0 && (own_capabilities() & kSetpcap) != 0;
}

std::string said_by(const schema::Result<void>& result) {
  return result ? "" : "error: " + result.error().to_string() + " ";
}

TEST_CASE("an attaching thread may start programs, but do nothing that nobody needs") {
  if (!can_filter_system_calls()) {
    WARN("SKIPPED: no filter in builds with sanitizers");
    return;
  }
  CHECK(in_child([] {
          std::string said = said_by(filter_system_calls(ThreadKind::kAttaching));
          said += not_refused(forbidden_to_all());
          said += plain_work();
          if (run_true() != 0) said += "no program ";
          errno = 0;
          // Not EPERM by the filter: there is no such command.
          if (::syscall(SYS_bpf, 9999, nullptr, 0) != -1) said += "bpf ";
          if (::syscall(SYS_clone3, nullptr, 0) != -1 || errno != ENOSYS) said += "clone3 ";
          return said;
        }).empty());
}

TEST_CASE("a plain thread starts no program, attaches nothing, makes no code") {
  if (!can_filter_system_calls()) {
    WARN("SKIPPED: no filter in builds with sanitizers");
    return;
  }
  CHECK(in_child([] {
          std::string said = said_by(filter_system_calls(ThreadKind::kPlain));
          said += not_refused(forbidden_to_all());
          said += not_refused(forbidden_to_plain());
          return said + plain_work();
        }).empty());
}

TEST_CASE("the second filter does not open what the first has closed") {
  if (!can_filter_system_calls()) {
    WARN("SKIPPED: no filter in builds with sanitizers");
    return;
  }
  CHECK(in_child([] {
          std::string said = said_by(filter_system_calls(ThreadKind::kAttaching));
          said += said_by(filter_system_calls(ThreadKind::kPlain));
          said += not_refused(forbidden_to_all());
          said += not_refused(forbidden_to_plain());
          return said + plain_work();
        }).empty());
}

TEST_CASE("files that are not its own are closed to a plain thread") {
  const SecretFolder folder;
  const std::string mine = folder.path("mine"), read = folder.write("read", "r"),
                    other = folder.write("other", "o");
  std::filesystem::create_directory(mine);
  const FileAccess access{{mine, folder.path("none")}, {read}};
  const std::string said = in_child([&]() -> std::string {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
    const auto restricted = restrict_files(access);
    if (!restricted) return restricted.error().to_string();
    if (!*restricted) return "SKIPPED";
    const auto error_of = [](const std::string& path, int flags) {
      const int fd = ::open(path.c_str(), flags, 0600);
      return fd >= 0 ? 0 : errno;
    };
    std::string wrong;
    if (error_of(mine + "/a", O_WRONLY | O_CREAT) != 0) wrong += "make ";
    if (error_of(mine + "/a", O_RDWR | O_TRUNC) != 0) wrong += "write ";
    if (::mkdir((mine + "/b").c_str(), 0700) != 0) wrong += "mkdir ";
    if (::rename((mine + "/a").c_str(), (mine + "/b/a").c_str()) != 0) wrong += "rename ";
    if (::unlink((mine + "/b/a").c_str()) != 0 || ::rmdir((mine + "/b").c_str()) != 0) wrong += "remove ";
    if (error_of(read, O_RDONLY) != 0) wrong += "read ";
    if (error_of(read, O_WRONLY) != EACCES) wrong += "write-to-read ";
    if (error_of(other, O_RDONLY) != EACCES) wrong += "read-other ";
    if (error_of(folder.path("new"), O_WRONLY | O_CREAT) != EACCES) wrong += "make-other ";
    if (::unlink(other.c_str()) == 0) wrong += "remove-other ";
    if (::rename(other.c_str(), (mine + "/other").c_str()) == 0) wrong += "take-other ";
    if (::symlink(other.c_str(), (mine + "/link").c_str()) == 0) wrong += "link ";
    if (error_of(mine + "/../other", O_RDONLY) != EACCES) wrong += "around ";
    if (error_of("/proc/" + std::to_string(::getppid()) + "/mem", O_RDONLY) != EACCES) wrong += "parent ";
    return wrong;
  });
  if (said == "SKIPPED") {
    WARN("SKIPPED: this kernel has no Landlock");
  } else {
    CHECK(said.empty());
  }
}

TEST_CASE("the files of storing and serving are those of the configuration") {
  const SecretFolder folder;
  const auto config = probes::parse_config("store: {path: " + folder.path("a/store") +
                                               "}\nlisten: {address: 127.0.0.1:1, token_file: /t/token, "
                                               "certificate: /c/crt, key: /k/key}\nservices: []\n",
                                           "f");
  REQUIRE(config);
  const FileAccess files = plain_files(*config);
  const auto has = [](const std::vector<std::string>& list, const std::string& path) {
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  CHECK(has(files.writable, folder.path("a/store")));
  for (const char* path : {"/t", "/c", "/k"}) CHECK(has(files.readable, path));
  for (const char* path : {"/", "/etc", "/t", "/c", "/k"}) CHECK_FALSE(has(files.writable, path));
  struct stat status {};
  REQUIRE(::stat(folder.path("a/store").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0750);
}

TEST_CASE("who gives up everything has nothing left, nor the programs it starts") {
  if (!is_full_root()) {
    WARN("SKIPPED: needs root with CAP_SETPCAP: only who has capabilities can lose them");
    return;
  }
  for (const bool filter : {can_filter_system_calls(), false}) {
    CHECK(in_child([filter] {
            const auto given_up = give_up_all_privileges({.filter_system_calls = filter});
            return given_up ? rights() : given_up.error().to_string();
          }) == kNothing.substr(0, kNothing.size() - 1) + (filter ? "2" : "0"));
  }
}

TEST_CASE("the process keeps what attaching needs, its plain threads nothing") {
  if (!is_full_root()) {
    WARN("SKIPPED: needs root with CAP_SETPCAP: only who has capabilities can lose them");
    return;
  }
  CHECK(in_child([] {
          const std::string kept = as_set(own_capabilities() & 0x1c000080004);
          std::string said = said_by(keep_what_attaching_needs({}));
          if (rights() != kept + " " + kept + " " + kZero + " " + kZero + " " + kZero +
                              kNothing.substr(kNothing.size() - 4))
            said += rights();
          const auto plain = PlainThread::start({});
          if (!plain) return said + plain.error().to_string();
          said += (*plain)->run([] { return rights() == kNothing ? std::string() : "plain: " + rights(); });
          (*plain)->run([&] {
            std::thread([&] {
              said += rights() == kNothing ? std::string() : "its thread: " + rights();
            }).join();
          });
          std::thread([&] { said += rights().substr(0, 16) == kept ? "" : "attaching: " + rights(); }).join();
          return said;
        }).empty());
}

TEST_CASE("one capability more where uprobes are perf events") {
  if (!is_full_root()) {
    WARN("SKIPPED: needs root with CAP_SETPCAP: only who has capabilities can lose them");
    return;
  }
  CHECK(in_child([] {
          const std::string kept = as_set(own_capabilities() & 0x1c000280004);
          const auto result = keep_what_attaching_needs({.by_perf_events = true});
          const bool is_right = rights().substr(0, 16) == kept;
          const auto plain = PlainThread::start({.by_perf_events = true});
          if (!result || !is_right || !plain) return rights();
          return (*plain)->run([] { return rights() == kNothing ? std::string() : rights(); });
        }).empty());
}

TEST_CASE("a program that is started by user 0 has no capability") {
  if (!is_full_root()) {
    WARN("SKIPPED: needs root with CAP_SETPCAP: only who has capabilities can lose them");
    return;
  }
  CHECK(in_child([] {
          const auto kept = keep_what_attaching_needs({});
          const int status = std::system("exec grep -q '^CapPrm:.*0000000000000000' /proc/self/status");
          return said_by(kept) + std::to_string(status);
        }) == "0");
}

TEST_CASE("without privileges there is nothing to lose, and it is no error") {
  CHECK(in_child([] {
          if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return std::string("setresuid");
          std::string said = said_by(keep_what_attaching_needs({}));
          const auto plain = PlainThread::start({});
          if (!plain) return said + plain.error().to_string();
          return said + (*plain)->run([] { return rights().substr(0, 33); });
        }) == kZero + " " + kZero);
}

TEST_CASE("a plain thread gives back what the work returns, and what it throws") {
  const std::string said = in_child([] {
    const auto plain = PlainThread::start({});
    if (!plain) return plain.error().to_string();
    std::string caught;
    try {
      (*plain)->run([] { throw std::runtime_error("thrown"); });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    return caught + std::to_string((*plain)->run([] { return 7; }));
  });
  CHECK(said == "thrown7");
}

}  // namespace
}  // namespace backsight::tools
