// The part of ValueDecoder that walks linked nodes as the kernel did: lists,
// hash tables and trees; and shows maps, however their elements are kept. A walk
// ends where the container says, and names the reason where it ends before:
// wrong counts and cycles are bad_address.
#include "query/decode_support.h"
#include "query/members.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

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

std::string bad_address() {
  return schema::to_string(Unavailable::kBadAddress);
}

bool is_inside(std::uint64_t address, std::uint64_t begin, std::uint64_t size) {
  return begin != 0 && address >= begin && address - begin < size;
}

// Whether values of a type can be the names of an object's members.
bool is_name_type(const schema::TypeTable& types, TypeId id) {
  for (int i = 0; i < 8 && id.value < types.size(); ++i) {
    const Type& type = types[id.value];
    switch (type.container) {
      case Container::kString:
      case Container::kFlaggedString:
        return true;
      case Container::kTransparent:
        if (type.members.empty()) return false;
        id = type.members[0].type;
        continue;
      case Container::kNone:
        return type.kind == TypeKind::kInteger || type.kind == TypeKind::kEnum ||
               type.kind == TypeKind::kChar;
      default:
        return false;
    }
  }
  return false;
}

}  // namespace

boost::json::value ValueDecoder::list(const Type& type, const Place& place) {
  const auto next_offset = layout(type, schema::layout::kNext);
  const auto sentinel = layout(type, schema::layout::kSentinel);
  if (!next_offset || !sentinel) return missing(Unavailable::kUnsupportedType);
  const bool has_sentinel = *sentinel != schema::layout::kNoOffset;
  const bool knows_end = !has_sentinel || place.address != 0;
  Found found;
  auto at = number(place, type.offset_a);
  if (!at) return missing(name_of(place.status));
  if (type.offset_b != schema::layout::kNoOffset) {
    found.total = number(place, type.offset_b);
    if (!found.total) return missing(name_of(place.status));
  }
  std::set<std::uint64_t> visited;
  while (found.ended.empty()) {
    const bool is_end = *at == 0 || (has_sentinel && knows_end && *at == place.address + *sentinel);
    const bool is_full = found.total && visited.size() >= *found.total;
    if (is_end || is_full) {
      if (found.total && (visited.size() < *found.total || (!is_end && knows_end)))
        found.ended = bad_address();
      break;
    }
    const Item* item = items_.find(type.target, *at);
    if (!visited.insert(*at).second) {
      found.ended = bad_address();
    } else if (++values_ > kMaxValues) {
      found.ended = schema::to_string(Unavailable::kByteLimit);
    } else if (item == nullptr) {
      found.ended = why_no_more(place.depth, found.elements.size());
    } else if (is_failed(*item)) {
      found.ended = name_of(status_of(*item));
    } else {
      found.elements.push_back(place_of(*item));
      at = number(found.elements.back(), *next_offset);
      if (!at) found.ended = name_of(status_of(*item));
    }
  }
  return nodes(type, std::move(found));
}

boost::json::value ValueDecoder::tree(const Type& type, const Place& place) {
  if (type.layout.size() < schema::layout::kTreeFields) return missing(Unavailable::kUnsupportedType);
  Found found;
  const auto leftmost = number(place, type.offset_a);
  found.total = number(place, type.offset_b);
  if (!leftmost || !found.total) return missing(name_of(place.status));
  std::set<std::uint64_t> visited;
  std::uint64_t at = *leftmost;
  const auto is_end = [&] { return at == 0 || is_inside(at, place.address, type.size_bytes); };
  while (found.ended.empty() && visited.size() < *found.total) {
    const Item* item = is_end() ? nullptr : items_.find(type.target, at);
    if (is_end() || !visited.insert(at).second) {
      found.ended = bad_address();
    } else if (++values_ > kMaxValues) {
      found.ended = schema::to_string(Unavailable::kByteLimit);
    } else if (item == nullptr ||
               (!found.elements.empty() && found.elements.size() == plan_.limits.elements)) {
      found.ended = why_no_more(place.depth, found.elements.size());
    } else if (is_failed(*item)) {
      found.ended = name_of(status_of(*item));
    } else {
      found.elements.push_back(place_of(*item));
      at = next_in_tree(type, *item, found.ended);
    }
  }
  // More nodes than the count says: it is not what it seems.
  if (found.ended.empty() && !found.elements.empty() && place.address != 0 && !is_end())
    found.ended = bad_address();
  return nodes(type, std::move(found));
}

// Address of the node behind `node` in order, or of the first one on the way
// there that was not captured. `ended`: the node does not fit its neighbours.
std::uint64_t ValueDecoder::next_in_tree(const Type& type, const Item& node, std::string& ended) const {
  namespace field = schema::layout;
  const auto word = [&](const Item& item, field::Tree which) {
    return number(place_of(item), type.layout[which]).value_or(0);
  };
  std::uint64_t from = node.header.address, at = word(node, field::kRight);
  const bool is_down = at != 0;
  if (!is_down) at = word(node, field::kParent);
  const Item* item = items_.find(type.target, at);
  for (std::size_t i = 0; item != nullptr && !is_failed(*item); ++i) {
    const std::uint64_t left = word(*item, field::kLeft);
    if (i > items_.items().size() || (!is_down && from != left && from != word(*item, field::kRight))) {
      ended = bad_address();
      return at;
    }
    if (is_down ? left == 0 : from == left) return at;
    from = at;
    at = is_down ? left : word(*item, field::kParent);
    item = items_.find(type.target, at);
  }
  return at;
}

// What nodes hold: their first member.
boost::json::value ValueDecoder::nodes(const Type& type, Found found) {
  const Type* node = find_type(type.target);
  if (node == nullptr || node->members.empty()) return missing(Unavailable::kUnsupportedType);
  const Member& held = node->members.front();
  const Type* element = find_type(held.type);
  if (element == nullptr) return missing(Unavailable::kUnsupportedType);
  for (Place& place : found.elements) place = slice(place, held.offset_bytes, element->size_bytes);
  return sequence(type, held.type, found);
}

// An object where every key is there, is a name and no two are the same; else
// an array of {"key", "value"}.
boost::json::value ValueDecoder::map(const Type& type, const Type& pair, const Found& found) {
  std::uint64_t key_part = 0, value_part = 0;
  const Member* key = find_member(plan_.types, pair, "first", key_part);
  const Member* mapped = find_member(plan_.types, pair, "second", value_part);
  // Where a plan ends by depth, the pair is known by name alone: whether no element is {} or [] is not.
  if (pair.members.empty() && found.elements.empty()) return missing(Unavailable::kDepthLimit);
  if (key == nullptr || mapped == nullptr) return missing(Unavailable::kUnsupportedType);
  bool as_object = is_name_type(plan_.types, key->type) && !is_multimap(type);
  const std::size_t reasons_before = unavailable_.size();
  std::vector<boost::json::value> keys;
  std::set<std::string> names;
  for (const Place& place : found.elements) {
    const PathScope index_scope(path_, keys.size());
    const PathScope scope(path_, "key");
    keys.push_back(member(*key, slice(place, key_part, place.bytes.size())));
    const auto name = name_of_key(keys.back());
    as_object = as_object && name && names.insert(*name).second;
  }
  as_object = as_object && unavailable_.size() == reasons_before;
  boost::json::object object;
  boost::json::array array;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Place place = slice(found.elements[i], value_part, found.elements[i].bytes.size());
    if (as_object) {
      const std::string name = *name_of_key(keys[i]);
      const KeyScope scope(path_, name);
      object.emplace(name, member(*mapped, place));
      continue;
    }
    const PathScope index_scope(path_, i);
    const PathScope scope(path_, "value");
    boost::json::value value = member(*mapped, place);
    array.push_back(boost::json::object{{"key", std::move(keys[i])}, {"value", std::move(value)}});
  }
  if (as_object) return object;
  return array;
}

}  // namespace backsight::query
