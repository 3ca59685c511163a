// Text for terminals: widths in columns, shortening, escaping of whatever could
// steer a terminal, and modest colours.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::tools {

// Printable UTF-8: control characters as \n, \t, \x1b, \u202e; bytes that are
// not UTF-8 as \xff; a backslash stays as it is.
std::string escape_controls(std::string_view text);
// The same without touching line ends: for whole output.
std::string escape_controls_in_lines(std::string_view text);

// Columns taken on a terminal; `text` is printable UTF-8. Needs a UTF-8 LC_CTYPE.
std::size_t display_width(std::string_view text);
// At most `columns` wide; ends with "…" where something was cut.
std::string shorten(std::string_view text, std::size_t columns);
// Keeps the end: "…long::Name".
std::string shorten_front(std::string_view text, std::size_t columns);

// Lines of at most `columns`, broken between words; longer words are shortened.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

enum class Style { kPlain, kBold, kDim, kWarning, kError, kName };
std::string styled(std::string_view text, Style style, bool color);

std::string group_digits(std::string_view digits);  // "1234567" -> "1,234,567"
std::string bytes_text(double bytes);               // "1.2 MiB"

}  // namespace backsight::tools
