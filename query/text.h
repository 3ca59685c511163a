// Bytes of the target as JSON text: strings of any encoding, addresses, and
// names for messages.
#pragma once

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backsight::query {

// Well-formed UTF-8 as of RFC 3629: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

std::string_view as_text(std::span<const std::byte> bytes);

// The text itself, or {"$bytes":"hex"} where it is not UTF-8.
boost::json::value text_value(std::string_view bytes);

// The bytes of a text_value(); false for any other value. `storage` is used
// only for {"$bytes":…}.
bool text_of(const boost::json::value& value, std::string& storage, std::string_view& text);

// UTF-16 or UTF-32 (unit_bytes 2 or 4, little endian) as UTF-8, or {"$bytes":"hex"}
// where it is neither. Bytes behind the last whole unit are not looked at.
boost::json::value wide_text_value(std::span<const std::byte> bytes, std::size_t unit_bytes);

// `text` without a sequence at its end of which only the beginning is there.
std::string_view whole_characters(std::string_view text);

// "order" + "id" → "order.id"; what is no plain name stands in brackets: m["a.b"].
void append_member(std::string& path, std::string_view name);

// Name of an object's member for a key of a map: text and integers have one.
std::optional<std::string> name_of_key(const boost::json::value& key);

std::string hex_address(std::uint64_t address);             // "0x7f00"
boost::json::value pointer_value(std::uint64_t address);    // {"$ptr":"0x7f00"}
boost::json::value reference_value(std::uint64_t address);  // {"$ref":"0x7f00"}
bool is_pointer_value(const boost::json::value& value);     // {"$ptr":…} or {"$ref":…}

}  // namespace backsight::query
