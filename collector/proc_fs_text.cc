// The pure half of proc_fs.h: texts of /proc to values.
#include "collector/proc_fs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace backsight::collector {
namespace {

constexpr std::int64_t kTickNs = 10'000'000;  // USER_HZ is 100 on x86-64

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (end != 0) parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

template <class Integer>
bool parse_number(std::string_view text, Integer& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

bool same_start(std::int64_t left_boot_ns, std::int64_t right_boot_ns) {
  return left_boot_ns / kTickNs == right_boot_ns / kTickNs;
}

std::string without_deleted_mark(std::string path) {
  constexpr std::string_view kMark = " (deleted)";
  if (path.size() > kMark.size() && path.ends_with(kMark)) path.resize(path.size() - kMark.size());
  return path;
}

std::vector<MapsEntry> parse_maps(const std::string& text) {
  std::vector<MapsEntry> entries;
  for (const auto line : split(text, '\n')) {
    // range perms offset major:minor inode   path (may hold spaces)
    std::array<std::string_view, 5> fields;
    std::string_view rest = line;
    bool complete = true;
    for (auto& field : fields) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      const auto end = rest.find(' ');
      field = rest.substr(0, end);
      complete = complete && !field.empty();
      rest.remove_prefix(std::min(end, rest.size()));
    }
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto colon = fields[3].find(':');
    MapsEntry entry;
    std::uint64_t major = 0, minor = 0;
    if (!complete || rest.empty() || rest.front() != '/' || colon == std::string_view::npos) continue;
    if (!parse_number(fields[3].substr(0, colon), major, 16) ||
        !parse_number(fields[3].substr(colon + 1), minor, 16) || !parse_number(fields[4], entry.inode)) {
      continue;
    }
    entry.range = fields[0];
    entry.device = major << 32 | minor;
    entry.path = without_deleted_mark(std::string(rest));
    entry.executable = fields[1].find('x') != std::string_view::npos;
    entries.push_back(std::move(entry));
  }
  return entries;
}

schema::Result<ProcessFacts> parse_stat(const std::string& text) {
  const auto name_begin = text.find('(');
  const auto name_end = text.rfind(')');
  const auto bad = [&] { return make_error(schema::ErrorCode::kCorrupt, "cannot read stat: " + text); };
  if (name_begin == std::string::npos || name_end == std::string::npos) return bad();
  const auto fields = split(std::string_view(text).substr(name_end + 1), ' ');
  ProcessFacts facts;
  std::int64_t start_ticks = 0;
  std::string_view pid = std::string_view(text).substr(0, name_begin);
  while (!pid.empty() && pid.back() == ' ') pid.remove_suffix(1);
  // fields[0] is field 3 of proc(5).
  if (fields.size() < 20 || !parse_number(pid, facts.pid) || !parse_number(fields[1], facts.parent_pid) ||
      !parse_number(fields[19], start_ticks)) {
    return bad();
  }
  facts.start_boot_ns = start_ticks * kTickNs;
  return facts;
}

std::vector<std::string> parse_cgroups(const std::string& text) {
  std::vector<std::string> paths;
  for (const auto line : split(text, '\n')) {  // id:controllers:path
    const auto first = line.find(':');
    if (first == std::string_view::npos) continue;
    const auto second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    std::string path(line.substr(second + 1));
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace backsight::collector
