// The part of ValueDecoder that follows addresses: pointers, references, smart
// pointers, objects of dynamic type, pointers to code and to members.
#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

#include <utility>

namespace backsight::query {
namespace {

using schema::Container;
using schema::Item;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

const std::string* find_enumerator(const Type& type, std::int64_t value) {
  for (const schema::Enumerator& enumerator : type.enumerators) {
    if (enumerator.value == value) return &enumerator.name;
  }
  return nullptr;
}

// Shown as text or number, so that a second meeting shows it again.
bool is_plain_text(const Type& type) {
  return type.container == Container::kString || type.container == Container::kFlaggedString;
}

}  // namespace

boost::json::value ValueDecoder::pointer(const Type& type, const Place& place, std::uint64_t offset) {
  const bool is_bare = type.container == Container::kNone;
  if (is_bare && type.size_bytes != 8) return missing(Unavailable::kUnsupportedType);
  const auto address = number(place, offset);
  if (!address) return missing(name_of(place.status));
  if (*address == 0) return nullptr;
  const Type* target = find_type(type.target);
  if (type.kind == TypeKind::kPointer && target != nullptr && is_wide_char(*target)) {
    missing(Unavailable::kUnsupportedType);  // how many there are is not known
    return pointer_value(*address);
  }
  const bool is_string = type.kind == TypeKind::kPointer && target != nullptr && is_text(*target);
  return pointed(type.target, *address, place.depth, is_string);
}

// What a pointer to `target_id` that was found at `depth` leads to.
boost::json::value ValueDecoder::pointed(TypeId target_id, std::uint64_t address, std::uint8_t depth,
                                         bool is_string) {
  const Type* target = find_type(target_id);
  if (target == nullptr || target->kind == TypeKind::kVoid) return pointer_value(address);
  if (target->kind == TypeKind::kRedacted) return missing(Unavailable::kRedacted);
  if (target->kind == TypeKind::kFunction) return code(address);
  if (target->kind == TypeKind::kArray && target->count == 0) return pointer_value(address);
  std::string reason;
  const bool is_described = target->kind != TypeKind::kUndefined && target->kind != TypeKind::kUnsupported;
  if (!is_described && depth >= plan_.limits.depth) {  // whatever it is, plans end here
    reason = schema::to_string(Unavailable::kDepthLimit);
  } else if (target->kind == TypeKind::kUndefined) {
    reason = schema::to_string(Unavailable::kUndefinedType);
  } else if (target->kind == TypeKind::kUnsupported) {
    reason = schema::to_string(Unavailable::kUnsupportedType);
  } else if (const auto object = find_object(target_id, address)) {
    if (!is_failed(*object->item)) return is_string ? c_string(*object->item) : pointee(*object);
    reason = name_of(status_of(*object->item));
  } else {
    reason = why_no_item(depth);
    if (reason.empty() && target->kind == TypeKind::kUnion)
      reason = schema::to_string(Unavailable::kUnsupportedType);
  }
  if (!reason.empty()) unavailable_.emplace(path_, std::move(reason));
  return pointer_value(address);
}

// The object that a pointer of static type `target` with that value leads to: of
// its dynamic type, where an item says what that is.
std::optional<ValueDecoder::Object> ValueDecoder::find_object(TypeId target, std::uint64_t address) const {
  const Type* type = find_type(target);
  const bool is_dynamic = type != nullptr && find_type(type->dynamic) != nullptr;
  if (is_dynamic) {
    const Item* link = items_.find(type->dynamic, address);
    if (link != nullptr && link->bytes.size() >= 16) {
      const std::uint64_t complete = load_unsigned(link->bytes.first(8));
      const std::uint64_t id = load_unsigned(link->bytes.subspan(8, 8));
      const TypeId dynamic{static_cast<std::uint32_t>(id)};
      const Item* item = id < plan_.types.size() ? items_.find(dynamic, complete) : nullptr;
      if (item != nullptr) return Object{dynamic, item, complete, true};
    }
  }
  const Item* item = items_.find(target, address);
  if (item == nullptr) return std::nullopt;
  // Without a link nobody knows: its virtual table may be another module's.
  return Object{target, item, address, type == nullptr || !type->is_polymorphic};
}

boost::json::value ValueDecoder::pointee(const Object& object) {
  const Type& target = *find_type(object.type);
  // What is pointed to was captured, or not, for itself.
  const int unions = std::exchange(unions_, 0), unfollowed = std::exchange(unfollowed_, 0);
  const Place place{object.item->bytes, object.address, object.item->header.depth, status_of(*object.item)};
  const Place first = slice(place, 0, target.size_bytes);
  const Key key{object.type.value, object.address};
  boost::json::value shown;
  if (is_text(target) || is_plain_text(target)) {
    shown = value(object.type, first);
  } else if (!met_.insert(key).second) {
    shown = reference_value(object.address);
  } else {
    shown = value(object.type, first);
    if (!object.class_known && shown.is_object()) {
      shown.get_object()["$type"] = nullptr;
      const PathScope scope(path_, "$type");
      missing(Unavailable::kUndefinedType);
    }
    if (options_.repeat_objects) met_.erase(key);
  }
  unions_ = unions;
  unfollowed_ = unfollowed;
  return shown;
}

// The object is gone where its use count says so; only then is it null.
boost::json::value ValueDecoder::weak_pointer(const Type& type, const Place& place) {
  const auto gone = layout(type, 0);
  if (type.members.empty() || !gone) return missing(Unavailable::kUnsupportedType);
  const auto address = number(place, type.offset_a);
  const auto control = number(place, type.members[0].offset_bytes);
  if (!address || !control) return missing(name_of(place.status));
  if (*address == 0 || *control == 0) return nullptr;
  const Type* control_pointer = find_type(type.members[0].type);
  const TypeId counts_id = control_pointer == nullptr ? schema::kNoType : control_pointer->target;
  const Type* counts = find_type(counts_id);
  const Type* count =
      counts == nullptr || counts->members.empty() ? nullptr : find_type(counts->members[0].type);
  if (count == nullptr || count->size_bytes == 0 || count->size_bytes > 8)
    return missing(Unavailable::kUnsupportedType);
  const Item* item = items_.find(counts_id, *control);
  const auto uses = item == nullptr
                        ? std::nullopt
                        : number(place_of(*item), counts->members[0].offset_bytes, count->size_bytes);
  if (!uses) {  // alive or not: nobody knows
    unavailable_.emplace(path_, item == nullptr ? why_no_elements(place.depth) : name_of(status_of(*item)));
    return pointer_value(*address);
  }
  const std::uint64_t mask = count->size_bytes == 8 ? ~0ull : (1ull << (8 * count->size_bytes)) - 1;
  if (*uses == (*gone & mask)) return nullptr;
  return pointed(type.target, *address, place.depth, false);
}

// Itanium C++ ABI, 2.3.
boost::json::value ValueDecoder::member_pointer(const Type& type, const Place& place) {
  const auto first = number(place, 0);
  if (!first || place.bytes.size() < type.size_bytes) return missing(name_of(place.status));
  const std::string* name = nullptr;
  if (type.size_bytes == 8) {
    if (*first == ~0ull) return nullptr;
    name = find_enumerator(type, static_cast<std::int64_t>(*first));
  } else if (type.size_bytes == 16) {
    if (*first == 0) return nullptr;
    if ((*first & 1) == 0) return code(*first);
    name = find_enumerator(type, static_cast<std::int64_t>((*first - 1) / 8));
  }
  if (name == nullptr) return missing(Unavailable::kUnsupportedType);
  return text_value(*name);
}

boost::json::value ValueDecoder::code(std::uint64_t address) const {
  if (options_.code_name) {
    if (const auto name = options_.code_name(address)) return text_value(*name);
  }
  return pointer_value(address);
}

}  // namespace backsight::query
