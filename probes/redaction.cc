#include "probes/redaction.h"

#include "probes/dynamic_types.h"

#include <algorithm>
#include <set>

namespace backsight::probes {

using schema::Container;
using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr int kMaxDepth = 128;
constexpr int kMaxAnonymous = 16;
constexpr std::size_t kMaxReached = 5'000;
constexpr std::uint64_t kPointerBytes = 8;
constexpr std::size_t kManyMembers = 4096;  // where TypeBuilder stops

// Functors lie in them as bytes of an unknown type.
bool holds_anything(const Type& type) {
  return type.container == Container::kAny || type.container == Container::kCallable ||
         type.container == Container::kCallableObject;
}

// Members of these are values that are shown for themselves; of other containers
// nothing is shown without them.
bool holds_values(const Type& type) {
  return type.container == Container::kNone || type.container == Container::kTuple ||
         type.container == Container::kOptional || type.container == Container::kVariant ||
         type.container == Container::kTransparent;
}

// What it points to is shown as part of it, and may lie in it.
bool is_made_of_target(const Type& type) {
  return type.container == Container::kString || type.container == Container::kFlaggedString ||
         type.container == Container::kBitVector;
}

// Bytes that tell what is there.
Redaction::Range discriminator(const Type& type) {
  if (type.container == Container::kOptional) return {type.offset_a, type.offset_a + 1ull};
  if (type.container == Container::kVariant)
    return {type.offset_a, type.offset_a + std::uint64_t{type.offset_b}};
  return {};
}

bool is_pair(const Type& type) {
  return type.name.starts_with("std::pair<");
}

bool is_object(const Type& type) {
  return type.kind == TypeKind::kStruct || type.kind == TypeKind::kUnion;
}

// Such a base shares its byte with others.
bool is_empty_class(const Type& type) {
  return type.kind == TypeKind::kStruct && type.container == Container::kNone && type.members.empty() &&
         type.size_bytes <= 1;
}

// Of a class whose parts are not all known: a virtual base, more members than are
// read; deleters and comparators, which lie in what is shown without them.
bool has_unknown_parts(const Type& type, const TypeBuilder& types) {
  if (type.container == Container::kSmartPointer) return type.size_bytes > 2 * kPointerBytes;
  if (type.container == Container::kTransparent) return true;
  if (!is_object(type) || type.container != Container::kNone) return false;
  if (type.members.size() >= kManyMembers) return true;
  return std::any_of(type.members.begin(), type.members.end(), [&](const Member& member) {
    const Type& inner = types.type(member.type);
    return inner.kind == TypeKind::kUnsupported && inner.size_bytes == 0;
  });
}

}  // namespace

void merge_ranges(std::vector<Redaction::Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& left, const auto& right) { return left.begin < right.begin; });
  std::vector<Redaction::Range> merged;
  for (const Redaction::Range& range : ranges) {
    if (range.begin >= range.end) continue;
    if (!merged.empty() && range.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  ranges = std::move(merged);
}

Redaction::Range bytes_of_member(const Member& member, std::uint64_t size_bytes) {
  if (member.bit_size == 0) return {member.offset_bytes, member.offset_bytes + size_bytes};
  const std::uint64_t end_bit = std::uint64_t{member.bit_offset} + member.bit_size;
  return {member.offset_bytes + member.bit_offset / 8, member.offset_bytes + (end_bit + 7) / 8};
}

std::vector<Redaction::Range> ranges_within(const std::vector<Redaction::Range>& ranges, std::uint64_t begin,
                                            std::uint64_t end) {
  std::vector<Redaction::Range> within;
  for (const Redaction::Range& range : ranges) {
    const std::uint64_t from = std::max(range.begin, begin), to = std::min(range.end, end);
    if (from < to) within.push_back({from, to});
  }
  return within;
}

bool is_shadowed(const std::vector<Redaction::Range>& of_whole, const Member& member,
                 std::uint64_t size_bytes, const std::vector<Redaction::Range>& own) {
  const Redaction::Range bytes = bytes_of_member(member, size_bytes);
  std::vector<Redaction::Range> moved;
  for (const Redaction::Range& range : own)
    moved.push_back({range.begin + member.offset_bytes, range.end + member.offset_bytes});
  return ranges_within(of_whole, bytes.begin, bytes.end) != ranges_within(moved, bytes.begin, bytes.end);
}

Redaction::Redaction(const std::vector<RedactPattern>& patterns, TypeBuilder& types, DynamicTypes* dynamic)
    : rules_(patterns), types_(types), dynamic_(dynamic) {}

// Bases, anonymous members, and keys and values are no steps of a path: but who names
// them is understood. The parts of containers have no names of their own.
Redaction::Context Redaction::of_member(const Type& of, const Member& member, Context context) {
  if (context == RedactRules::kNowhere || context == RedactRules::kHidden) return context;
  const bool has_name = of.container == Container::kNone || of.container == Container::kTuple;
  if (!has_name || member.name.empty()) return context;
  Context named = rules_.member(context, member.name);
  // What a lambda has caught is called so by GCC.
  if (member.name.starts_with("__"))
    named = rules_.join(named, rules_.member(context, member.name.substr(2)));
  if (is_pair(of))
    named = rules_.join(named, rules_.member(context, member.name == "first" ? "key" : "value"));
  const bool is_step = !member.is_base && !is_pair(of) && of.container == Container::kNone;
  return is_step ? named : rules_.join(context, named);
}

std::optional<Redaction::Context> Redaction::of_name(TypeId of, const std::string& name, Context context,
                                                     int depth) {
  const Type type = types_.type(of);
  if (depth > kMaxAnonymous || type.container != Container::kNone) return std::nullopt;
  for (const Member& member : type.members) {
    if (member.name == name) return of_member(type, member, context);
  }
  for (const Member& member : type.members) {
    if (!member.is_base && !member.name.empty()) continue;
    if (const auto found = of_name(member.type, name, of_member(type, member, context), depth + 1)) {
      return found;
    }
  }
  return std::nullopt;
}

const Redaction::Parts& Redaction::parts(TypeId type, Context context) {
  return parts_at(type, context, 0);
}

const Redaction::Parts& Redaction::parts_at(TypeId type, Context context, int depth) {
  const auto key = std::pair(type.value, context);
  if (const auto it = parts_.find(key); it != parts_.end()) return it->second;
  Parts found = find_parts(type, context, depth);
  return parts_[key] = std::move(found);
}

// Nodes of lists and trees are ours, not the program's.
bool Redaction::hides_by_name(const Type& type) const {
  return !type.name.starts_with("node of ") && rules_.hides_type(type.name);
}

Redaction::Parts Redaction::find_parts(TypeId id, Context context, int depth) {
  const Type type = types_.type(id);
  Parts whole{true, true, {{0, type.size_bytes}}};
  if (is_empty_class(type)) whole.ranges.clear();
  if (context == RedactRules::kHidden || depth > kMaxDepth || hides_by_name(type)) return whole;
  if (rules_.is_wide() && holds_anything(type)) return whole;
  if (is_made_of_target(type)) {
    const TypeId target = types_.pointee(id);
    if (target != kNoType && parts_at(target, RedactRules::kNowhere, depth + 1).is_hidden) return whole;
  }
  Parts found;
  if (type.kind == TypeKind::kArray) {
    found = parts_of_array(type, context, depth);
  } else if (is_object(type)) {
    found = parts_of_members(type, context, depth);
  } else if (type.kind == TypeKind::kUnsupported && (rules_.is_wide() || context != RedactRules::kNowhere)) {
    found.ranges = {{0, type.size_bytes}};  // not shown: nobody knows what it holds
  }
  merge_ranges(found.ranges);
  return found.is_hidden || found.ranges.size() > BS_MAX_BLANKS ? whole : found;
}

Redaction::Parts Redaction::parts_of_array(const Type& type, Context context, int depth) {
  const Parts element = parts_at(type.target, context, depth + 1);
  const std::uint64_t size = types_.type(type.target).size_bytes;
  Parts found;
  found.is_hidden = element.is_hidden;
  found.hides_any = element.hides_any;
  const bool is_all = element.ranges == std::vector<Range>{{0, size}};
  if (is_all) found.ranges = {{0, type.size_bytes}};
  if (element.is_hidden || is_all || element.ranges.empty()) return found;
  if (type.count > BS_MAX_BLANKS) return {true, true, {}};
  for (std::uint64_t i = 0; i < type.count; ++i) {
    for (const Range& range : element.ranges)
      found.ranges.push_back({i * size + range.begin, i * size + range.end});
  }
  return found;
}

Redaction::Parts Redaction::parts_of_members(const Type& type, Context context, int depth) {
  Parts found;
  std::vector<Range> known;
  if (type.container == Container::kSmartPointer)
    known.push_back({type.offset_a, type.offset_a + kPointerBytes});
  for (const Member& member : type.members) {
    const Parts inner = parts_at(member.type, of_member(type, member, context), depth + 1);
    if (inner.is_hidden && !holds_values(type)) return {true, true, {}};
    found.hides_any = found.hides_any || inner.hides_any;
    const Range bytes = bytes_of_member(member, types_.type(member.type).size_bytes);
    known.push_back(bytes);
    if (member.bit_size != 0) {
      if (inner.is_hidden) found.ranges.push_back(bytes);
      continue;
    }
    for (const Range& range : inner.ranges)
      found.ranges.push_back({member.offset_bytes + range.begin, member.offset_bytes + range.end});
  }
  const Range told = discriminator(type);
  if (!ranges_within(found.ranges, told.begin, told.end).empty()) return {true, true, {}};
  if (!has_unknown_parts(type, types_) || (!rules_.is_wide() && context == RedactRules::kNowhere))
    return found;
  merge_ranges(known);
  std::uint64_t at = 0;
  for (const Range& range : known) {
    if (at < range.begin) found.ranges.push_back({at, range.begin});
    at = std::max(at, range.end);
  }
  if (at < type.size_bytes) found.ranges.push_back({at, type.size_bytes});
  return found;
}

bool Redaction::hides_member(TypeId of, Context context, const Member& member, Context own) {
  const Parts whole = parts(of, context);
  if (whole.is_hidden) return true;
  const Parts inner = parts(member.type, own);
  if (inner.is_hidden) return true;
  Member bytes = member;
  // A bit-field is read with what precedes it in its storage.
  bytes.bit_size += bytes.bit_size == 0 ? 0 : bytes.bit_offset;
  bytes.bit_offset = 0;
  return is_shadowed(whole.ranges, bytes, types_.type(member.type).size_bytes, inner.ranges);
}

bool Redaction::leads_to_hidden(TypeId type, Context context) {
  if (!is_active()) return false;
  std::set<std::pair<std::uint32_t, Context>> seen;
  std::vector<std::pair<TypeId, Context>> work = {{type, context}};
  while (!work.empty()) {
    const auto [id, at] = work.back();
    work.pop_back();
    if (id == kNoType || !seen.emplace(id.value, at).second) continue;
    const Parts own = parts(id, at);
    if (own.hides_any || seen.size() > kMaxReached) return true;
    const TypeId target = types_.pointee(id);
    if (target != kNoType) {
      work.emplace_back(target, at);
      const bool is_pointer = types_.type(id).kind != TypeKind::kArray;
      if (dynamic_ && is_pointer) {
        for (const TypeId derived : dynamic_->link(target)) work.emplace_back(derived, at);
      }
    }
    const Type copy = types_.type(id);
    for (const Member& member : copy.members) work.emplace_back(member.type, of_member(copy, member, at));
  }
  return false;
}

}  // namespace backsight::probes
