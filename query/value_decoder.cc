#include "query/value_decoder.h"

#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "schema/expression.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace backsight::query {
namespace {

using schema::Container;
using schema::Item;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

// Names and members are objects of their declared class; what was reached
// through a pointer ("*p", "p[0]", a cast) may be of a derived one.
bool is_declared_object(const std::string& expression) {
  const auto parsed = schema::parse_expression(expression);
  if (!parsed) return false;
  const schema::ExpressionKind kind = (*parsed)->kind;
  return kind == schema::ExpressionKind::kName || kind == schema::ExpressionKind::kMember;
}

}  // namespace

ValueDecoder::ValueDecoder(const schema::EventView& event, const schema::Plan& plan, DecodeOptions options,
                           UnavailableMap& unavailable)
    : event_(event),
      plan_(plan),
      options_(std::move(options)),
      unavailable_(unavailable),
      items_(event.items()) {}

const Type* ValueDecoder::find_type(TypeId id) const {
  return id.value < plan_.types.size() ? &plan_.types[id.value] : nullptr;
}

boost::json::value ValueDecoder::missing(std::string reason) {
  unavailable_.emplace(path_, std::move(reason));
  return nullptr;
}

boost::json::value ValueDecoder::missing(Unavailable reason) {
  return missing(std::string(schema::to_string(reason)));
}

// Why a pointer found at `depth` has no item.
std::string ValueDecoder::why_no_item(std::uint8_t depth) const {
  if (unions_ > 0) return schema::to_string(Unavailable::kUnsupportedType);
  if (unfollowed_ > 0) return schema::to_string(Unavailable::kElementLimit);
  if (depth >= plan_.limits.depth) return schema::to_string(Unavailable::kDepthLimit);
  constexpr std::uint16_t kAnyLimit =
      schema::kEventByteLimit | schema::kEventQueueLimit | schema::kEventStepLimit;
  if ((event_.header().flags & kAnyLimit) != 0) return schema::to_string(Unavailable::kByteLimit);
  return {};
}

// Why what a container holds is not there at all.
std::string ValueDecoder::why_no_elements(std::uint8_t depth) const {
  std::string reason = why_no_item(depth);
  return reason.empty() ? schema::to_string(Unavailable::kDepthLimit) : reason;
}

// Why a walk from node to node that showed `shown` of them has no further item.
std::string ValueDecoder::why_no_more(std::uint8_t depth, std::uint64_t shown) const {
  if (shown > 0 && shown >= plan_.limits.elements) return schema::to_string(Unavailable::kElementLimit);
  std::string reason = why_no_item(depth);
  return reason.empty() ? schema::to_string(Unavailable::kByteLimit) : reason;
}

// Whether another value may be made.
bool ValueDecoder::enter() {
  return recursion_ < kMaxRecursion && ++values_ <= kMaxValues;
}

// What is left of `size` bytes at `offset`.
ValueDecoder::Place ValueDecoder::slice(const Place& place, std::uint64_t offset, std::uint64_t size) const {
  Place part = place;
  part.address = place.address == 0 ? 0 : place.address + offset;
  const std::uint64_t there = place.bytes.size();
  const std::uint64_t begin = std::min(offset, there);
  part.bytes = place.bytes.subspan(begin, std::min(size, there - begin));
  return part;
}

std::optional<std::uint64_t> ValueDecoder::number(const Place& place, std::uint64_t offset,
                                                  std::uint64_t size) const {
  const Place part = slice(place, offset, size);
  if (size == 0 || size > 8 || part.bytes.size() < size) return std::nullopt;
  return load_unsigned(part.bytes);
}

std::optional<std::uint64_t> ValueDecoder::layout(const Type& type, std::size_t field) {
  if (field >= type.layout.size()) return std::nullopt;
  return type.layout[field];
}

ValueDecoder::Place ValueDecoder::place_of(const Item& item) {
  return {item.bytes, item.header.address, item.header.depth, status_of(item)};
}

boost::json::value ValueDecoder::capture(std::size_t index, const std::string& path) {
  path_ = path;
  const schema::Capture& capture = plan_.captures[index];
  if (capture.unavailable != Unavailable::kNone) return missing(capture.unavailable);
  const Item* item = items_.find_root(static_cast<std::uint16_t>(index));
  if (item == nullptr) return missing(Unavailable::kByteLimit);
  if (is_failed(*item)) return missing(name_of(status_of(*item)));
  const Type* type = find_type(capture.type);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
  // One character is no string, and may be NUL.
  const bool is_one = !capture.is_range && item->header.length == type->size_bytes &&
                      status_of(*item) == schema::ItemStatus::kOk;
  if (is_text(*type) && !is_one) return c_string(*item);
  root_class_unknown_ = type->is_polymorphic && !is_declared_object(capture.expression);
  if (capture.is_range) {
    const std::uint64_t count = type->size_bytes == 0 ? 0 : item->header.length / type->size_bytes;
    return elements(capture.type, *item, count, capture.projection);
  }
  if (item->header.address != 0 && !options_.repeat_objects)
    met_.emplace(capture.type.value, item->header.address);
  return projected(capture.type, {item->bytes, item->header.address, item->header.depth, status_of(*item)},
                   capture.projection);
}

boost::json::value ValueDecoder::element(const Item& item, std::size_t element_index,
                                         const std::string& path) {
  path_ = path;
  const TypeId id{item.header.type};
  const Type* type = find_type(id);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
  const Place all{item.bytes, item.header.address, item.header.depth, status_of(item)};
  return value(id, slice(all, element_index * type->size_bytes, type->size_bytes));
}

boost::json::value ValueDecoder::value(TypeId id, const Place& place) {
  const Type* type = find_type(id);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
  if (recursion_ >= kMaxRecursion) return missing(Unavailable::kDepthLimit);
  if (!enter()) return missing(Unavailable::kByteLimit);
  const Counted counted(recursion_);
  return known_value(*type, place);
}

boost::json::value ValueDecoder::known_value(const Type& type, const Place& place) {
  if (type.container != Container::kNone) return container(type, place);
  switch (type.kind) {
    case TypeKind::kStruct:
      return object(type, place);
    case TypeKind::kUnion: {
      const Counted counted(unions_);
      return object(type, place);
    }
    case TypeKind::kArray:
      return array(type, place);
    case TypeKind::kPointer:
    case TypeKind::kReference:
      return pointer(type, place, 0);
    case TypeKind::kComplex:
      return complex(type, place);
    case TypeKind::kMemberPointer:
      return member_pointer(type, place);
    case TypeKind::kUndefined:
      return missing(Unavailable::kUndefinedType);
    case TypeKind::kRedacted:
      return missing(Unavailable::kRedacted);
    case TypeKind::kVoid:
    case TypeKind::kFunction:
    case TypeKind::kUnsupported:
    case TypeKind::kDynamicLink:
      return missing(Unavailable::kUnsupportedType);
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kChar:
    case TypeKind::kFloat:
    case TypeKind::kEnum:
      break;
  }
  return scalar(type, place);
}

boost::json::value ValueDecoder::scalar(const Type& type, const Place& place) {
  if (place.bytes.size() < type.size_bytes) return missing(name_of(place.status));
  auto shown = decode_scalar(type, place.bytes.first(type.size_bytes));
  if (!shown) return missing(Unavailable::kUnsupportedType);
  return std::move(*shown);
}

boost::json::value ValueDecoder::container(const Type& type, const Place& place) {
  switch (type.container) {
    case Container::kString:
      return string(type, place);
    case Container::kVector:
      return vector(type, place);
    case Container::kFlaggedString:
      return flagged_string(type, place);
    case Container::kCounted:
      return counted(type, place);
    case Container::kBits:
      return bits(type, place);
    case Container::kBitVector:
      return bit_vector(type, place);
    case Container::kList:
      return list(type, place);
    case Container::kTree:
      return tree(type, place);
    case Container::kDeque:
      return deque(type, place);
    case Container::kTuple:
      return tuple(type, place);
    case Container::kOptional:
      return optional(type, place);
    case Container::kVariant:
      return variant(type, place);
    case Container::kAny:
      return any(type, place);
    case Container::kSmartPointer:
      return pointer(type, place, type.offset_a);
    case Container::kWeakPointer:
      return weak_pointer(type, place);
    case Container::kCallable:
      return callable(type, place);
    case Container::kTransparent:
      return type.members.empty() ? missing(Unavailable::kUnsupportedType)
                                  : member(type.members.front(), place);
    case Container::kDuration:
      return duration(type, place);
    case Container::kTimePoint:
      return time_point(type, place);
    case Container::kMutex:
      return mutex(type, place);
    case Container::kCallableObject:  // shown by what points to it
    case Container::kNone:
      break;
  }
  return missing(Unavailable::kUnsupportedType);
}

}  // namespace backsight::query
