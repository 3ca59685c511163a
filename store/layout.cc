#include "store/layout.h"

#include "store/bytes.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersionPrefix = "backsight-store ";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string encode_name(std::string_view service) {
  std::string out;
  for (char c : service) {
    if (is_plain(c) || (c == '.' && !out.empty())) {
      out.push_back(c);
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += hex;
    }
  }
  return out;
}

// Nothing for names that encode_name() does not make.
std::optional<std::string> decode_name(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      out.push_back(name[i]);
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= name.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(name.data() + i + 1, name.data() + i + 3, value, 16);
    if (error != std::errc{} || end != name.data() + i + 3) return std::nullopt;
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  if (encode_name(out) != name) return std::nullopt;
  return out;
}

schema::Error errno_error(const std::string& what, int error) {
  const std::string text = what + ": " + std::strerror(error);
  if (error == EACCES || error == EPERM || error == EROFS) {
    return make_error(ErrorCode::kPermission, text, "run as the user who owns the store");
  }
  if (error == ENOSPC || error == EDQUOT) return make_error(ErrorCode::kNoSpace, text, "free some space");
  if (error == ENOENT) return make_error(ErrorCode::kNotFound, text);
  return make_error(ErrorCode::kIo, text);
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Whole or not at all, also over a loss of power.
Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error("cannot write " + temporary, errno);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int error = written ? 0 : (errno != 0 ? errno : ENOSPC);
  if (written && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) return errno_error("cannot write " + path, error);
  return sync_directory(fs::path(path).parent_path().string());
}

std::string boot_line(const std::string& boot_id, std::int64_t base_ns) {
  const std::string text = "=" + encode_name(boot_id) + " " + std::to_string(base_ns);
  char crc[16];
  std::snprintf(crc, sizeof crc, " %08x\n", crc32c(text));
  return text + crc;
}

}  // namespace

std::string service_directory(const std::string& store_path, std::string_view service) {
  return store_path + "/services/" + encode_name(service);
}

std::string moments_directory(const std::string& store_path) {
  return store_path + "/moments";
}

Result<std::vector<std::string>> find_services(const std::string& store_path) {
  std::vector<std::string> services;
  std::error_code error;
  for (fs::directory_iterator it(store_path + "/services", error), end; !error && it != end;
       it.increment(error)) {
    if (auto name = decode_name(it->path().filename().string())) services.push_back(std::move(*name));
  }
  if (error) return errno_error("cannot read the store " + store_path, error.value());
  std::sort(services.begin(), services.end());
  return services;
}

std::string PartitionName::to_string() const {
  const std::time_t seconds = created.ns >= 0 ? created.ns / 1'000'000'000 : 0;
  const long nanoseconds = created.ns >= 0 ? created.ns % 1'000'000'000 : 0;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32], out[96];
  std::strftime(date, sizeof date, "%Y%m%dT%H%M%S", &utc);
  std::snprintf(out, sizeof out, "%020llu-%s.%09ldZ", static_cast<unsigned long long>(first.value), date,
                nanoseconds);
  return out;
}

std::optional<PartitionName> PartitionName::parse(std::string_view name) {
  // 20 digits, '-', YYYYMMDDTHHMMSS.nnnnnnnnnZ
  if (name.size() != 47 || name[20] != '-') return std::nullopt;
  PartitionName out;
  const auto number = std::from_chars(name.data(), name.data() + 20, out.first.value);
  if (number.ec != std::errc{} || number.ptr != name.data() + 20) return std::nullopt;
  std::tm utc{};
  const std::string date(name.substr(21, 15));
  const char* rest = ::strptime(date.c_str(), "%Y%m%dT%H%M%S", &utc);
  std::int64_t nanoseconds = 0;
  std::from_chars(name.data() + 37, name.data() + 46, nanoseconds);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  out.created.ns = static_cast<std::int64_t>(::timegm(&utc)) * 1'000'000'000 + nanoseconds;
  if (out.to_string() != name) return std::nullopt;
  return out;
}

std::vector<PartitionName> find_partitions(const std::string& service_path) {
  std::vector<PartitionName> partitions;
  std::error_code error;
  for (fs::directory_iterator it(service_path, error), end; !error && it != end; it.increment(error)) {
    if (auto name = PartitionName::parse(it->path().filename().string())) partitions.push_back(*name);
  }
  std::sort(partitions.begin(), partitions.end());
  return partitions;
}

void remove_unfinished(const std::string& service_path) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (fs::directory_iterator it(service_path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".new") unfinished.push_back(it->path());
  }
  for (const auto& path : unfinished) fs::remove_all(path, error);
}

Result<void> check_version(const std::string& path) {
  const std::string file = path + "/VERSION";
  const auto text = read_text(file);
  if (!text) {
    std::error_code ignored;
    if (fs::exists(file, ignored)) return errno_error("cannot read " + file, EACCES);
    return make_error(ErrorCode::kNotFound, "no store at " + path,
                      "name it with --store, or start backsightd, which creates it");
  }
  std::uint32_t version = 0;
  const char* digits = text->data() + kVersionPrefix.size();
  const bool known = text->starts_with(kVersionPrefix) && text->ends_with('\n');
  if (!known || std::from_chars(digits, text->data() + text->size() - 1, version).ptr !=
                    text->data() + text->size() - 1) {
    return make_error(ErrorCode::kCorrupt, file + " does not say which version the store has",
                      "it should read '" + std::string(kVersionPrefix) + std::to_string(kStoreVersion) + "'");
  }
  if (version != kStoreVersion) {
    return make_error(ErrorCode::kUnsupported,
                      "the store " + path + " has version " + std::to_string(version) +
                          ", this program reads version " + std::to_string(kStoreVersion),
                      "use a newer Backsight");
  }
  return {};
}

Result<void> prepare_store(const std::string& path) {
  std::error_code error;
  // What is kept was in other processes' memory: for its owner and group alone.
  const bool is_new = !fs::exists(path, error);
  fs::create_directories(path + "/services", error);
  if (is_new && !error)
    fs::permissions(path, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
  if (error) return errno_error("cannot create the store " + path, error.value());
  auto version = check_version(path);
  if (version || version.error().code != ErrorCode::kNotFound) return version;
  return replace_file(path + "/VERSION", std::string(kVersionPrefix) + std::to_string(kStoreVersion) + "\n");
}

Result<StoreLock> StoreLock::acquire(const std::string& store_path) {
  const std::string path = store_path + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error("cannot open " + path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    if (error != EWOULDBLOCK) return errno_error("cannot lock " + path, error);
    std::string holder = read_text(path).value_or("");
    holder.erase(std::find_if(holder.begin(), holder.end(), [](char c) { return c < '0' || c > '9'; }),
                 holder.end());
    return make_error(
        ErrorCode::kBusy,
        "the store " + store_path + " is being written by process " + (holder.empty() ? "(unknown)" : holder),
        "stop that collector, or give this one another store.path");
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) {
    // The pid is for people; the lock itself holds.
  }
  return StoreLock(fd);
}

StoreLock::StoreLock(StoreLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

StoreLock::~StoreLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

namespace {

// Visits the sound lines; false if there are others.
template <class Visit>
bool read_boots(const std::string& store_path, Visit visit) {
  std::ifstream file(store_path + "/BOOTS");
  bool sound = true;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string id;
    std::int64_t base = 0;
    const bool has_fields = (fields >> id >> base) && id.starts_with('=');
    const auto decoded = has_fields ? decode_name(id.substr(1)) : std::nullopt;
    if (decoded && boot_line(*decoded, base) == line + "\n") {
      visit(*decoded, base);
    } else {
      sound = false;
    }
  }
  return sound;
}

}  // namespace

std::optional<std::int64_t> find_boot_base(const std::string& store_path, const std::string& boot_id) {
  std::optional<std::int64_t> found;
  read_boots(store_path, [&](const std::string& id, std::int64_t base) {
    if (id == boot_id) found = base;
  });
  return found;
}

bool check_boots(const std::string& store_path) {
  return read_boots(store_path, [](const std::string&, std::int64_t) {});
}

Result<void> add_boot_base(const std::string& store_path, const std::string& boot_id, std::int64_t base_ns) {
  const std::string path = store_path + "/BOOTS";
  return replace_file(path, read_text(path).value_or("") + boot_line(boot_id, base_ns));
}

std::uint64_t directory_bytes(const std::string& directory) {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const std::uint64_t size = it->file_size(gone);
    if (!gone) total += size;
  }
  return total;
}

Result<void> sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_error("cannot open " + path, errno);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return errno_error("cannot sync " + path, failed);
  return {};
}

std::optional<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace backsight::store
