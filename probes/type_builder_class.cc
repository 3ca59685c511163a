// The part of TypeBuilder for structures and unions: their members as declared, or
// the shape of a standard type; and pointers to members.
#include "probes/type_builder.h"
#include "probes/type_name.h"

#include <algorithm>

namespace backsight::probes {

using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr std::size_t kMaxMembers = 4096;
constexpr std::size_t kMaxNames = 1024;
constexpr int kMaxBases = 16;

bool is_vptr(const Die& die) {
  const char* name = die.name();
  return die.tag() == DW_TAG_member && die.flag(DW_AT_artificial) && name &&
         std::string_view(name).substr(0, 5) == "_vptr";
}

}  // namespace

std::optional<Member> TypeBuilder::member(const Die& die) {
  const bool is_base = die.tag() == DW_TAG_inheritance;
  if (!is_base && (!is_object_member(die) || is_vptr(die))) return std::nullopt;
  Member result;
  result.is_base = is_base;
  result.type = build_value(die.reference(DW_AT_type).value_or(0));
  const Type& type = nodes_[result.type.value].type;
  result.name = is_base ? type.name : std::string(die.name() ? die.name() : "");
  const auto offset = member_offset(die);
  if (!offset) {
    result.type = unsupported();
    return result;
  }
  result.offset_bytes = *offset;
  return die.has(DW_AT_bit_size) ? bit_field(die, std::move(result)) : std::optional(std::move(result));
}

std::optional<Member> TypeBuilder::bit_field(const Die& die, Member result) {
  const std::uint64_t bits = die.unsigned_value(DW_AT_bit_size).value_or(0);
  const Type& type = nodes_[result.type.value].type;
  if (bits == 0 && result.name.empty()) return std::nullopt;
  const auto position = bit_position(die, type.size_bytes);
  if (bits == 0 || bits > 64 || !position) {
    result.type = unsupported();
    return result;
  }
  // The storage unit where the field lies inside one; else the byte it begins in.
  const std::uint64_t unit_bits = type.size_bytes * 8;
  const bool fits = unit_bits != 0 && *position % unit_bits + bits <= unit_bits;
  result.offset_bytes = fits ? *position / unit_bits * type.size_bytes : *position / 8;
  result.bit_offset = static_cast<std::uint32_t>(*position - result.offset_bytes * 8);
  result.bit_size = static_cast<std::uint32_t>(bits);
  return result;
}

void TypeBuilder::fill_struct(TypeId id, const Die& die, TypeKind kind) {
  const Recognition known = recognise(layout_, die, nodes_[id.value].type.name);
  if (known.shape) return apply_shape(id, *known.shape);
  nodes_[id.value].type.kind = known.is_known ? TypeKind::kUnsupported : kind;
  if (known.is_known) return;
  std::vector<Member> members;
  bool is_variant = false;
  bool is_polymorphic = die.has(DW_AT_containing_type);
  for_each_child(die, [&](Die&& child) {
    const Dwarf_Half tag = child.tag();
    is_variant |= tag == DW_TAG_variant_part;
    is_polymorphic |= is_vptr(child);
    if (tag != DW_TAG_member && tag != DW_TAG_inheritance) return true;
    if (auto found = member(child)) {
      if (tag == DW_TAG_inheritance) is_polymorphic |= nodes_[found->type.value].type.is_polymorphic;
      members.push_back(std::move(*found));
    }
    return members.size() < kMaxMembers;
  });
  Type& type = nodes_[id.value].type;
  if (is_variant) {
    type.kind = TypeKind::kUnsupported;
    return;
  }
  type.is_polymorphic = is_polymorphic;
  std::stable_partition(members.begin(), members.end(), [](const Member& m) { return m.is_base; });
  type.members = std::move(members);
}

TypeId TypeBuilder::part(const Part& part) {
  if (part.form == Part::Form::kType) return build_value(part.type);
  if (part.form == Part::Form::kAddress) return pointer_to(build(0));
  if (part.form == Part::Form::kCallableObject) {
    Type object;
    object.kind = TypeKind::kStruct;
    object.container = schema::Container::kCallableObject;
    object.name = "callable object";
    object.offset_b = static_cast<std::uint32_t>(part.inner);
    object.size_bytes = part.inner + 8;
    return pointer_to(add(std::move(object)));
  }
  Type count;
  count.kind = TypeKind::kInteger;
  count.is_signed = true;
  count.size_bytes = part.inner_bytes;
  count.name = "use count";
  Type block;
  block.kind = TypeKind::kStruct;
  block.name = "control block";
  block.size_bytes = part.inner + part.inner_bytes;
  block.members.push_back({"use_count", add(std::move(count)), part.inner});
  return pointer_to(add(std::move(block)));
}

void TypeBuilder::apply_shape(TypeId id, const Shape& shape) {
  std::vector<Member> members;
  for (const Part& each : shape.parts) {
    Member member;
    member.type = part(each);
    member.name = each.name.empty() ? nodes_[member.type.value].type.name : each.name;
    member.offset_bytes = each.offset_bytes;
    members.push_back(std::move(member));
  }
  Node& node = nodes_[id.value];
  node.type.kind = shape.kind;
  node.type.container = shape.container;
  node.type.offset_a = static_cast<std::uint32_t>(shape.offset_a);
  node.type.offset_b = static_cast<std::uint32_t>(shape.offset_b);
  node.type.layout = shape.layout;
  node.type.count = shape.count;
  node.type.is_map = shape.is_map;
  node.type.members = std::move(members);
  if (!shape.target) return;
  node.pending = *shape.target;
  node.has_pending = true;
}

// A pair that the debug information does not have: its parts lie as the language says.
TypeId TypeBuilder::pair(const Target& target, bool is_whole) {
  const TypeId first = is_whole ? build(target.type) : stub(target.type);
  const TypeId second = is_whole ? build(target.mapped) : stub(target.mapped);
  const auto alignment = layout_.alignment(target.mapped);
  const auto first_alignment = layout_.alignment(target.type);
  if (!alignment || !first_alignment) return unsupported();
  Type type;
  type.kind = TypeKind::kStruct;
  type.name =
      "std::pair<" + nodes_[first.value].type.name + " const, " + nodes_[second.value].type.name + ">";
  type.members.push_back({"first", first, 0});
  type.members.push_back({"second", second, align_up(nodes_[first.value].type.size_bytes, *alignment)});
  type.size_bytes = align_up(type.members[1].offset_bytes + nodes_[second.value].type.size_bytes,
                             std::max(*alignment, *first_alignment));
  return add(std::move(type));
}

TypeId TypeBuilder::target(const Target& target, bool is_whole) {
  TypeId result = kNoType;
  if (target.mapped != 0) {
    result = pair(target, is_whole);
  } else {
    result = is_whole ? build(target.type) : stub(target.type);
  }
  if (target.count) result = array_of(result, *target.count);
  if (!target.node_offset) return result;
  const Type& value = nodes_[result.value].type;
  Type node;
  node.kind = TypeKind::kStruct;
  node.name = "node of " + value.name;
  node.size_bytes = *target.node_offset + value.size_bytes;
  node.members.push_back({"value", result, *target.node_offset});
  return add(std::move(node));
}

// Data members of the type that is pointed to, by offset; of several the first.
void TypeBuilder::name_data_members(const Die& owner, DieKey type, std::uint64_t offset, int depth,
                                    std::vector<schema::Enumerator>& names) const {
  if (depth > kMaxBases) return;
  const std::string scope = short_type_name(index_.qualified_name(owner));
  for_each_child(owner, [&](Die&& child) {
    const bool is_base = child.tag() == DW_TAG_inheritance;
    const auto at = member_offset(child);
    if (!at || (!is_base && !is_object_member(child))) return names.size() < kMaxNames;
    const DieKey own = layout_.complete(child.reference(DW_AT_type).value_or(0));
    const Die inner = session_.die(own);
    const bool is_nested = is_base || (!child.name() && inner && is_class_tag(inner.tag()));
    if (is_nested && inner) {
      name_data_members(inner, type, offset + *at, depth + 1, names);
    } else if (child.name() && !child.has(DW_AT_bit_size) &&
               (own == type || spelling(own) == spelling(type))) {  // the class may be another unit's
      names.push_back({scope + "::" + child.name(), static_cast<std::int64_t>(offset + *at)});
    }
    return names.size() < kMaxNames;
  });
}

// Virtual functions by their place in the table that the class shares with its first bases.
void TypeBuilder::name_virtual_functions(const Die& owner, int depth,
                                         std::vector<schema::Enumerator>& names) const {
  if (depth > kMaxBases) return;
  const std::string scope = short_type_name(index_.qualified_name(owner));
  for_each_child(owner, [&](Die&& child) {
    if (child.tag() == DW_TAG_inheritance && member_offset(child) == std::uint64_t{0}) {
      const Die base = layout_.definition(child.reference(DW_AT_type).value_or(0));
      if (base) name_virtual_functions(base, depth + 1, names);
    }
    const auto place = child.tag() == DW_TAG_subprogram ? child.block(DW_AT_vtable_elem_location)
                                                        : std::vector<std::uint8_t>();
    std::int64_t slot = 0;
    if (place.size() >= 2 && place.size() <= 4 && place[0] == DW_OP_constu) {
      for (std::size_t i = 1; i < place.size(); ++i) slot |= std::int64_t{place[i] & 0x7f} << (7 * (i - 1));
    } else if (place.size() == 1 && place[0] >= DW_OP_lit0 && place[0] <= DW_OP_lit31) {
      slot = place[0] - DW_OP_lit0;
    } else {
      return names.size() < kMaxNames;
    }
    // Nothing points to a destructor, and clang writes slot 0 for all of them.
    if (!child.name() || child.name()[0] == '~') return true;
    const auto same =
        std::find_if(names.begin(), names.end(), [&](const auto& one) { return one.value == slot; });
    const std::string name = scope + "::" + child.name();
    if (same != names.end()) {
      same->name = name;  // overridden here
    } else {
      names.push_back({name, slot});
    }
    return names.size() < kMaxNames;
  });
}

void TypeBuilder::fill_member_pointer(TypeId id, const Die& die) {
  const DieKey target = layout_.complete(die.reference(DW_AT_type).value_or(0));
  const Die owner = layout_.definition(die.reference(DW_AT_containing_type).value_or(0));
  const bool is_function = session_.die(target).tag() == DW_TAG_subroutine_type;
  std::vector<schema::Enumerator> names;
  if (owner && is_function) name_virtual_functions(owner, 0, names);
  if (owner && !is_function) name_data_members(owner, target, 0, 0, names);
  Type& type = nodes_[id.value].type;
  type.kind = owner ? TypeKind::kMemberPointer : TypeKind::kUnsupported;
  type.size_bytes = is_function ? 16 : 8;
  type.name = spelling(die.key());
  type.enumerators = std::move(names);
}

}  // namespace backsight::probes
