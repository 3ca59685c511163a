// The part of ValueDecoder that shows structs, classes and unions by their
// members: those of bases merged in, bit-fields cut out.
#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

#include <utility>

namespace backsight::query {
namespace {

using schema::Member;
using schema::Type;
using schema::TypeKind;
using schema::Unavailable;

// Moves the reasons of member `name` of the object at `path`, and of what is
// below it, to the member of that name in `part`.
void rename_below(UnavailableMap& reasons, const std::string& path, std::string_view name,
                  std::string_view part) {
  std::string from = path, to = path;
  append_member(from, name);
  append_member(to, part);
  append_member(to, name);
  UnavailableMap renamed;
  for (auto it = reasons.lower_bound(from); it != reasons.end() && it->first.starts_with(from);) {
    const std::string rest = it->first.substr(from.size());
    if (!rest.empty() && rest[0] != '.' && rest[0] != '[') {
      ++it;
      continue;
    }
    renamed.emplace(to + rest, it->second);
    it = reasons.erase(it);
  }
  reasons.merge(renamed);
}

}  // namespace

boost::json::value ValueDecoder::object(const Type& type, const Place& place) {
  if (place.bytes.empty() && type.size_bytes > 0 && !type.members.empty())
    return missing(name_of(place.status));
  boost::json::object out;
  if (type.is_polymorphic && root_class_unknown_ && recursion_ == 1) {
    const PathScope scope(path_, "$type");
    out.emplace("$type", missing(Unavailable::kUndefinedType));
  } else if (type.is_polymorphic) {
    out.emplace("$type", text_value(type.name));
  }
  add_members(type, place, out);
  return out;
}

void ValueDecoder::add_members(const Type& type, const Place& place, boost::json::object& out) {
  boost::json::object own;
  for (const Member& m : type.members) {
    if (m.is_base || m.name.starts_with("_vptr")) continue;
    if (m.name.empty()) {
      add_anonymous(m, place, own);
      continue;
    }
    const PathScope scope(path_, m.name);
    own.emplace(m.name, member(m, place));
  }
  for (const Member& m : type.members) {
    if (m.is_base) add_base(m, place, own, out);
  }
  for (auto& [name, shown] : own) out.emplace(name, std::move(shown));
}

void ValueDecoder::add_anonymous(const Member& m, const Place& place, boost::json::object& out) {
  if (m.bit_size != 0) return;  // padding
  const Type* type = find_type(m.type);
  const bool is_union = type != nullptr && type->kind == TypeKind::kUnion;
  if (type != nullptr && (is_union || type->kind == TypeKind::kStruct) && enter()) {
    const Counted counted(recursion_);
    int none = 0;
    const Counted in_union(is_union ? unions_ : none);
    add_members(*type, slice(place, m.offset_bytes, type->size_bytes), out);
    return;
  }
  const PathScope scope(path_, "(anonymous)");
  missing(type != nullptr && type->kind == TypeKind::kRedacted ? Unavailable::kRedacted
                                                               : Unavailable::kUnsupportedType);
}

// Members that clash with those of the class itself, or of a base before, are
// named "Base::", in `unavailable` too.
void ValueDecoder::add_base(const Member& base, const Place& place, const boost::json::object& own,
                            boost::json::object& out) {
  const std::string prefix = base.name + "::";
  const Type* type = find_type(base.type);
  if (type == nullptr || type->kind != TypeKind::kStruct || !enter()) {
    const PathScope scope(path_, prefix);
    const bool is_redacted = type != nullptr && type->kind == TypeKind::kRedacted;
    out.emplace(prefix, missing(is_redacted ? Unavailable::kRedacted : Unavailable::kUnsupportedType));
    return;
  }
  const Counted counted(recursion_);
  boost::json::object members, clashing;
  UnavailableMap reasons;
  reasons.swap(unavailable_);  // those of the base alone
  if (type->container == schema::Container::kNone) {
    add_members(*type, slice(place, base.offset_bytes, type->size_bytes), members);
  } else {
    const PathScope scope(path_, prefix);
    out.emplace(prefix, member(base, place));
  }
  reasons.swap(unavailable_);
  for (auto& [name, shown] : members) {
    const bool clashes = own.contains(name) || out.contains(name);
    if (clashes) rename_below(reasons, path_, name, prefix);
    (clashes ? clashing : out).emplace(name, std::move(shown));
  }
  unavailable_.merge(reasons);
  if (!clashing.empty()) out.emplace(prefix, std::move(clashing));
}

boost::json::value ValueDecoder::member(const Member& m, const Place& place) {
  const Type* type = find_type(m.type);
  if (type == nullptr) return missing(Unavailable::kUnsupportedType);
  if (type->kind == TypeKind::kRedacted) return missing(Unavailable::kRedacted);
  if (m.bit_size == 0) return value(m.type, slice(place, m.offset_bytes, type->size_bytes));
  const std::uint64_t wanted = bit_field_bytes(m);
  const Place part = slice(place, m.offset_bytes, wanted);
  if (part.bytes.size() < wanted) return missing(name_of(place.status));
  auto scalar = decode_bit_field(*type, m, part.bytes);
  if (!scalar) return missing(Unavailable::kUnsupportedType);
  return std::move(*scalar);
}

}  // namespace backsight::query
