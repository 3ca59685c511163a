// The part of ValueDecoder that shows text: string classes, C strings, arrays
// of characters, of one, two or four bytes each.
#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace backsight::query {
namespace {

using schema::Item;
using schema::ItemStatus;
using schema::Type;
using schema::Unavailable;

// Bytes of text that count as one value towards ValueDecoder::kMaxValues.
constexpr std::size_t kTextPerValue = 64;

// The units before the first that is zero.
std::uint64_t units_before_nul(std::span<const std::byte> bytes, std::uint64_t unit_bytes) {
  const std::uint64_t there = bytes.size() / unit_bytes;
  for (std::uint64_t i = 0; i < there; ++i) {
    if (load_unsigned(bytes.subspan(i * unit_bytes, unit_bytes)) == 0) return i;
  }
  return there;
}

// Without a surrogate at the end whose other half was cut off.
std::span<const std::byte> whole_units(std::span<const std::byte> bytes, std::uint64_t unit_bytes) {
  bytes = bytes.first(bytes.size() / unit_bytes * unit_bytes);
  if (unit_bytes != 2 || bytes.empty()) return bytes;
  const std::uint64_t last = load_unsigned(bytes.last(2));
  return last >= 0xd800 && last < 0xdc00 ? bytes.first(bytes.size() - 2) : bytes;
}

}  // namespace

// Text that ends at its NUL, which the item does not have, or has where it was
// captured as something longer.
boost::json::value ValueDecoder::c_string(const Item& item) {
  const std::uint64_t end = units_before_nul(item.bytes, 1);
  if (end < item.bytes.size()) return text(item, end);
  const ItemStatus status = status_of(item);
  if (status == ItemStatus::kOk || item.bytes.size() < item.header.length)
    return text(item, item.header.length);
  if (is_failed(item)) return missing(name_of(status));
  // Cut off, and nobody knows how much there was.
  const std::string_view shown = whole_characters(as_text(item.bytes));
  values_ += shown.size() / kTextPerValue;
  unavailable_.emplace(path_, cut_off(name_of(status), shown.size(), std::nullopt));
  return text_value(shown);
}

// The bytes of a string item, of which there were `length`.
boost::json::value ValueDecoder::text(const Item& item, std::uint64_t length) {
  const ItemStatus status = status_of(item);
  if (is_failed(item) && length > 0) return missing(name_of(status));
  const std::uint64_t there = std::min<std::uint64_t>(length, item.bytes.size());
  std::string_view shown = as_text(item.bytes.first(there));
  values_ += shown.size() / kTextPerValue;
  if (there < length) {
    shown = whole_characters(shown);
    unavailable_.emplace(path_, cut_off(status, ItemStatus::kStringLimit, shown.size(), length));
  }
  return text_value(shown);
}

// `units` characters, of which the item has the first. As text is counted in
// bytes of UTF-8, what is shown is told in them, and the total is not known.
boost::json::value ValueDecoder::wide_text(const Item& item, std::uint64_t units, std::uint64_t unit_bytes) {
  const ItemStatus status = status_of(item);
  if (is_failed(item)) return missing(name_of(status));
  const std::uint64_t there = std::min<std::uint64_t>(units, item.bytes.size() / unit_bytes);
  const auto bytes = item.bytes.first(there * unit_bytes);
  values_ += bytes.size() / kTextPerValue;
  if (there == units) return wide_text_value(bytes, unit_bytes);
  return cut_wide_text(bytes, unit_bytes, status == ItemStatus::kOk ? ItemStatus::kStringLimit : status);
}

boost::json::value ValueDecoder::cut_wide_text(std::span<const std::byte> bytes, std::uint64_t unit_bytes,
                                               ItemStatus why) {
  boost::json::value shown = wide_text_value(whole_units(bytes, unit_bytes), unit_bytes);
  std::string storage;
  std::string_view text;
  text_of(shown, storage, text);
  unavailable_.emplace(path_, cut_off(name_of(why), text.size(), std::nullopt));
  return shown;
}

// Kept inside the object itself.
boost::json::value ValueDecoder::string_inside(const Place& place, std::uint64_t offset, std::uint64_t units,
                                               std::uint64_t unit_bytes) {
  const Place inside = slice(place, offset, units * unit_bytes);
  if (inside.bytes.size() < units * unit_bytes) return missing(name_of(place.status));
  values_ += inside.bytes.size() / kTextPerValue;
  return unit_bytes == 1 ? text_value(as_text(inside.bytes)) : wide_text_value(inside.bytes, unit_bytes);
}

boost::json::value ValueDecoder::string(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  const std::uint64_t unit = element == nullptr ? 0 : element->size_bytes;
  if (unit != 1 && unit != 2 && unit != 4) return missing(Unavailable::kUnsupportedType);
  const auto data = number(place, type.offset_a), length = number(place, type.offset_b);
  if (!data || !length) return missing(name_of(place.status));
  if (*length == 0) return "";
  if (*data == 0) return missing(Unavailable::kBadAddress);
  if (place.address != 0 && *data >= place.address && *data - place.address < type.size_bytes) {
    const std::uint64_t offset = *data - place.address;
    if (*length > (type.size_bytes - offset) / unit) return missing(Unavailable::kBadAddress);
    return string_inside(place, offset, *length, unit);
  }
  const Item* item = items_.find(type.target, *data);
  if (item == nullptr) return missing(why_no_elements(place.depth));
  return unit == 1 ? text(*item, *length) : wide_text(*item, *length, unit);
}

boost::json::value ValueDecoder::flagged_string(const Type& type, const Place& place) {
  namespace field = schema::layout;
  const Type* element = find_type(type.target);
  const std::uint64_t unit = element == nullptr ? 0 : element->size_bytes;
  if (type.layout.size() < field::kFlaggedFields || (unit != 1 && unit != 2 && unit != 4)) {
    return missing(Unavailable::kUnsupportedType);
  }
  const auto& layout = type.layout;
  const auto flag = number(place, layout[field::kFlagOffset], 1);
  if (!flag) return missing(name_of(place.status));
  if ((*flag & layout[field::kFlagMask]) == layout[field::kFlagLong]) return string(type, place);
  const auto size = number(place, layout[field::kShortSize], 1);
  if (!size) return missing(name_of(place.status));
  const std::uint64_t shift = std::min<std::uint64_t>(layout[field::kShortShift], 63);
  const std::uint64_t units = (*size >> shift) & layout[field::kShortMask];
  const std::uint64_t begin = layout[field::kShortData];
  if (units == 0) return "";
  if (begin > type.size_bytes || units > (type.size_bytes - begin) / unit)
    return missing(Unavailable::kBadAddress);
  return string_inside(place, begin, units, unit);
}

// As C reads it: up to the first NUL. What lies behind that is not shown, as it
// is what was there before.
boost::json::value ValueDecoder::char_array(const Type& type, std::uint64_t unit, const Place& place) {
  if (place.bytes.empty()) return missing(name_of(place.status));
  const std::uint64_t end = units_before_nul(place.bytes, unit), there = place.bytes.size() / unit;
  auto shown = place.bytes.first(end * unit);
  values_ += shown.size() / kTextPerValue;
  if (end == there && there < type.count) {
    const ItemStatus why = place.status == ItemStatus::kOk ? ItemStatus::kByteLimit : place.status;
    // How long the text is, is not known: there may be a NUL.
    if (unit != 1) return cut_wide_text(shown, unit, why);
    shown = shown.first(whole_characters(as_text(shown)).size());
    unavailable_.emplace(path_, cut_off(name_of(why), shown.size(), std::nullopt));
  }
  return unit == 1 ? text_value(as_text(shown)) : wide_text_value(shown, unit);
}

}  // namespace backsight::query
