#include "query/text.h"

#include <boost/json.hpp>

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
  if (is_utf8(bytes)) return boost::json::value(boost::json::string(bytes));
  boost::json::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kHexDigits[byte >> 4]);
    hex.push_back(kHexDigits[byte & 15]);
  }
  return boost::json::object{{"$bytes", std::move(hex)}};
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
