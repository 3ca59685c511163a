// The part of ValueDecoder that shows elements one behind the other: arrays,
// vectors, ranges and their projections.
#include "query/decode_support.h"
#include "query/members.h"
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

}  // namespace

boost::json::value ValueDecoder::array(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  if (element == nullptr) return missing(Unavailable::kUnsupportedType);
  // A flexible array member: how many elements there are is not known.
  if (type.count == 0) return missing(Unavailable::kElementLimit);
  if (is_text(*element) || is_wide_char(*element)) return char_array(type, element->size_bytes, place);
  Item item;
  item.header.type = type.target.value;
  item.header.address = place.address;
  item.header.depth = place.depth;
  item.header.status = static_cast<std::uint8_t>(place.status);
  item.bytes = place.bytes;
  return elements(type.target, item, type.count, {}, plan_.limits.elements);
}

boost::json::value ValueDecoder::vector(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  if (element == nullptr || element->size_bytes == 0) return missing(Unavailable::kUnsupportedType);
  const auto begin = number(place, type.offset_a), end = number(place, type.offset_b);
  if (!begin || !end) return missing(name_of(place.status));
  const bool is_absurd = *end < *begin || (*end - *begin) % element->size_bytes != 0;
  if (is_absurd || (*begin == 0 && *end != 0)) return missing(Unavailable::kBadAddress);
  return contiguous(type, *begin, (*end - *begin) / element->size_bytes, place);
}

boost::json::value ValueDecoder::counted(const Type& type, const Place& place) {
  const auto data = number(place, type.offset_a), count = number(place, type.offset_b);
  if (!data || !count) return missing(name_of(place.status));
  if (*data == 0 && *count != 0) return missing(Unavailable::kBadAddress);
  return contiguous(type, *data, *count, place);
}

// `count` elements one behind the other.
boost::json::value ValueDecoder::contiguous(const Type& type, std::uint64_t begin, std::uint64_t count,
                                            const Place& place) {
  const Type* element = find_type(type.target);
  if (element == nullptr || element->size_bytes == 0) return missing(Unavailable::kUnsupportedType);
  if (count == 0) return sequence(type, type.target, {});
  if (element->kind == TypeKind::kRedacted) return missing(Unavailable::kRedacted);
  const Item* item = items_.find(type.target, begin);
  if (item == nullptr) return missing(why_no_elements(place.depth));
  if (is_failed(*item)) return missing(name_of(status_of(*item)));
  if (!options_.repeat_objects) met_.emplace(type.target.value, begin);
  if (!type.is_map) return elements(type.target, *item, count, {});
  Found found;
  found.total = count;
  const std::uint64_t there = std::min<std::uint64_t>(count, item->bytes.size() / element->size_bytes);
  for (std::uint64_t i = 0; i < there; ++i) {
    found.elements.push_back(slice(place_of(*item), i * element->size_bytes, element->size_bytes));
  }
  const ItemStatus status = status_of(*item);
  if (there < count) found.ended = name_of(status == ItemStatus::kOk ? ItemStatus::kElementLimit : status);
  return sequence(type, type.target, found);
}

// Elements that are not one behind the other.
boost::json::value ValueDecoder::sequence(const Type& type, TypeId element, const Found& found) {
  const Type* element_type = find_type(element);
  if (element_type == nullptr) return missing(Unavailable::kUnsupportedType);
  if (type.is_map && element_type->kind == TypeKind::kRedacted) return missing(Unavailable::kRedacted);
  if (!found.ended.empty()) {
    if (found.elements.empty()) return missing(found.ended);
    unavailable_.emplace(path_, cut_off(found.ended, found.elements.size(), found.total));
  }
  if (type.is_map) return map(type, *element_type, found);
  boost::json::array out;
  for (const Place& place : found.elements) {
    if (values_ >= kMaxValues) {
      const std::string limit = schema::to_string(Unavailable::kByteLimit);
      unavailable_.insert_or_assign(path_, cut_off(limit, out.size(), found.total));
      break;
    }
    const PathScope scope(path_, out.size());
    out.push_back(value(element, place));
  }
  return out;
}

// The first `count` elements, as far as they were captured; the pointers of
// `followed` of them were followed.
boost::json::value ValueDecoder::elements(TypeId id, const Item& item, std::uint64_t count,
                                          std::span<const std::string> projection, std::uint64_t followed) {
  const Type* type = find_type(id);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
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
    int none = 0;
    const Counted unfollowed(i >= followed ? unfollowed_ : none);
    out.push_back(projected(id, slice(all, i * size, size), projection));
  }
  return out;
}

boost::json::value ValueDecoder::projected(TypeId id, const Place& place,
                                           std::span<const std::string> projection) {
  if (projection.empty()) return value(id, place);
  const Type* type = find_type(id);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
  if (!enter()) return missing(Unavailable::kByteLimit);
  const Counted counted(recursion_);
  const bool is_smart = type->container == schema::Container::kSmartPointer;
  if (is_smart || type->kind == TypeKind::kPointer || type->kind == TypeKind::kReference) {
    const auto address = number(place, is_smart ? type->offset_a : 0);
    if (!address) return missing(name_of(place.status));
    if (*address == 0) return nullptr;
    const Type* target = find_type(type->target);
    if (target != nullptr && target->kind == TypeKind::kRedacted) return missing(Unavailable::kRedacted);
    const auto object = find_object(type->target, *address);
    if (!object) return missing(why_no_elements(place.depth));
    if (is_failed(*object->item)) return missing(name_of(status_of(*object->item)));
    return projected(object->type, place_of(*object->item), projection);
  }
  std::uint64_t offset = 0;
  const Member* found = find_member(plan_.types, *type, projection.front(), offset);
  if (found == nullptr) return missing(Unavailable::kUnsupportedType);
  const Place part = slice(place, offset, place.bytes.size());
  const auto rest = projection.subspan(1);
  if (rest.empty()) return member(*found, part);
  const Type* next = find_type(found->type);
  if (next == nullptr) return missing(Unavailable::kUnsupportedType);
  return projected(found->type, slice(part, found->offset_bytes, next->size_bytes), rest);
}

}  // namespace backsight::query
