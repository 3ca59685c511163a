// The part of ValueDecoder that shows sequences: strings, arrays, vectors,
// ranges and their projections.
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
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

constexpr int kMaxTypesVisited = 256;  // to find one member

// A named member, also of bases and anonymous structs; `offset` is increased by
// where the part that has it begins.
const Member* find_member(const schema::TypeTable& types, const Type& type, const std::string& name,
                          std::uint64_t& offset, int& visited) {
  for (const Member& member : type.members) {
    if (!member.is_base && member.name == name) return &member;
  }
  for (const Member& member : type.members) {
    if (!member.is_base && !member.name.empty()) continue;
    if (++visited > kMaxTypesVisited) return nullptr;
    if (member.type.value >= types.size() || types[member.type.value].kind != TypeKind::kStruct) continue;
    std::uint64_t inner = offset + member.offset_bytes;
    if (const Member* found = find_member(types, types[member.type.value], name, inner, visited)) {
      offset = inner;
      return found;
    }
  }
  return nullptr;
}

}  // namespace

// The bytes of a string item, of which there were `length`.
boost::json::value ValueDecoder::text(const Item& item, std::uint64_t length) {
  const ItemStatus status = status_of(item);
  if (is_failed(item) && length > 0) return missing(name_of(status));
  const std::uint64_t shown = std::min<std::uint64_t>(length, item.bytes.size());
  const bool cut_at_end = status != ItemStatus::kOk && shown == item.bytes.size();
  if (shown < length || cut_at_end) {
    unavailable_.emplace(path_, cut_off(status, ItemStatus::kStringLimit, shown, length));
  }
  return text_value(as_text(item.bytes.first(shown)));
}

boost::json::value ValueDecoder::string(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  if (element == nullptr || element->size_bytes != 1) {
    return missing(schema::to_string(Unavailable::kUnsupportedType));
  }
  const Place data_part = slice(place, type.offset_a, 8), length_part = slice(place, type.offset_b, 8);
  if (data_part.bytes.size() < 8 || length_part.bytes.size() < 8) return missing(name_of(place.status));
  const std::uint64_t data = load_unsigned(data_part.bytes), length = load_unsigned(length_part.bytes);
  if (length == 0) return "";
  if (data == 0) return missing(schema::to_string(Unavailable::kBadAddress));
  if (place.address != 0 && data >= place.address && data - place.address < type.size_bytes) {
    const std::uint64_t offset = data - place.address;  // kept inside the object itself
    if (length > type.size_bytes - offset) return missing(schema::to_string(Unavailable::kBadAddress));
    const Place inside = slice(place, offset, length);
    if (inside.bytes.size() < length) return missing(name_of(place.status));
    return text_value(as_text(inside.bytes));
  }
  const Item* item = items_.find(type.target, data);
  if (item != nullptr) return text(*item, length);
  const std::string reason = why_no_item(place.depth);
  return missing(reason.empty() ? schema::to_string(Unavailable::kDepthLimit) : reason);
}

boost::json::value ValueDecoder::array(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  // A flexible array member: how many elements there are is not known.
  if (element == nullptr || type.count == 0) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (is_text(*element)) {
    if (place.bytes.empty()) return missing(name_of(place.status));
    const std::string_view all = as_text(place.bytes);
    const std::size_t end = std::min(all.find('\0'), all.size());
    if (end == all.size() && place.bytes.size() < type.count) {
      unavailable_.emplace(path_, cut_off(place.status, ItemStatus::kByteLimit, end, type.count));
    }
    return text_value(all.substr(0, end));
  }
  Item item;
  item.header.type = type.target.value;
  item.header.address = place.address;
  item.header.depth = place.depth;
  item.header.status = static_cast<std::uint8_t>(place.status);
  item.bytes = place.bytes;
  return elements(type.target, item, type.count, {});
}

boost::json::value ValueDecoder::vector(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  if (element == nullptr || element->size_bytes == 0) {
    return missing(schema::to_string(Unavailable::kUnsupportedType));
  }
  const Place begin_part = slice(place, type.offset_a, 8), end_part = slice(place, type.offset_b, 8);
  if (begin_part.bytes.size() < 8 || end_part.bytes.size() < 8) return missing(name_of(place.status));
  const std::uint64_t begin = load_unsigned(begin_part.bytes), end = load_unsigned(end_part.bytes);
  if (begin == end) return boost::json::array();
  if (begin == 0 || end < begin || (end - begin) % element->size_bytes != 0) {
    return missing(schema::to_string(Unavailable::kBadAddress));
  }
  const Item* item = items_.find(type.target, begin);
  if (item == nullptr) {
    const std::string reason = why_no_item(place.depth);
    return missing(reason.empty() ? schema::to_string(Unavailable::kDepthLimit) : reason);
  }
  if (is_failed(*item)) return missing(name_of(status_of(*item)));
  if (!options_.repeat_objects) met_.emplace(type.target.value, begin);
  return elements(type.target, *item, (end - begin) / element->size_bytes, {});
}

// The first `count` elements, as far as they were captured.
boost::json::value ValueDecoder::elements(TypeId id, const Item& item, std::uint64_t count,
                                          std::span<const std::string> projection) {
  const Type* type = find_type(id);
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  const Place all{item.bytes, item.header.address, item.header.depth, status_of(item)};
  const std::uint64_t size = type->size_bytes;
  // Elements without size (empty structs of other languages) have nothing to show.
  const std::uint64_t there = size == 0 ? 0 : item.bytes.size() / size;
  const std::uint64_t shown = std::min(there, count);
  if (shown < count)
    unavailable_.emplace(path_, cut_off(all.status, ItemStatus::kElementLimit, shown, count));
  boost::json::array out;
  out.reserve(std::min<std::uint64_t>(shown, kMaxValues));
  for (std::uint64_t i = 0; i < shown; ++i) {
    if (values_ >= kMaxValues) {
      unavailable_.insert_or_assign(path_, cut_off(ItemStatus::kByteLimit, ItemStatus::kByteLimit, i, count));
      break;
    }
    const PathScope scope(path_, static_cast<std::size_t>(i));
    out.push_back(projected(id, slice(all, i * size, size), projection));
  }
  return out;
}

boost::json::value ValueDecoder::projected(TypeId id, const Place& place,
                                           std::span<const std::string> projection) {
  if (projection.empty()) return value(id, place);
  const Type* type = find_type(id);
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (!enter()) return missing(schema::to_string(Unavailable::kByteLimit));
  const Counted counted(recursion_);
  if (type->kind == TypeKind::kPointer || type->kind == TypeKind::kReference) {
    if (place.bytes.size() < 8) return missing(name_of(place.status));
    const std::uint64_t address = load_unsigned(place.bytes.first(8));
    if (address == 0) return nullptr;
    const Item* item = items_.find(type->target, address);
    if (item == nullptr) {
      const std::string reason = why_no_item(place.depth);
      return missing(reason.empty() ? schema::to_string(Unavailable::kDepthLimit) : reason);
    }
    if (is_failed(*item)) return missing(name_of(status_of(*item)));
    return projected(type->target, {item->bytes, address, item->header.depth, status_of(*item)}, projection);
  }
  std::uint64_t offset = 0;
  int visited = 0;
  const Member* found = find_member(plan_.types, *type, projection.front(), offset, visited);
  if (found == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  const Place part = slice(place, offset, place.bytes.size());
  const auto rest = projection.subspan(1);
  if (rest.empty()) return member(*found, part);
  const Type* next = find_type(found->type);
  if (next == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  return projected(found->type, slice(part, found->offset_bytes, next->size_bytes), rest);
}

}  // namespace backsight::query
