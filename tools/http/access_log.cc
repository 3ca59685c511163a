#include "tools/http/access_log.h"

#include "tools/http/json_text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;

constexpr std::size_t kMaxTarget = 2048;
constexpr std::size_t kMaxMethod = 32;
constexpr mode_t kMode = 0640;

// Visible ASCII only: nothing that ends a line or that a terminal obeys.
std::string visible(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (const char raw : text.substr(0, max_bytes)) {
    const auto c = static_cast<unsigned char>(raw);
    if (c > 0x20 && c < 0x7f) {
      out += raw;
    } else {
      std::array<char, 4> code{};
      std::snprintf(code.data(), code.size(), "%%%02X", c);
      out += code.data();
    }
  }
  return text.size() > max_bytes ? out + "…" : out;
}

schema::Error failed(const std::string& what, const std::string& path) {
  return make_error(errno == EACCES || errno == EPERM ? ErrorCode::kPermission : ErrorCode::kIo,
                    "cannot " + what + " the access log " + path + ": " + std::strerror(errno),
                    "listen: { access_log: FILE } names another, access_log: journal writes it to the "
                    "daemon's own log");
}

}  // namespace

std::string to_line(const Access& access) {
  return to_json_text({{"time", schema::format_rfc3339(access.time)},
                       {"peer", access.peer},
                       {"user", access.user},
                       {"method", visible(access.method, kMaxMethod)},
                       {"target", visible(access.target, kMaxTarget)},
                       {"status", access.status},
                       {"duration_ns", access.duration_ns},
                       {"bytes", access.bytes},
                       {"tls", access.tls}},
                      JsonLayout::kCompact);
}

AccessLog::AccessLog(std::string path, std::uint64_t max_bytes, Complain complain)
    : path_(std::move(path)), max_bytes_(max_bytes), complain_(std::move(complain)) {}

AccessLog::~AccessLog() {
  if (file_ >= 0) ::close(file_);
}

schema::Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, std::uint64_t max_bytes,
                                                           Complain complain) {
  std::unique_ptr<AccessLog> log(new AccessLog(path, max_bytes, std::move(complain)));
  BACKSIGHT_TRY(log->reopen());
  return log;
}

schema::Result<void> AccessLog::reopen() {
  if (file_ >= 0) ::close(file_);
  // Never through a link that somebody put there.
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode);
  struct stat status {};
  if (file_ < 0 || ::fstat(file_, &status) != 0) return failed("open", path_);
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, "the access log " + path_ + " is not a regular file",
                      "name a file that can be made");
  }
  if ((status.st_mode & 07777) != kMode && ::fchmod(file_, kMode) != 0)
    return failed("set the mode of", path_);
  size_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

schema::Result<void> AccessLog::rotate() {
  const std::string former = path_ + ".1";
  if (::rename(path_.c_str(), former.c_str()) != 0 && errno != ENOENT) return failed("rename", path_);
  return reopen();
}

schema::Result<void> AccessLog::append(const std::string& line) {
  if (file_ < 0) BACKSIGHT_TRY(reopen());
  if (size_ + line.size() > max_bytes_) BACKSIGHT_TRY(rotate());
  const ssize_t written = ::write(file_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    size_ += line.size();
    return {};
  }
  // No half line in front of the next one.
  const int reason = written >= 0 ? ENOSPC : errno;
  if (written > 0 && ::ftruncate(file_, static_cast<off_t>(size_)) != 0) size_ += line.size();
  errno = reason;
  return failed("write", path_);
}

void AccessLog::write(const Access& access) {
  const auto written = append(to_line(access) + "\n");
  if (!written && !std::exchange(failing_, true)) complain_(written.error());
  if (written) failing_ = false;
}

}  // namespace backsight::tools
