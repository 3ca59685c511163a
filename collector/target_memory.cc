#include "collector/target_memory.h"

#include "collector/symbolizer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace backsight::collector {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

Result<ProcessMemory> ProcessMemory::open(std::uint32_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file) return ProcessMemory(std::move(file));
  if (errno == ENOENT || errno == ESRCH) return make_error(ErrorCode::kNotFound, path + " is gone");
  return make_error(ErrorCode::kPermission, "cannot read " + path + ": " + std::strerror(errno),
                    "other processes' memory needs CAP_SYS_PTRACE");
}

MemoryRead ProcessMemory::read(std::uint64_t from, std::span<std::byte> to) {
  constexpr std::uint64_t kEnd = 1ull << 63;
  std::size_t done = 0;
  while (done < to.size()) {
    if (from >= kEnd - to.size()) return MemoryRead::kBadAddress;
    const auto count =
        ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<off_t>(from + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return MemoryRead::kBadAddress;
    if (count == 0) return MemoryRead::kGone;
    done += static_cast<std::size_t>(count);
  }
  return MemoryRead::kDone;
}

std::optional<std::uint64_t> find_load_bias(const std::string& maps, const CodeAnchor& anchor) {
  for (const MappingText& entry : parse_code_mappings(maps)) {
    const CodeMapping& mapping = entry.mapping;
    if (!mapping.is_executable || mapping.file_id.inode != anchor.inode || mapping.path != anchor.path)
      continue;
    if (anchor.offset < mapping.offset || anchor.offset - mapping.offset >= mapping.end - mapping.begin)
      continue;
    return mapping.begin + (anchor.offset - mapping.offset) - anchor.address;
  }
  return std::nullopt;
}

Result<std::uint64_t> read_load_bias(std::uint32_t pid, const CodeAnchor& anchor) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::ostringstream text;
  if (!maps || !(text << maps.rdbuf()))
    return make_error(ErrorCode::kNotFound, "process " + std::to_string(pid) + " is gone");
  if (const auto bias = find_load_bias(text.str(), anchor)) return *bias;
  return make_error(ErrorCode::kUnsupported,
                    "process " + std::to_string(pid) + " has not mapped " + anchor.path);
}

}  // namespace backsight::collector
