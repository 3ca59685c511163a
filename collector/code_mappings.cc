// The mappings of a process from /proc (symbolizer.h).
#include "collector/symbolizer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostMappings = 16384;
constexpr std::size_t kMostKeptFiles = 1024;

bool parse_hex(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

// The same file is open once, for all processes.
class MappingReader {
 public:
  schema::Result<std::vector<CodeMapping>> read(std::uint32_t pid) {
    const std::string directory = "/proc/" + std::to_string(pid);
    std::ifstream maps(directory + "/maps");
    std::ostringstream text;
    if (!maps || !(text << maps.rdbuf())) {
      return make_error(schema::ErrorCode::kNotFound, "process " + std::to_string(pid) + " is gone");
    }
    std::vector<CodeMapping> mappings;
    for (auto& entry : parse_code_mappings(text.str())) {
      entry.mapping.file = open_file(directory, entry);
      if (entry.mapping.file) mappings.push_back(std::move(entry.mapping));
    }
    return mappings;
  }

 private:
  // The mapping itself first; without the capability for map_files, the path as
  // the process sees it, if it is still that inode.
  std::shared_ptr<const OpenFile> open_file(const std::string& directory, const MappingText& entry) {
    const FileId& id = entry.mapping.file_id;
    if (const auto known = files_.find(id); known != files_.end()) {
      if (auto file = known->second.lock()) return file;
    }
    for (const std::string& path :
         {directory + "/map_files/" + entry.range, directory + "/root" + entry.mapping.path}) {
      const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
      if (fd < 0) continue;
      struct stat status {};
      const bool is_known = fstat(fd, &status) == 0;
      auto file = std::make_shared<const OpenFile>(
          fd, locate_file(directory, entry.mapping.path, status.st_dev, status.st_ino));
      if (!is_known || !S_ISREG(status.st_mode) || status.st_ino != id.inode) continue;
      std::erase_if(files_, [](const auto& known) { return known.second.expired(); });
      if (files_.size() < kMostKeptFiles) files_[id] = file;
      return file;
    }
    return nullptr;
  }

  std::map<FileId, std::weak_ptr<const OpenFile>> files_;
};

}  // namespace

std::vector<MappingText> parse_code_mappings(const std::string& text) {
  std::vector<MappingText> all, data;
  std::set<FileId> code;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line) && all.size() < kMostMappings) {
    // range perms offset major:minor inode   path (may hold spaces)
    std::istringstream fields(line);
    std::string range, permissions, offset, device;
    MappingText entry;
    CodeMapping& mapping = entry.mapping;
    if (!(fields >> range >> permissions >> offset >> device >> mapping.file_id.inode)) continue;
    std::getline(fields >> std::ws, mapping.path);
    const auto dash = range.find('-');
    const auto colon = device.find(':');
    std::uint64_t major = 0, minor = 0;
    if (mapping.path.empty() || mapping.path[0] != '/') continue;
    mapping.is_executable = permissions.find('x') != std::string::npos;
    if (dash == std::string::npos || colon == std::string::npos || mapping.file_id.inode == 0) continue;
    const std::string_view r = range, d = device;
    if (!parse_hex(r.substr(0, dash), mapping.begin) || !parse_hex(r.substr(dash + 1), mapping.end) ||
        !parse_hex(offset, mapping.offset) || !parse_hex(d.substr(0, colon), major) ||
        !parse_hex(d.substr(colon + 1), minor) || mapping.end <= mapping.begin) {
      continue;
    }
    mapping.file_id.device = major << 32 | minor;
    mapping.path = without_deleted_mark(mapping.path);
    entry.range = range;
    if (mapping.is_executable) code.insert(mapping.file_id);
    auto& kept = mapping.is_executable ? all : data;
    if (kept.size() < kMostMappings) kept.push_back(std::move(entry));
  }
  // Files of data may be large, and gone but for their mappings: they are not held open.
  for (auto& entry : data) {
    if (code.contains(entry.mapping.file_id)) all.push_back(std::move(entry));
  }
  return all;
}

ReadMappings make_mapping_reader() {
  return [reader = std::make_shared<MappingReader>()](std::uint32_t pid) { return reader->read(pid); };
}

}  // namespace backsight::collector
