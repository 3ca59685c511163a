// Reading UTF-8 that may be damaged or hostile, one code point at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace backsight::tools {

inline constexpr char32_t kInvalidCodePoint = 0xffffffff;

struct CodePoint {
  char32_t value = kInvalidCodePoint;
  std::size_t bytes = 1;  // consumed; 1 for an invalid byte
};

// The code point at text[at]; at < text.size(). Overlong forms and surrogates are invalid.
inline CodePoint read_code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > text.size()) return {};
  char32_t value = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(at + i) & 0x3fu);
  }
  static constexpr char32_t kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < kFirst[length] || value > 0x10ffff || surrogate) return {};
  return {value, length};
}

// Code points that move a terminal's cursor, change its state or reorder text.
inline bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || c == 0x061c ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

}  // namespace backsight::tools
