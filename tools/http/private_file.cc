#include "tools/http/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;

constexpr std::size_t kMaxBytes = 64 << 10;
constexpr mode_t kPermissionBits = 07777;

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return text.data();
}

schema::Result<void> check_owner(const struct stat& status, mode_t allowed, const std::string& named,
                                 const std::string& path) {
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, named + " is not a regular file", "name a file");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return make_error(ErrorCode::kPermission,
                      named + " belongs to user " + std::to_string(status.st_uid) + ", who could change it",
                      "chown " + std::to_string(::geteuid()) + " " + path);
  }
  const mode_t mode = status.st_mode & kPermissionBits;
  if ((mode & ~allowed) != 0) {
    return make_error(ErrorCode::kPermission,
                      named + " has mode " + octal(mode) + ": others may read or change it",
                      "chmod " + octal(allowed) + " " + path);
  }
  return {};
}

}  // namespace

schema::Result<std::string> read_private_file(const std::string& path, mode_t allowed,
                                              const std::string& what) {
  const std::string named = what + " " + path;
  // Not held up by a pipe.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.fd < 0) {
    const int reason = errno;
    return make_error(reason == ENOENT   ? ErrorCode::kNotFound
                      : reason == EACCES ? ErrorCode::kPermission
                                         : ErrorCode::kIo,
                      "cannot read " + named + ": " + std::strerror(reason),
                      "it must be readable for user " + std::to_string(::geteuid()));
  }
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) {
    return make_error(ErrorCode::kIo, "cannot look at " + named + ": " + std::strerror(errno));
  }
  BACKSIGHT_TRY(check_owner(status, allowed, named, path));
  std::string text;
  std::array<char, 4096> block;
  for (ssize_t got = 0; (got = ::read(file.fd, block.data(), block.size())) != 0;) {
    if (got < 0) return make_error(ErrorCode::kIo, "cannot read " + named + ": " + std::strerror(errno));
    text.append(block.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxBytes) {
      return make_error(ErrorCode::kInvalid, named + " is larger than 64 KiB", "is it the right file?");
    }
  }
  return text;
}

}  // namespace backsight::tools
