#include "probes/file_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr const char* kSuffix = ".index";

bool is_key(const std::string& key) {
  return !key.empty() && key.size() <= 200 && key.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

schema::Error failed(const std::string& what, const std::string& path, int number) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound
                         : number == EACCES || number == EPERM ? ErrorCode::kPermission
                                                               : ErrorCode::kIo;
  return make_error(code, "cannot " + what + " " + path + ": " + std::strerror(number),
                    code == ErrorCode::kPermission ? "run as root or with CAP_DAC_READ_SEARCH" : "");
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string FileCache::default_directory() {
  if (std::string chosen = variable("BACKSIGHT_CACHE_DIR"); !chosen.empty()) return chosen;
  if (::geteuid() == 0) return "/var/cache/backsight";
  if (const std::string base = variable("XDG_CACHE_HOME"); !base.empty()) return base + "/backsight";
  const std::string home = variable("HOME");
  return home.empty() ? home : home + "/.cache/backsight";
}

std::string FileCache::path_of(const std::string& key) const {
  return directory_ + "/" + key + kSuffix;
}

Result<int> FileCache::open_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return failed("open", path, errno);
  return file;
}

Result<int> FileCache::open_index(const std::string& key) {
  if (directory_.empty() || !is_key(key)) return make_error(ErrorCode::kNotFound, "no index " + key);
  const std::string path = path_of(key);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return failed("open", path, errno);
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
      (status.st_uid != 0 && status.st_uid != ::geteuid())) {
    ::close(file);
    return make_error(ErrorCode::kPermission, path + " belongs to someone else", "remove it");
  }
  // When it was used last: the age by which indexes are removed.
  const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  ::futimens(file, now);
  return file;
}

Result<void> FileCache::save_index(const std::string& key, std::span<const std::byte> bytes) {
  if (directory_.empty() || !is_key(key)) return {};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(directory_).parent_path(), ignored);
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return failed("make", directory_, errno);
  std::string part = directory_ + "/.part-XXXXXX";
  const int file = ::mkostemp(part.data(), O_CLOEXEC);  // 0600
  if (file < 0) return failed("write", part, errno);
  bool is_done = write_all(file, bytes);
  int number = errno;
  if (::close(file) != 0) is_done = false;
  if (is_done && ::rename(part.c_str(), path_of(key).c_str()) != 0) {
    is_done = false;
    number = errno;
  }
  if (!is_done) {
    ::unlink(part.c_str());
    return failed("write", path_of(key), number);
  }
  make_room();
  return {};
}

void FileCache::make_room() const {
  struct Entry {
    std::filesystem::path path;
    std::filesystem::file_time_type used;
    std::uint64_t size = 0;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    Entry entry{it->path(), it->last_write_time(gone), 0};
    const std::string name = entry.path.filename();
    const bool is_left_over =
        name.rfind(".part-", 0) == 0 &&
        entry.used < std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
    if (is_left_over) std::filesystem::remove(entry.path, gone);
    if (gone || entry.path.extension() != kSuffix) continue;
    entry.size = it->file_size(gone);
    if (gone) continue;
    total += entry.size;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= max_bytes_) return;
    std::error_code gone;
    std::filesystem::remove(entry.path, gone);
    total -= entry.size;
  }
}

}  // namespace backsight::probes
