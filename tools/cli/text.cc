#include "tools/cli/text.h"

#include "tools/http/utf8.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cwchar>

namespace backsight::tools {
namespace {

void append_escape(std::string& out, const char* format, unsigned value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, value);
  out += text.data();
}

std::string escaped(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = read_code_point(text, at);
    if (c.value == kInvalidCodePoint) {
      append_escape(out, "\\x%02x", static_cast<unsigned char>(text[at]));
    } else if (!is_control(c.value) || (keep_lines && c.value == '\n')) {
      out += text.substr(at, c.bytes);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value < 0x80) {
      append_escape(out, "\\x%02x", static_cast<unsigned>(c.value));
    } else {
      append_escape(out, "\\u%04x", static_cast<unsigned>(c.value));
    }
    at += c.bytes;
  }
  return out;
}

std::size_t width_of(char32_t value) {
  if (value < 0x80) return 1;
  const int width = ::wcwidth(static_cast<wchar_t>(value));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

std::string escape_controls(std::string_view text) {
  return escaped(text, false);
}
std::string escape_controls_in_lines(std::string_view text) {
  return escaped(text, true);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = read_code_point(text, at);
    width += c.value == kInvalidCodePoint ? 1 : width_of(c.value);
    at += c.bytes;
  }
  return width;
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t width = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = read_code_point(text, at);
    const std::size_t next = c.value == kInvalidCodePoint ? 1 : width_of(c.value);
    if (width + next > columns - 1) break;
    width += next;
    at += c.bytes;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string shorten_front(std::string_view text, std::size_t columns) {
  const std::size_t whole = display_width(text);
  if (whole <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t left = whole;
  std::size_t at = 0;
  while (at < text.size() && left > columns - 1) {
    const CodePoint c = read_code_point(text, at);
    left -= c.value == kInvalidCodePoint ? 1 : width_of(c.value);
    at += c.bytes;
  }
  return "…" + std::string(text.substr(at));
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = shorten(text.substr(at, end - at), columns);
    const std::size_t width = display_width(word);
    if (lines.empty() || used + 1 + width > columns) {
      lines.push_back(word);
      used = width;
    } else {
      lines.back() += " " + word;
      used += 1 + width;
    }
    at = end + 1;
  }
  return lines;
}

std::string styled(std::string_view text, Style style, bool color) {
  static constexpr std::array<std::string_view, 6> kCodes = {"", "1", "2", "33", "31", "36"};
  const std::string_view code = kCodes[static_cast<std::size_t>(style)];
  if (!color || code.empty() || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string group_digits(std::string_view digits) {
  const std::size_t sign = !digits.empty() && digits[0] == '-' ? 1 : 0;
  std::string out(digits.substr(0, sign));
  const std::string_view rest = digits.substr(sign);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (i > 0 && (rest.size() - i) % 3 == 0) out += ',';
    out += rest[i];
  }
  return out;
}

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (std::fabs(bytes) >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text.data();
}

}  // namespace backsight::tools
