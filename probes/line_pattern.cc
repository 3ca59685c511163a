#include "probes/line_pattern.h"

#include <charconv>

namespace backsight::probes {

bool LinePattern::matches_file(std::string_view file) const {
  if (file.size() < path.size() || file.substr(file.size() - path.size()) != path) return false;
  return file.size() == path.size() || path.front() == '/' || file[file.size() - path.size() - 1] == '/';
}

std::optional<LinePattern> parse_line_pattern(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  LinePattern pattern;
  pattern.path = text.substr(0, colon);
  while (pattern.path.rfind("./", 0) == 0) pattern.path.erase(0, 2);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, pattern.line);
  if (error != std::errc() || stop != end || pattern.line == 0 || pattern.path.empty()) return std::nullopt;
  return pattern;
}

}  // namespace backsight::probes
