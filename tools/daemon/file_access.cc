#include "tools/daemon/file_access.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

// include/uapi/linux/landlock.h of Linux 6.2; Debian 12's header is older.
constexpr std::uint64_t kTruncate = 1ull << 14;
constexpr std::uint64_t kOfFirstVersion = (1ull << 13) - 1;
constexpr std::uint64_t kRefer = LANDLOCK_ACCESS_FS_REFER;

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG | kRefer | kTruncate;
// What applies to a file that is not a folder.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | kTruncate;

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// Kernels know of more as they grow older; what one does not know it does not restrict.
std::uint64_t known_rights(long version) {
  return kOfFirstVersion | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
}

schema::Error failed(const std::string& what) {
  return make_error(ErrorCode::kPermission,
                    "access to files cannot be restricted: " + what + ": " + std::strerror(errno));
}

Result<void> allow(const Descriptor& rules, const std::string& path, std::uint64_t rights) {
  const Descriptor file{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  struct stat status {};
  if (file.fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) return failed(path);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(status.st_mode) ? rights : rights & kOfFiles;
  rule.parent_fd = file.fd;
  if (::syscall(SYS_landlock_add_rule, rules.fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return failed(path);
  return {};
}

}  // namespace

Result<bool> restrict_files(const FileAccess& access) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  const std::uint64_t known = known_rights(version);
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = known;
  const Descriptor rules{
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0))};
  if (rules.fd < 0) return failed("making rules");
  for (const std::string& path : access.writable) BACKSIGHT_TRY(allow(rules, path, kWrite & known));
  for (const std::string& path : access.readable) BACKSIGHT_TRY(allow(rules, path, kRead));
  if (::syscall(SYS_landlock_restrict_self, rules.fd, 0) != 0) return failed("setting rules");
  return true;
}

}  // namespace backsight::tools
