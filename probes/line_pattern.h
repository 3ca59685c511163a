// How a probe names a line of the source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backsight::probes {

// "checkout.cc:214", or a longer end of the path in front.
struct LinePattern {
  std::string path;
  std::uint32_t line = 0;
  // Whole components of the path.
  bool matches_file(std::string_view file) const;
};
// None: not of that form.
std::optional<LinePattern> parse_line_pattern(const std::string& text);

}  // namespace backsight::probes
