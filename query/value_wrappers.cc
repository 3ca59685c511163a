// The part of ValueDecoder that shows what holds one value, or none, or some
// of several: tuples, optionals, variants, callables, times, locks.
#include "query/code_names.h"
#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/ticks.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

#include <utility>

namespace backsight::query {
namespace {

using schema::Item;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::Unavailable;

}  // namespace

boost::json::value ValueDecoder::tuple(const Type& type, const Place& place) {
  boost::json::array out;
  for (const Member& m : type.members) {
    const PathScope scope(path_, out.size());
    out.push_back(member(m, place));
  }
  return out;
}

// What is there is told by the discriminator, which is read first.
boost::json::value ValueDecoder::optional(const Type& type, const Place& place) {
  if (type.members.empty()) return missing(Unavailable::kUnsupportedType);
  const auto engaged = number(place, type.offset_a, 1);
  if (!engaged) return missing(name_of(place.status));
  if (*engaged == 0) return nullptr;
  if (*engaged > 1) return missing(Unavailable::kBadAddress);  // no bool: not what it seems
  return member(type.members[0], place);
}

boost::json::value ValueDecoder::variant(const Type& type, const Place& place) {
  const std::uint64_t bytes = type.offset_b;
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return missing(Unavailable::kUnsupportedType);
  const auto index = number(place, type.offset_a, bytes);
  if (!index) return missing(name_of(place.status));
  const std::uint64_t valueless = bytes == 8 ? ~0ull : (1ull << (8 * bytes)) - 1;
  if (*index == valueless) return boost::json::object{{"$alt", "valueless_by_exception"}, {"value", nullptr}};
  if (*index >= type.members.size()) return missing(Unavailable::kBadAddress);
  const Member& chosen = type.members[*index];
  const Type* alternative = find_type(chosen.type);
  if (alternative == nullptr) return missing(Unavailable::kUnsupportedType);
  boost::json::object out{{"$alt", text_value(alternative->name)}};
  const PathScope scope(path_, "value");
  out.emplace("value", member(chosen, place));
  return out;
}

// The manager function knows the type of the object, and where it is kept.
boost::json::value ValueDecoder::any(const Type& type, const Place& place) {
  const auto manager = number(place, type.offset_a);
  const auto storage = number(place, type.offset_b);
  if (!manager) return missing(name_of(place.status));
  if (*manager == 0) return nullptr;
  const auto symbol = options_.code_name ? options_.code_name(*manager) : std::nullopt;
  const auto held = symbol ? held_by_any(*symbol) : std::nullopt;
  if (!held) return missing(Unavailable::kUndefinedType);
  boost::json::object out{{"$type", text_value(held->type)}};
  if (held->in_place) {
    if (place.address != 0) out.emplace("$ptr", hex_address(place.address + type.offset_b));
  } else if (storage) {
    out.emplace("$ptr", hex_address(*storage));
  }
  return out;
}

boost::json::value ValueDecoder::callable(const Type& type, const Place& place) {
  if (!type.members.empty()) return callable_object(type.members[0], place);
  const auto invoker_offset = layout(type, 0);
  const auto manager = number(place, type.offset_b);
  if (!invoker_offset) return missing(Unavailable::kUnsupportedType);
  if (!manager) return missing(name_of(place.status));
  if (*manager == 0) return nullptr;
  if (*invoker_offset == schema::layout::kNoOffset) return code(*manager);
  const auto invoker = number(place, *invoker_offset);
  if (!invoker) return missing(name_of(place.status));
  return target_of(*invoker, place, type.offset_a);
}

// What is called, as `invoker` has it in its name; a pointer to a function is kept at `functor`.
boost::json::value ValueDecoder::target_of(std::uint64_t invoker, const Place& place, std::uint64_t functor) {
  const auto symbol = options_.code_name ? options_.code_name(invoker) : std::nullopt;
  const auto target = symbol ? held_by_function(*symbol) : std::nullopt;
  if (!target) return pointer_value(invoker);
  if (is_function_pointer_type(*target)) {
    const auto function = number(place, functor);
    if (!function) return missing(name_of(place.status));
    const bool is_virtual = is_method_pointer_type(*target) && (*function & 1) != 0;
    if (!is_virtual) return *function == 0 ? boost::json::value() : code(*function);
  }
  return text_value(*target);
}

// An object with virtual functions instead of pointers to functions.
boost::json::value ValueDecoder::callable_object(const Member& pointer, const Place& place) {
  const auto address = number(place, pointer.offset_bytes);
  if (!address) return missing(name_of(place.status));
  if (*address == 0) return nullptr;
  const Type* pointer_type = find_type(pointer.type);
  const TypeId object_id = pointer_type == nullptr ? schema::kNoType : pointer_type->target;
  const Type* object = find_type(object_id);
  if (object == nullptr || object->container != schema::Container::kCallableObject)
    return missing(Unavailable::kUnsupportedType);
  const Item* item = items_.find(object_id, *address);
  const auto table = item == nullptr ? std::nullopt : number(place_of(*item), object->offset_a);
  if (table) return target_of(*table, place_of(*item), object->offset_b);
  unavailable_.emplace(path_, item == nullptr ? why_no_elements(place.depth) : name_of(status_of(*item)));
  return pointer_value(*address);
}

boost::json::value ValueDecoder::duration(const Type& type, const Place& place) {
  const auto num = layout(type, 0), den = layout(type, 1);
  if (type.members.empty() || !num || !den || *den == 0) return missing(Unavailable::kUnsupportedType);
  boost::json::value ticks = member(type.members[0], place);
  if (!ticks.is_number()) return ticks;  // missing, or NaN
  return nanoseconds(ticks, *num, *den);
}

boost::json::value ValueDecoder::time_point(const Type& type, const Place& place) {
  if (type.members.empty()) return missing(Unavailable::kUnsupportedType);
  boost::json::value since_epoch = member(type.members[0], place);
  if (layout(type, 0) != 1u || !since_epoch.is_int64()) return since_epoch;
  return text_value(schema::format_rfc3339({since_epoch.get_int64()}));
}

boost::json::value ValueDecoder::mutex(const Type& type, const Place& place) {
  const auto lock = number(place, type.offset_a, 4), owner = number(place, type.offset_b, 4);
  if (!lock || !owner) return missing(name_of(place.status));
  const bool locked = *lock != 0;
  return boost::json::object{
      {"locked", locked},
      {"owner", locked && *owner != 0 ? boost::json::value(static_cast<std::int32_t>(*owner)) : nullptr}};
}

boost::json::value ValueDecoder::complex(const Type& type, const Place& place) {
  Type part;
  part.kind = schema::TypeKind::kFloat;
  part.name = type.name;
  part.size_bytes = type.size_bytes / 2;
  if (part.size_bytes == 0 || type.size_bytes % 2 != 0) return missing(Unavailable::kUnsupportedType);
  boost::json::array out;
  for (const std::uint64_t offset : {std::uint64_t{0}, part.size_bytes}) {
    const PathScope scope(path_, out.size());
    out.push_back(scalar(part, slice(place, offset, part.size_bytes)));
  }
  return out;
}

}  // namespace backsight::query
