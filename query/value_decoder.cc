#include "query/value_decoder.h"

#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace backsight::query {
namespace {

using schema::Container;
using schema::Item;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

}  // namespace

ValueDecoder::ValueDecoder(const schema::EventView& event, const schema::Plan& plan, DecodeOptions options,
                           UnavailableMap& unavailable)
    : event_(event), plan_(plan), options_(options), unavailable_(unavailable), items_(event.items()) {}

const Type* ValueDecoder::find_type(TypeId id) const {
  return id.value < plan_.types.size() ? &plan_.types[id.value] : nullptr;
}

boost::json::value ValueDecoder::missing(std::string reason) {
  unavailable_.emplace(path_, std::move(reason));
  return nullptr;
}

// Why a pointer found at `depth` has no item.
std::string ValueDecoder::why_no_item(std::uint8_t depth) const {
  if (depth >= plan_.limits.depth) return schema::to_string(Unavailable::kDepthLimit);
  constexpr std::uint16_t kAnyLimit =
      schema::kEventByteLimit | schema::kEventQueueLimit | schema::kEventStepLimit;
  if ((event_.header().flags & kAnyLimit) != 0) return schema::to_string(Unavailable::kByteLimit);
  return {};
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

boost::json::value ValueDecoder::capture(std::size_t index, const std::string& path) {
  path_ = path;
  const schema::Capture& capture = plan_.captures[index];
  if (capture.unavailable != Unavailable::kNone) return missing(schema::to_string(capture.unavailable));
  const Item* item = items_.find_root(static_cast<std::uint16_t>(index));
  if (item == nullptr) return missing(schema::to_string(Unavailable::kByteLimit));
  if (is_failed(*item)) return missing(name_of(status_of(*item)));
  const Type* type = find_type(capture.type);
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (is_text(*type)) return text(*item, item->header.length);
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
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  const Place all{item.bytes, item.header.address, item.header.depth, status_of(item)};
  return value(id, slice(all, element_index * type->size_bytes, type->size_bytes));
}

boost::json::value ValueDecoder::value(TypeId id, const Place& place) {
  const Type* type = find_type(id);
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (recursion_ >= kMaxRecursion) return missing(schema::to_string(Unavailable::kDepthLimit));
  if (!enter()) return missing(schema::to_string(Unavailable::kByteLimit));
  const Counted counted(recursion_);
  return known_value(*type, place);
}

boost::json::value ValueDecoder::known_value(const Type& type, const Place& place) {
  if (type.container == Container::kString) return string(type, place);
  if (type.container == Container::kVector) return vector(type, place);
  switch (type.kind) {
    case TypeKind::kStruct:
      return object(type, place);
    case TypeKind::kArray:
      return array(type, place);
    case TypeKind::kPointer:
    case TypeKind::kReference:
      return pointer(type, place);
    case TypeKind::kUndefined:
      return missing(schema::to_string(Unavailable::kUndefinedType));
    case TypeKind::kVoid:
    case TypeKind::kFunction:
    case TypeKind::kUnion:
    case TypeKind::kUnsupported:
      return missing(schema::to_string(Unavailable::kUnsupportedType));
    default:
      break;
  }
  if (place.bytes.size() < type.size_bytes) return missing(name_of(place.status));
  auto scalar = decode_scalar(type, place.bytes.first(type.size_bytes));
  if (!scalar) return missing(schema::to_string(Unavailable::kUnsupportedType));
  return std::move(*scalar);
}

boost::json::value ValueDecoder::pointer(const Type& type, const Place& place) {
  if (type.size_bytes != 8) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (place.bytes.size() < 8) return missing(name_of(place.status));
  const std::uint64_t address = load_unsigned(place.bytes.first(8));
  if (address == 0) return nullptr;
  const Type* target = find_type(type.target);
  if (target == nullptr || target->kind == TypeKind::kVoid || target->kind == TypeKind::kFunction) {
    return pointer_value(address);
  }
  std::string reason;
  if (target->kind == TypeKind::kUndefined) {
    reason = schema::to_string(Unavailable::kUndefinedType);
  } else if (target->kind == TypeKind::kUnsupported || target->kind == TypeKind::kUnion) {
    reason = schema::to_string(Unavailable::kUnsupportedType);
  } else if (const Item* item = items_.find(type.target, address)) {
    if (!is_failed(*item)) return pointee(type, *item, address);
    reason = name_of(status_of(*item));
  } else {
    reason = why_no_item(place.depth);
  }
  if (!reason.empty()) unavailable_.emplace(path_, std::move(reason));
  return pointer_value(address);
}

boost::json::value ValueDecoder::pointee(const Type& type, const Item& item, std::uint64_t address) {
  const Type& target = *find_type(type.target);
  if (is_text(target)) return text(item, item.header.length);
  const Place place{item.bytes, address, item.header.depth, status_of(item)};
  const Place first = slice(place, 0, target.size_bytes);
  if (target.container == Container::kString) return value(type.target, first);
  const Key key{type.target.value, address};
  if (!met_.insert(key).second) return reference_value(address);
  boost::json::value shown = value(type.target, first);
  if (options_.repeat_objects) met_.erase(key);
  return shown;
}

boost::json::value ValueDecoder::object(const Type& type, const Place& place) {
  if (place.bytes.empty() && type.size_bytes > 0 && !type.members.empty())
    return missing(name_of(place.status));
  boost::json::object out;
  add_members(type, place, {}, out);
  return out;
}

// `taken`: members that the derived class has, whose clashing namesakes here are
// named "Base::".
void ValueDecoder::add_members(const Type& type, const Place& place, const BaseNames& names,
                               boost::json::object& out) {
  boost::json::object own;
  for (const Member& m : type.members) {
    if (m.is_base || m.name.starts_with("_vptr")) continue;
    if (m.name.empty()) {
      add_anonymous(m, place, names, own);
      continue;
    }
    const bool clashes = names.taken != nullptr && names.taken->contains(m.name);
    const PathScope base_scope(path_, clashes ? names.base : std::string_view());
    const PathScope scope(path_, m.name);
    own.emplace(m.name, member(m, place));
  }
  for (const Member& m : type.members) {
    if (m.is_base) add_base(m, place, own, out);
  }
  for (auto& [name, shown] : own) out.emplace(name, std::move(shown));
}

void ValueDecoder::add_anonymous(const Member& m, const Place& place, const BaseNames& names,
                                 boost::json::object& out) {
  if (m.bit_size != 0) return;  // padding
  const Type* type = find_type(m.type);
  if (type != nullptr && type->kind == TypeKind::kStruct && enter()) {
    const Counted counted(recursion_);
    add_members(*type, slice(place, m.offset_bytes, type->size_bytes), names, out);
    return;
  }
  const PathScope scope(path_, "(anonymous)");
  missing(schema::to_string(Unavailable::kUnsupportedType));
}

void ValueDecoder::add_base(const Member& base, const Place& place, const boost::json::object& own,
                            boost::json::object& out) {
  const std::string prefix = base.name + "::";
  const Type* type = find_type(base.type);
  if (type == nullptr || type->kind != TypeKind::kStruct || !enter()) {
    const PathScope scope(path_, prefix);
    out.emplace(prefix, missing(schema::to_string(Unavailable::kUnsupportedType)));
    return;
  }
  const Counted counted(recursion_);
  boost::json::object members, clashing;
  add_members(*type, slice(place, base.offset_bytes, type->size_bytes), {prefix, &own}, members);
  for (auto& [name, shown] : members) {
    (own.contains(name) || out.contains(name) ? clashing : out).emplace(name, std::move(shown));
  }
  if (!clashing.empty()) out.emplace(prefix, std::move(clashing));
}

boost::json::value ValueDecoder::member(const Member& m, const Place& place) {
  const Type* type = find_type(m.type);
  if (type == nullptr) return missing(schema::to_string(Unavailable::kUnsupportedType));
  if (m.bit_size == 0) return value(m.type, slice(place, m.offset_bytes, type->size_bytes));
  const std::uint64_t wanted = bit_field_bytes(m);
  const Place part = slice(place, m.offset_bytes, wanted);
  if (part.bytes.size() < wanted) return missing(name_of(place.status));
  auto scalar = decode_bit_field(*type, m, part.bytes);
  if (!scalar) return missing(schema::to_string(Unavailable::kUnsupportedType));
  return std::move(*scalar);
}

}  // namespace backsight::query
