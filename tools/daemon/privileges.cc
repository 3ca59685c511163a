#include "tools/daemon/privileges.h"

#include "tools/daemon/system_calls.h"

#include <cap-ng.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

constexpr std::array<unsigned, 5> kAttachingCapabilities = {
    CAP_BPF,                 // plans are map data, and programs must be loaded
    CAP_PERFMON,             // attaching, and reading other processes' memory by BPF
    CAP_SYS_PTRACE,          // /proc/PID/{exe,maps,root} of other users
    CAP_DAC_READ_SEARCH,     // the files behind these
    CAP_CHECKPOINT_RESTORE,  // /proc/PID/map_files: a library that was replaced on disk
};
// What a program gets that is started by user 0: nothing. Locked, as is the rest.
constexpr unsigned long kSecureBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                      SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                      SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

schema::Error failed(const std::string& what) {
  return make_error(ErrorCode::kPermission,
                    "privileges cannot be given up: " + what + ": " + std::strerror(errno),
                    "backsightd does not run with more than it needs; report this with the kernel's release");
}

std::vector<unsigned> needed_and_held(const ConfinementOptions& options) {
  std::vector<unsigned> needed(kAttachingCapabilities.begin(), kAttachingCapabilities.end());
  if (options.by_perf_events) needed.push_back(CAP_SYS_ADMIN);
  std::erase_if(needed,
                [](unsigned capability) { return !capng_have_capability(CAPNG_PERMITTED, capability); });
  return needed;
}

// What programs could gain that this process starts. Only who may change the
// sets can; without it, no_new_privs does the same.
Result<void> bar_the_way_back() {
  if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) return {};
  if (::prctl(PR_SET_SECUREBITS, kSecureBits) != 0) return failed("the secure bits");
  capng_clear(CAPNG_SELECT_BOUNDS);
  return capng_apply(CAPNG_SELECT_BOUNDS) == 0 ? Result<void>() : failed("the bounding set");
}

Result<void> set_capabilities(const std::vector<unsigned>& kept) {
  capng_clear(CAPNG_SELECT_CAPS);
  for (const unsigned capability : kept) {
    const auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    if (capng_update(CAPNG_ADD, sets, capability) != 0) return failed("choosing capabilities");
  }
  // First: an ambient capability must be inheritable.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return failed("ambient capabilities");
  return capng_apply(CAPNG_SELECT_CAPS) == 0 ? Result<void>() : failed("capabilities");
}

Result<void> confine(bool attaching, const ConfinementOptions& options) {
  if (capng_get_caps_process() != 0) return failed("reading capabilities");
  const std::vector<unsigned> kept = attaching ? needed_and_held(options) : std::vector<unsigned>();
  BACKSIGHT_TRY(bar_the_way_back());
  BACKSIGHT_TRY(set_capabilities(kept));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  if (!attaching && !options.plain_files.writable.empty()) {
    if (const auto restricted = restrict_files(options.plain_files); !restricted) return restricted.error();
  }
  if (!options.filter_system_calls) return {};
  return filter_system_calls(attaching ? ThreadKind::kAttaching : ThreadKind::kPlain);
}

}  // namespace

Result<void> keep_what_attaching_needs(const ConfinementOptions& options) {
  return confine(true, options);
}

Result<void> give_up_all_privileges(const ConfinementOptions& options) {
  return confine(false, options);
}

}  // namespace backsight::tools
