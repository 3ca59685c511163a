#include "probes/sandbox_process.h"

#include "probes/file_cache.h"
#include "probes/sandbox_codec.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace backsight::probes {

using schema::Error;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr std::size_t kMaxAnswer = 256u << 20;  // one frame
constexpr std::size_t kMaxIndex = 512u << 20;
constexpr int kChildSocket = 3;

// What a planning process may get by naming it: nothing but programs.
Result<void> check_is_elf(int file, const std::string& path) {
  struct stat status {};
  std::array<char, 4> magic{};
  if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
      ::pread(file, magic.data(), magic.size(), 0) == static_cast<ssize_t>(magic.size()) &&
      std::memcmp(magic.data(), "\177ELF", magic.size()) == 0) {
    return {};
  }
  return make_error(ErrorCode::kCorrupt, path + " is not an ELF file", "name a program or a shared library");
}

bool is_index_key(const std::string& key) {
  return !key.empty() && key.size() <= 200 && key.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return "ended with code " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  if (signal == SIGSYS) return "made a system call that it may not make, and was killed";
  if (signal == SIGXCPU) return "used up its processor time";
  return std::string("was killed by ") + ::strsignal(signal);
}

Result<pid_t> spawn(const SandboxOptions& options, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (int standard = 0; standard < kChildSocket; ++standard) {
    posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, socket, kChildSocket);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = kPlanningProcessName;
  std::array<char*, 2> arguments = {name.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, options.program.c_str(), &actions, &attributes, arguments.data(),
                                  environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  return make_error(ErrorCode::kIo,
                    "cannot start the planning process " + options.program + ": " + std::strerror(error));
}

}  // namespace

PlanningProcess::PlanningProcess(int socket, pid_t pid, const SandboxOptions& options)
    : socket_(socket), pid_(pid), options_(options), channel_(socket) {
  if (!options_.files) options_.files = std::make_shared<FileCache>("");
  // A process that does not read must not hold up the collector.
  const timeval limit{options_.time_limit.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

Result<std::unique_ptr<PlanningProcess>> PlanningProcess::start(const SandboxOptions& options) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return make_error(ErrorCode::kIo,
                      std::string("cannot make a socket for the planning process: ") + std::strerror(errno));
  }
  // A descriptor that is already at its place would keep its close-on-exec flag.
  if (pair[1] == kChildSocket) {
    const int moved = ::fcntl(pair[1], F_DUPFD_CLOEXEC, kChildSocket + 1);
    ::close(pair[1]);
    pair[1] = moved;
  }
  const auto pid = spawn(options, pair[1]);
  ::close(pair[1]);
  if (!pid) {
    ::close(pair[0]);
    return pid.error();
  }
  std::unique_ptr<PlanningProcess> process(new PlanningProcess(pair[0], *pid, options));
  const auto limits = std::as_bytes(std::span(&options.limits, 1));
  BACKSIGHT_TRY(process->ask(FrameKind::kOpen, limits, [](Frame& frame) -> Result<bool> {
    if (frame.kind == FrameKind::kReady) return true;
    return make_error(ErrorCode::kInternal, "an unexpected first answer");
  }));
  return process;
}

int PlanningProcess::end(int grace_ms) {
  if (pid_ < 0) return 0;
  ::close(socket_);
  int status = 0;
  constexpr int kStepMs = 10;
  for (int waited = 0; waited < grace_ms; waited += kStepMs) {
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
  }
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

Error PlanningProcess::lost(const Error& cause) {
  const char* hint = "the file may be damaged; the other probes are not affected";
  if (cause.code == ErrorCode::kBusy) {
    end();
    return make_error(ErrorCode::kNoSpace,
                      "reading the debug information took more than " +
                          std::to_string(options_.time_limit.count()) + " s and was ended",
                      hint);
  }
  if (cause.code == ErrorCode::kCorrupt) {
    end();
    return cause.within("the planning process sent nonsense");
  }
  // It has closed the connection: it is about to end by itself, with the true reason.
  constexpr int kGraceMs = 2000;
  const int status = end(kGraceMs);
  return make_error(ErrorCode::kInternal, "the process that reads debug information " + how_it_ended(status),
                    hint);
}

Result<void> PlanningProcess::serve_file(const Frame& frame) {
  const std::string name = frame.text();
  const bool is_index = frame.kind == FrameKind::kWantIndex;
  Result<int> file = is_index && !is_index_key(name)
                         ? make_error(ErrorCode::kInvalid, "no index can have this name")
                     : is_index ? options_.files->open_index(name)
                                : options_.files->open_file(name);
  if (file && !is_index) {
    if (const auto is_elf = check_is_elf(*file, name); !is_elf) {
      ::close(*file);
      file = is_elf.error();
    }
  }
  if (!file) return channel_.send(FrameKind::kNoFile, encode(file.error()));
  auto sent = channel_.send(FrameKind::kFile, {}, *file);
  ::close(*file);
  return sent;
}

// Sealed first, so that it cannot shrink under our hands.
void PlanningProcess::save_index(Frame& frame) {
  struct stat status {};
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const std::string key = frame.text();
  if (!is_index_key(key) || frame.descriptor < 0 || ::fcntl(frame.descriptor, F_ADD_SEALS, kSeals) != 0 ||
      ::fstat(frame.descriptor, &status) != 0 || status.st_size <= 0 ||
      static_cast<std::size_t>(status.st_size) > kMaxIndex) {
    return;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, frame.descriptor, 0);
  if (mapped == MAP_FAILED) return;
  // A cache that cannot be written costs time, nothing else.
  (void)options_.files->save_index(key, {static_cast<const std::byte*>(mapped), size});
  ::munmap(mapped, size);
}

Result<void> PlanningProcess::ask(FrameKind kind, std::span<const std::byte> payload, const Take& take) {
  if (pid_ < 0) return make_error(ErrorCode::kInternal, "the process that reads debug information has ended");
  const auto deadline = std::chrono::steady_clock::now() + options_.time_limit;
  if (const auto sent = channel_.send(kind, payload); !sent) return lost(sent.error());
  for (;;) {
    auto frame = channel_.receive(kMaxAnswer, deadline);
    if (!frame) return lost(frame.error());
    Result<void> served;
    switch (frame->kind) {
      case FrameKind::kWantFile:
      case FrameKind::kWantIndex:
        if (served = serve_file(*frame); !served) return lost(served.error());
        continue;
      case FrameKind::kSaveIndex:
        save_index(*frame);
        continue;
      case FrameKind::kFailed:
        return decode_error(frame->payload);
      default:
        break;
    }
    const Result<bool> done = take(*frame);
    if (!done) return lost(make_error(ErrorCode::kCorrupt, done.error().message));
    if (*done) return {};
  }
}

}  // namespace backsight::probes
