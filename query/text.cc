#include "query/text.h"

#include <boost/json.hpp>

#include <cstring>

namespace backsight::query {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Length of the sequence that begins with `lead`, and the range of its second
// byte (RFC 3629, section 4); 0: not a lead byte.
struct Utf8Lead {
  int length;
  unsigned char second_min, second_max;
};

Utf8Lead utf8_lead(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead >= 0xc2 && lead <= 0xdf) return {2, 0x80, 0xbf};
  if (lead == 0xe0) return {3, 0xa0, 0xbf};
  if (lead == 0xed) return {3, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {3, 0x80, 0xbf};
  if (lead == 0xf0) return {4, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return {4, 0x80, 0xbf};
  if (lead == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

boost::json::value bytes_value(std::string_view bytes) {
  boost::json::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kHexDigits[byte >> 4]);
    hex.push_back(kHexDigits[byte & 15]);
  }
  return boost::json::object{{"$bytes", std::move(hex)}};
}

// False: no code point that a text may have.
bool append_utf8(boost::json::string& text, std::uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  if (code < 0x80) {
    text.push_back(static_cast<char>(code));
    return true;
  }
  const int following = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::uint32_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  text.push_back(static_cast<char>(kLead[following] | code >> (6 * following)));
  for (int i = following - 1; i >= 0; --i) text.push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3f)));
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Lead lead = utf8_lead(static_cast<unsigned char>(text[at]));
    if (lead.length == 0 || text.size() - at < static_cast<std::size_t>(lead.length)) return false;
    for (int i = 1; i < lead.length; ++i) {
      const auto byte = static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
      const unsigned char low = i == 1 ? lead.second_min : 0x80;
      const unsigned char high = i == 1 ? lead.second_max : 0xbf;
      if (byte < low || byte > high) return false;
    }
    at += static_cast<std::size_t>(lead.length);
  }
  return true;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

boost::json::value text_value(std::string_view bytes) {
  return is_utf8(bytes) ? boost::json::value(boost::json::string(bytes)) : bytes_value(bytes);
}

std::string_view whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const bool is_whole = utf8_lead(byte).length <= static_cast<int>(back);
    return is_whole ? text : text.substr(0, text.size() - back);
  }
  return text;
}

boost::json::value wide_text_value(std::span<const std::byte> bytes, std::size_t unit_bytes) {
  const std::size_t whole = bytes.size() / unit_bytes * unit_bytes;
  boost::json::string text;
  for (std::size_t at = 0; at < whole; at += unit_bytes) {
    std::uint32_t unit = 0;
    std::memcpy(&unit, bytes.data() + at, unit_bytes);
    if (unit_bytes == 2 && unit >= 0xd800 && unit < 0xdc00 && at + 4 <= whole) {
      std::uint16_t low = 0;
      std::memcpy(&low, bytes.data() + at + 2, 2);
      if (low >= 0xdc00 && low < 0xe000) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00u);
        at += 2;
      }
    }
    if (!append_utf8(text, unit)) return bytes_value(as_text(bytes.first(whole)));
  }
  return text;
}

void append_member(std::string& path, std::string_view name) {
  if (!name.empty() && name.find_first_of(".[]\"\\") == std::string_view::npos) {
    if (!path.empty()) path += '.';
    path += name;
    return;
  }
  path += "[\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') path += '\\';
    path += c;
  }
  path += "\"]";
}

bool text_of(const boost::json::value& value, std::string& storage, std::string_view& text) {
  if (const auto* string = value.if_string()) {
    text = {string->data(), string->size()};
    return true;
  }
  const auto* object = value.if_object();
  if (object == nullptr || object->size() != 1) return false;
  const auto* hex = object->if_contains("$bytes");
  if (hex == nullptr || !hex->is_string()) return false;
  const auto& digits = hex->get_string();
  storage.clear();
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = hex_digit(digits[i]), low = hex_digit(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    storage.push_back(static_cast<char>(high << 4 | low));
  }
  text = storage;
  return true;
}

std::optional<std::string> name_of_key(const boost::json::value& key) {
  if (const auto* text = key.if_string()) return std::string(*text);
  if (const auto* number = key.if_int64()) return std::to_string(*number);
  if (const auto* number = key.if_uint64()) return std::to_string(*number);
  return std::nullopt;
}

std::string hex_address(std::uint64_t address) {
  std::string digits;
  do {
    digits.insert(digits.begin(), kHexDigits[address & 15]);
    address >>= 4;
  } while (address != 0);
  return "0x" + digits;
}

boost::json::value pointer_value(std::uint64_t address) {
  return boost::json::object{{"$ptr", hex_address(address)}};
}

boost::json::value reference_value(std::uint64_t address) {
  return boost::json::object{{"$ref", hex_address(address)}};
}

bool is_pointer_value(const boost::json::value& value) {
  const auto* object = value.if_object();
  return object != nullptr && object->size() == 1 && (object->contains("$ptr") || object->contains("$ref"));
}

}  // namespace backsight::query
