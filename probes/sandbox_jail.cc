#include "probes/sandbox_jail.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>

// Sanitizers reserve terabytes and make system calls of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BACKSIGHT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BACKSIGHT_SANITIZED 1
#endif
#endif

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

#ifdef BACKSIGHT_SANITIZED
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

constexpr uid_t kNobody = 65534;

schema::Error failed(const char* what) {
  return make_error(
      ErrorCode::kPermission,
      std::string("the planning process cannot be confined: ") + what + ": " + std::strerror(errno),
      "debug information is read only by a process without privileges");
}

Result<void> set_limit(int resource, std::uint64_t value, const char* name) {
  const rlimit limit{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0 ? Result<void>() : failed(name);
}

Result<void> limit_resources(const JailLimits& limits) {
  BACKSIGHT_TRY(set_limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
  BACKSIGHT_TRY(set_limit(RLIMIT_FSIZE, limits.file_bytes, "RLIMIT_FSIZE"));
  BACKSIGHT_TRY(set_limit(RLIMIT_CPU, limits.cpu_seconds, "RLIMIT_CPU"));
  if (kIsSanitized) return {};
  // Mapped files do not count: debug information is mapped, not read.
  return set_limit(RLIMIT_DATA, limits.memory_bytes, "RLIMIT_DATA");
}

Result<void> drop_privileges() {
  // What may be gained again: only who has CAP_SETPCAP can give that up.
  if (capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
    capng_clear(CAPNG_SELECT_BOUNDS);
    if (capng_apply(CAPNG_SELECT_BOUNDS) != 0) return failed("dropping the capability bounding set");
  }
  // Best effort: in a user namespace there may be no other user. What counts is
  // that no capability is left.
  if (::geteuid() == 0 && ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0) {
    if (::setresuid(kNobody, kNobody, kNobody) != 0 && errno != EINVAL) return failed("setresuid");
  }
  capng_clear(CAPNG_SELECT_CAPS);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return failed("dropping capabilities");
  return {};
}

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

bool allow(const Filter& filter, std::initializer_list<int> calls) {
  for (const int call : calls) {
    if (seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  return true;
}

bool refuse(const Filter& filter, int error, std::initializer_list<int> calls) {
  for (const int call : calls) {
    if (seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, 0) != 0)
      return false;
  }
  return true;
}

bool fill(const Filter& filter) {
  const bool plain = allow(filter, {SCMP_SYS(read),
                                    SCMP_SYS(write),
                                    SCMP_SYS(pread64),
                                    SCMP_SYS(recvmsg),
                                    SCMP_SYS(sendmsg),
                                    SCMP_SYS(poll),
                                    SCMP_SYS(close),
                                    SCMP_SYS(lseek),
                                    SCMP_SYS(fstat),
                                    SCMP_SYS(newfstatat),
                                    SCMP_SYS(fcntl),

                                    SCMP_SYS(munmap),
                                    SCMP_SYS(mremap),
                                    SCMP_SYS(madvise),
                                    SCMP_SYS(brk),
                                    SCMP_SYS(memfd_create),
                                    SCMP_SYS(ftruncate),
                                    SCMP_SYS(futex),
                                    SCMP_SYS(exit),
                                    SCMP_SYS(exit_group),
                                    SCMP_SYS(rt_sigreturn),
                                    SCMP_SYS(rt_sigprocmask),
                                    SCMP_SYS(rt_sigaction),
                                    SCMP_SYS(sigaltstack),
                                    SCMP_SYS(getrandom),
                                    SCMP_SYS(clock_gettime),
                                    SCMP_SYS(clock_nanosleep),
                                    SCMP_SYS(gettimeofday),
                                    SCMP_SYS(sched_yield),
                                    SCMP_SYS(sched_getaffinity),
                                    SCMP_SYS(getpid),
                                    SCMP_SYS(gettid),
                                    SCMP_SYS(set_robust_list),
                                    SCMP_SYS(rseq),
                                    SCMP_SYS(restart_syscall),
                                    SCMP_SYS(getrusage),
                                    SCMP_SYS(sysinfo)});
  // No new code.
  constexpr scmp_datum_t kExecutable = 4;  // PROT_EXEC
  const bool memory = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                       SCMP_A2(SCMP_CMP_MASKED_EQ, kExecutable, 0)) == 0 &&
                      seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                       SCMP_A2(SCMP_CMP_MASKED_EQ, kExecutable, 0)) == 0;
  // Its own threads, no processes.
  const bool threads = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0;
  const bool refused =
      refuse(filter, ENOSYS, {SCMP_SYS(clone3)}) &&
      refuse(filter, EACCES,
             {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(readlink), SCMP_SYS(statx)});
  // abort(): a signal to itself.
  const bool abort =
      seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                       scmp_arg_cmp{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0}) == 0;
  return plain && memory && threads && refused && abort;
}

Result<void> filter_system_calls() {
  if (kIsSanitized) return {};
  const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
  if (!filter || !fill(filter)) return failed("building the seccomp filter");
  if (const int error = seccomp_load(filter.get()); error != 0) {
    errno = -error;
    return failed("installing the seccomp filter");
  }
  return {};
}

}  // namespace

Result<void> enter_jail(const JailLimits& limits, int keep) {
  // Nothing of the collector's stays reachable; 0 to 2 are /dev/null.
  if (::close_range(static_cast<unsigned>(keep) + 1, ~0u, 0) != 0) return failed("closing descriptors");
  BACKSIGHT_TRY(limit_resources(limits));
  BACKSIGHT_TRY(drop_privileges());
  // Behind the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("PR_SET_DUMPABLE");
  return filter_system_calls();
}

}  // namespace backsight::probes
