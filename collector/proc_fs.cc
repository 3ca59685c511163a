#include "collector/proc_fs.h"

#include "probes/planner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

namespace backsight::collector {
namespace {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

schema::Error error_of(int error, const std::string& what) {
  const auto code = error == ENOENT || error == ESRCH   ? ErrorCode::kNotFound
                    : error == EACCES || error == EPERM ? ErrorCode::kPermission
                                                        : ErrorCode::kIo;
  return make_error(code, what + ": " + std::strerror(error),
                    code == ErrorCode::kPermission
                        ? "other users' processes need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
                        : "");
}

Result<std::string> read_text(const std::string& path) {
  const OpenFile file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return error_of(errno, path);
  constexpr std::size_t kLimit = 16u << 20;
  std::string text;
  char buffer[16384];
  for (;;) {
    const auto count = read(file.fd(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_of(errno, path);
    if (count == 0 || text.size() > kLimit) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

bool is_elf(int fd) {
  char magic[4] = {};
  return pread(fd, magic, sizeof magic, 0) == sizeof magic && std::memcmp(magic,
                                                                          "\x7f"
                                                                          "ELF",
                                                                          4) == 0;
}

class LinuxProcFs final : public ProcFs {
 public:
  std::vector<std::uint32_t> list_pids() override {
    std::vector<std::uint32_t> pids;
    std::error_code error;
    std::filesystem::directory_iterator entry("/proc", error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const auto name = entry->path().filename().string();
      std::uint32_t pid = 0;
      const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (bad == std::errc{} && end == name.data() + name.size()) pids.push_back(pid);
    }
    return pids;
  }

  Result<std::string> read_exe(std::uint32_t pid) override {
    const auto path = directory(pid) + "/exe";
    char buffer[4096];
    const auto length = readlink(path.c_str(), buffer, sizeof buffer);
    if (length < 0) return error_of(errno, path);
    return without_deleted_mark({buffer, static_cast<std::size_t>(length)});
  }

  Result<std::int64_t> read_start_boot_ns(std::uint32_t pid) override {
    auto stat = read_text(directory(pid) + "/stat");
    if (!stat) return stat.error();
    auto facts = parse_stat(*stat);
    if (!facts) return facts.error();
    return facts->start_boot_ns;
  }

  Result<ProcessFacts> read_process(std::uint32_t pid) override {
    auto stat = read_text(directory(pid) + "/stat");
    if (!stat) return stat.error();
    auto facts = parse_stat(*stat);
    if (!facts) return facts.error();
    auto exe = read_exe(pid);
    if (!exe) return exe.error();
    facts->exe = *exe;
    if (const auto text = read_text(directory(pid) + "/cmdline")) {
      for (std::size_t at = 0; at < text->size();) {
        const auto end = std::min(text->find('\0', at), text->size());
        facts->cmdline.push_back(text->substr(at, end - at));
        at = end + 1;
      }
    }
    if (const auto text = read_text(directory(pid) + "/cgroup")) facts->cgroups = parse_cgroups(*text);
    return facts;
  }

  Result<LoadedFile> open_executable(std::uint32_t pid) override {
    auto path = read_exe(pid);
    if (!path) return path.error();
    return open_module(directory(pid), "/exe", *path);
  }

  Result<std::vector<LoadedFile>> open_modules(std::uint32_t pid) override {
    auto text = read_text(directory(pid) + "/maps");
    if (!text) return text.error();
    struct stat exe {};
    const bool has_exe = stat((directory(pid) + "/exe").c_str(), &exe) == 0;
    std::vector<LoadedFile> modules;
    std::set<FileId> seen;
    for (const auto& entry : parse_maps(*text)) {
      if (!entry.executable) continue;
      auto module = open_mapping(pid, entry);
      if (!module || !seen.insert(module->id).second) continue;
      if (has_exe && module->id.device == exe.st_dev && module->id.inode == exe.st_ino) continue;
      modules.push_back(*std::move(module));
    }
    return modules;
  }

 private:
  static std::string directory(std::uint32_t pid) { return "/proc/" + std::to_string(pid); }

  // The mapping itself first (right even if the path was replaced); without the
  // capability for map_files, the path as the process sees it, if it is still that inode.
  Result<LoadedFile> open_mapping(std::uint32_t pid, const MapsEntry& entry) {
    if (auto module = open_module(directory(pid), "/map_files/" + entry.range, entry.path)) return module;
    auto module = open_module(directory(pid), "/root" + entry.path, entry.path);
    if (module && module->id.inode != entry.inode) {
      return make_error(ErrorCode::kNotFound,
                        entry.path + " was replaced since process " + std::to_string(pid) + " loaded it");
    }
    return module;
  }

  // `name`: below the process's directory.
  Result<LoadedFile> open_module(const std::string& process, const std::string& name,
                                 const std::string& shown_path) {
    const std::string open_path = process + name;
    const int fd = open(open_path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return error_of(errno, open_path);
    struct stat status {};
    const bool is_known = fstat(fd, &status) == 0;
    auto file =
        std::make_shared<const OpenFile>(fd, locate_file(process, shown_path, status.st_dev, status.st_ino));
    if (!is_known) return error_of(errno, open_path);
    if (!S_ISREG(status.st_mode) || !is_elf(fd)) {
      return make_error(ErrorCode::kNotFound, shown_path + " is not an ELF file");
    }
    const std::string stamp = std::to_string(status.st_size) + "/" + std::to_string(status.st_ctim.tv_sec) +
                              "." + std::to_string(status.st_ctim.tv_nsec);
    auto& known = build_ids_[{status.st_dev, status.st_ino, stamp}];
    if (!known.read) {
      if (build_ids_.size() > 4096) return build_ids_.clear(), open_module(process, name, shown_path);
      const auto build_id = probes::read_build_id(file->path());
      known = {true, build_id ? *build_id : ""};
    }
    return LoadedFile{{status.st_dev, status.st_ino, known.build_id.empty() ? stamp : known.build_id},
                      shown_path,
                      known.build_id,
                      std::move(file)};
  }

  struct Known {
    bool read = false;
    std::string build_id;
  };
  std::map<FileId, Known> build_ids_;  // by device, inode, size and change time
};

}  // namespace

OpenFile::~OpenFile() {
  if (fd_ >= 0) close(fd_);
}

std::string locate_file(const std::string& directory, const std::string& shown, std::uint64_t device,
                        std::uint64_t inode) {
  struct stat here {};
  const bool is_here = stat(shown.c_str(), &here) == 0 && here.st_dev == device && here.st_ino == inode;
  return is_here ? shown : directory + "/root" + shown;
}

std::unique_ptr<ProcFs> make_proc_fs() {
  return std::make_unique<LinuxProcFs>();
}

}  // namespace backsight::collector
