// What /proc tells about processes, behind a small interface that tests
// replace. Processes vanish at any moment: every answer may be kNotFound.
// Files are opened at once and kept open, so that planning and attaching meet
// the very inode that the process runs, even after the path was replaced or
// deleted, or the process is gone.
#pragma once

#include "schema/result.h"

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace backsight::collector {

// Identity of a file that may be probed. `content` is its build-id, or size and
// change time where it has none: inode numbers are used again.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string content;
  auto operator<=>(const FileId&) const = default;
};

// Owns a descriptor of a probed file.
class OpenFile {
 public:
  // `located`: where it lies; empty where that is not known.
  explicit OpenFile(int fd, std::string located = {}) : fd_(fd), located_(std::move(located)) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }
  // A path that opens the same inode while this object lives.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  const std::string& located() const { return located_; }

 private:
  int fd_;
  std::string located_;
};

struct LoadedFile {
  FileId id;
  std::string path;      // as the process sees it, without " (deleted)"
  std::string build_id;  // hex; empty if none
  std::shared_ptr<const OpenFile> file;
};

struct ProcessFacts {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::int64_t start_boot_ns = 0;  // of the process; from /proc in steps of 10 ms
  std::string exe;                 // without " (deleted)"
  std::vector<std::string> cmdline;
  std::vector<std::string> cgroups;  // paths, of every hierarchy
  bool operator==(const ProcessFacts&) const = default;
};

class ProcFs {
 public:
  virtual ~ProcFs() = default;

  virtual std::vector<std::uint32_t> list_pids() = 0;
  // Cheap; kNotFound for kernel threads, too.
  virtual schema::Result<std::string> read_exe(std::uint32_t pid) = 0;
  virtual schema::Result<std::int64_t> read_start_boot_ns(std::uint32_t pid) = 0;
  virtual schema::Result<ProcessFacts> read_process(std::uint32_t pid) = 0;
  virtual schema::Result<LoadedFile> open_executable(std::uint32_t pid) = 0;
  // Loaded ELF files in order of their addresses, without the executable.
  virtual schema::Result<std::vector<LoadedFile>> open_modules(std::uint32_t pid) = 0;
};

// The real one. Not thread-safe.
std::unique_ptr<ProcFs> make_proc_fs();

// The two start times may come from the kernel (ns) and from /proc (10 ms steps).
bool same_start(std::int64_t left_boot_ns, std::int64_t right_boot_ns);

// Where a file lies that a process, known under /proc as `directory`, sees as
// `shown`: the path itself if it is that inode here, too, or through the process's root.
std::string locate_file(const std::string& directory, const std::string& shown, std::uint64_t device,
                        std::uint64_t inode);

// Pure parts, for tests.
struct MapsEntry {
  std::string range;  // "55d0-55d8", name in map_files
  std::uint64_t device = 0, inode = 0;
  std::string path;
  bool executable = false;
};
std::vector<MapsEntry> parse_maps(const std::string& text);
// Fields 4 (parent) and 22 (start) of /proc/PID/stat, whatever the name in parentheses is.
schema::Result<ProcessFacts> parse_stat(const std::string& text);
std::vector<std::string> parse_cgroups(const std::string& text);
std::string without_deleted_mark(std::string path);

}  // namespace backsight::collector
