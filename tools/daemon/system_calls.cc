#include "tools/daemon/system_calls.h"

#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

// Sanitizers make system calls of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BACKSIGHT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BACKSIGHT_SANITIZED 1
#endif
#endif

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;

#ifdef BACKSIGHT_SANITIZED
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

// Made by the kernel's own trampolines for probes, where another recorder probes us,
// or we measure what a probe costs; libseccomp does not know their names yet.
constexpr int kUretprobe = 335;
constexpr int kUprobe = 336;

constexpr int kFiles[] = {
    SCMP_SYS(read),       SCMP_SYS(write),        SCMP_SYS(readv),       SCMP_SYS(writev),
    SCMP_SYS(pread64),    SCMP_SYS(pwrite64),     SCMP_SYS(preadv),      SCMP_SYS(pwritev),
    SCMP_SYS(preadv2),    SCMP_SYS(pwritev2),     SCMP_SYS(lseek),       SCMP_SYS(open),
    SCMP_SYS(openat),     SCMP_SYS(close),        SCMP_SYS(close_range), SCMP_SYS(stat),
    SCMP_SYS(fstat),      SCMP_SYS(lstat),        SCMP_SYS(newfstatat),  SCMP_SYS(statx),
    SCMP_SYS(access),     SCMP_SYS(faccessat),    SCMP_SYS(faccessat2),  SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getdents64),   SCMP_SYS(getcwd),      SCMP_SYS(rename),
    SCMP_SYS(renameat),   SCMP_SYS(renameat2),    SCMP_SYS(unlink),      SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),      SCMP_SYS(rmdir),       SCMP_SYS(link),
    SCMP_SYS(linkat),     SCMP_SYS(ftruncate),    SCMP_SYS(truncate),    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),      SCMP_SYS(fdatasync),    SCMP_SYS(syncfs),      SCMP_SYS(sync_file_range),
    SCMP_SYS(fadvise64),  SCMP_SYS(readahead),    SCMP_SYS(flock),       SCMP_SYS(fcntl),
    SCMP_SYS(dup),        SCMP_SYS(dup2),         SCMP_SYS(dup3),        SCMP_SYS(pipe2),
    SCMP_SYS(chmod),      SCMP_SYS(fchmod),       SCMP_SYS(fchmodat),    SCMP_SYS(umask),
    SCMP_SYS(statfs),     SCMP_SYS(fstatfs),      SCMP_SYS(sendfile),    SCMP_SYS(copy_file_range),
    SCMP_SYS(utimensat),  SCMP_SYS(memfd_create),
};
constexpr int kMemoryAndTime[] = {
    SCMP_SYS(munmap),          SCMP_SYS(mremap),
    SCMP_SYS(madvise),         SCMP_SYS(brk),
    SCMP_SYS(mincore),         SCMP_SYS(msync),
    SCMP_SYS(membarrier),      SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),   SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),    SCMP_SYS(time),
    SCMP_SYS(timerfd_create),  SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(restart_syscall),
};
constexpr int kThreadsAndSignals[] = {
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getcpu),
    SCMP_SYS(getrlimit),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack),
    kUretprobe,
    kUprobe,
};
// No connect: nothing here calls anybody.
constexpr int kSockets[] = {
    SCMP_SYS(bind),          SCMP_SYS(listen),      SCMP_SYS(accept),       SCMP_SYS(accept4),
    SCMP_SYS(getsockname),   SCMP_SYS(getpeername), SCMP_SYS(getsockopt),   SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),        SCMP_SYS(sendmsg),     SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),      SCMP_SYS(poll),        SCMP_SYS(ppoll),        SCMP_SYS(select),
    SCMP_SYS(pselect6),      SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait),   SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2),    SCMP_SYS(epoll_pwait2),
};
// And what the planning process does between its start and its own, narrower filter.
constexpr int kAttaching[] = {
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),

    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(clone),
    SCMP_SYS(vfork),
    SCMP_SYS(execve),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(socketpair),
    SCMP_SYS(prctl),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(setrlimit),
    SCMP_SYS(capget),
    SCMP_SYS(capset),
    SCMP_SYS(seccomp),
    SCMP_SYS(setgroups),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_add_rule),
    SCMP_SYS(landlock_restrict_self),
};

template <std::size_t kCount>
bool allow(const Filter& filter, const int (&calls)[kCount]) {
  for (const int call : calls) {
    if (seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  return true;
}

bool allow_if(const Filter& filter, int call, std::initializer_list<scmp_arg_cmp> conditions) {
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, static_cast<unsigned>(conditions.size()),
                                conditions.begin()) == 0;
}

// The kernel looks at 32 bits of these arguments.
scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffffffff, value};
}

scmp_arg_cmp without(unsigned argument, std::uint64_t bit) {
  return {argument, SCMP_CMP_MASKED_EQ, bit, 0};
}

bool allow_common(const Filter& filter) {
  bool good = allow(filter, kFiles) && allow(filter, kMemoryAndTime) && allow(filter, kThreadsAndSignals) &&
              allow(filter, kSockets);
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    good = good && allow_if(filter, SCMP_SYS(socket), {is(0, static_cast<std::uint64_t>(family))});
  }
  // Whose connection over loopback it is.
  good = good && allow_if(filter, SCMP_SYS(socket), {is(0, AF_NETLINK), is(2, NETLINK_SOCK_DIAG)});
  for (const std::uint64_t request : {FIONBIO, FIONREAD, TCGETS}) {
    good = good && allow_if(filter, SCMP_SYS(ioctl), {is(1, request)});
  }
  // Its flags lie in memory, where no filter can see them: as if there were none.
  return good && seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

bool allow_attaching(const Filter& filter) {
  bool good = allow(filter, kAttaching);
  for (const std::uint64_t request : std::initializer_list<std::uint64_t>{
           PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_SET_BPF}) {
    good = good && allow_if(filter, SCMP_SYS(ioctl), {is(1, request)});
  }
  return good;
}

bool allow_plain(const Filter& filter) {
  constexpr scmp_datum_t kThread = CLONE_THREAD;
  const auto own_pid = static_cast<std::uint64_t>(::getpid());
  return allow_if(filter, SCMP_SYS(mmap), {without(2, PROT_EXEC)}) &&
         allow_if(filter, SCMP_SYS(mprotect), {without(2, PROT_EXEC)}) &&
         allow_if(filter, SCMP_SYS(clone), {{0, SCMP_CMP_MASKED_EQ, kThread, kThread}}) &&
         allow_if(filter, SCMP_SYS(tgkill), {is(0, own_pid)}) &&  // abort()
         allow_if(filter, SCMP_SYS(prctl), {is(0, PR_SET_NAME)}) &&
         allow_if(filter, SCMP_SYS(prctl), {is(0, PR_GET_NAME)}) &&
         allow_if(filter, SCMP_SYS(prlimit64), {is(0, 0), {2, SCMP_CMP_EQ, 0, 0}});  // asking only
}

schema::Error failed(const char* what, int error) {
  return make_error(ErrorCode::kUnsupported,
                    std::string("system calls cannot be filtered: ") + what + ": " + std::strerror(error),
                    "a kernel with CONFIG_SECCOMP_FILTER has this; --no-seccomp does without");
}

}  // namespace

bool can_filter_system_calls() {
  return !kIsSanitized;
}

schema::Result<void> filter_system_calls(ThreadKind kind) {
  if (!can_filter_system_calls()) return {};
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (!filter) return failed("making a filter", ENOMEM);
  const bool is_filled = allow_common(filter) &&
                         (kind == ThreadKind::kAttaching ? allow_attaching(filter) : allow_plain(filter));
  if (!is_filled) return failed("filling a filter", EINVAL);
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);  // before Linux 4.14 there is no log
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (const int error = seccomp_load(filter.get()); error != 0) return failed("loading a filter", -error);
  return {};
}

}  // namespace backsight::tools
