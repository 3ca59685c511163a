// The rest of TypeBuilder: what a table must hold, and how types are written.
#include "probes/type_builder.h"

#include "probes/type_name.h"

namespace backsight::probes {

using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr int kMaxSpelling = 16;

}  // namespace

// Pointers, references and vectors that a value of this type holds by value.
void TypeBuilder::collect_pointers(TypeId id, std::vector<bool>& seen, std::vector<TypeId>& pointers) const {
  std::vector<TypeId> work = {id};
  while (!work.empty()) {
    const TypeId at = work.back();
    work.pop_back();
    if (at == kNoType || seen[at.value]) continue;
    seen[at.value] = true;
    const Node& node = nodes_[at.value];
    const bool leads_on = node.type.kind == TypeKind::kPointer || node.type.kind == TypeKind::kReference ||
                          node.type.container != schema::Container::kNone;
    if (leads_on) pointers.push_back(at);
    if (node.type.kind == TypeKind::kArray) work.push_back(node.type.target);
    for (const Member& member : node.type.members) work.push_back(member.type);
  }
}

// Whether what it points to may be of a class that derives from the target.
bool TypeBuilder::leads_to_object(TypeId id) const {
  const Type& type = nodes_[id.value].type;
  return type.kind == TypeKind::kPointer || type.kind == TypeKind::kReference ||
         type.container == schema::Container::kSmartPointer ||
         type.container == schema::Container::kWeakPointer;
}

void TypeBuilder::finish(const std::vector<TypeId>& roots, std::uint32_t depth) {
  std::vector<TypeId> frontier = roots;
  std::vector<bool> seen(nodes_.size());
  for (std::uint32_t level = 0; level < depth && !frontier.empty(); ++level) {
    std::vector<TypeId> pointers;
    for (const TypeId id : frontier) {
      seen.resize(nodes_.size());
      collect_pointers(id, seen, pointers);
    }
    frontier.clear();
    for (const TypeId id : pointers) {
      const TypeId target = pointee(id);
      if (target == kNoType) continue;
      frontier.push_back(target);
      if (!alternatives_ || !leads_to_object(id)) continue;
      for (const TypeId alternative : alternatives_(target)) frontier.push_back(alternative);
    }
  }
  // A stub may itself be a pointer: the list grows while it is worked off.
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].has_pending) continue;
    const Target pending = nodes_[i].pending;
    nodes_[i].has_pending = false;
    const TypeId found = target(pending, false);
    nodes_[i].type.target = found;
  }
}

// A type that is beyond the depth: structures by name and size, others whole.
TypeId TypeBuilder::stub(DieKey key) {
  DieKey alias = 0;
  key = strip_qualifiers(session_, key, &alias);
  if (key == 0) return build(0);
  if (const auto it = built_.find(key); it != built_.end()) return it->second;
  const Die die = session_.die(key);
  const Dwarf_Half tag = die.tag();
  const bool is_class = tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
  if (!is_class && tag != DW_TAG_array_type) return build(key);
  if (const auto it = stubs_.find(key); it != stubs_.end()) return it->second;
  Type type;
  type.kind = tag == DW_TAG_union_type ? TypeKind::kUnion : TypeKind::kStruct;
  if (die.has(DW_AT_declaration) || !is_class) type.kind = TypeKind::kUndefined;
  type.name = is_class ? index_.qualified_name(die) : spelling(key);
  if (type.name.empty() && alias != 0) type.name = index_.qualified_name(session_.die(alias));
  type.name = short_type_name(std::move(type.name));
  type.size_bytes = die.unsigned_value(DW_AT_byte_size).value_or(0);
  const TypeId id = add(std::move(type));
  stubs_[key] = id;
  return id;
}

schema::TypeTable TypeBuilder::take(const std::vector<TypeId>& roots, std::vector<TypeId>& renumbered) {
  renumbered.assign(nodes_.size(), kNoType);
  std::vector<TypeId> order;
  const auto reach = [&](TypeId id) {
    if (id == kNoType || id.value >= nodes_.size() || renumbered[id.value] != kNoType) return;
    renumbered[id.value] = {static_cast<std::uint32_t>(order.size())};
    order.push_back(id);
  };
  for (const TypeId root : roots) reach(root);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Type& type = nodes_[order[i].value].type;
    reach(type.target);
    reach(type.dynamic);
    for (const Member& member : type.members) reach(member.type);
  }
  const auto renumber = [&](TypeId id) { return id == kNoType ? kNoType : renumbered[id.value]; };
  schema::TypeTable table;
  table.reserve(order.size());
  for (const TypeId id : order) {
    Type type = nodes_[id.value].type;
    type.target = renumber(type.target);
    type.dynamic = renumber(type.dynamic);
    for (Member& member : type.members) member.type = renumber(member.type);
    table.push_back(std::move(type));
  }
  return table;
}

std::string TypeBuilder::spelling(DieKey key, int depth) const {
  if (key == 0) return "void";
  const Die die = session_.die(key);
  if (depth > kMaxSpelling || !die) return "?";
  const DieKey inner = die.reference(DW_AT_type).value_or(0);
  switch (die.tag()) {
    case DW_TAG_const_type:
      return spelling(inner, depth + 1) + " const";
    case DW_TAG_volatile_type:
      return spelling(inner, depth + 1) + " volatile";
    case DW_TAG_restrict_type:
      return spelling(inner, depth + 1) + " restrict";
    case DW_TAG_atomic_type:
      return spelling(inner, depth + 1);
    case DW_TAG_pointer_type: {
      const std::string target = spelling(inner, depth + 1);
      const auto function = target.find(" (");
      const Die target_die = session_.die(inner);
      if (target_die && target_die.tag() == DW_TAG_subroutine_type && function != std::string::npos) {
        return target.substr(0, function) + " (*)" + target.substr(function + 1);
      }
      return target + "*";
    }
    case DW_TAG_reference_type:
      return spelling(inner, depth + 1) + "&";
    case DW_TAG_rvalue_reference_type:
      return spelling(inner, depth + 1) + "&&";
    case DW_TAG_array_type:
      return spelling(inner, depth + 1) + " []";
    case DW_TAG_ptr_to_member_type: {
      const std::string owner = spelling(die.reference(DW_AT_containing_type).value_or(0), depth + 1);
      const std::string target = spelling(inner, depth + 1);
      const auto function =
          session_.die(inner).tag() == DW_TAG_subroutine_type ? target.find(" (") : std::string::npos;
      if (function == std::string::npos) return target + " " + owner + "::*";
      return target.substr(0, function) + " (" + owner + "::*)" + target.substr(function + 1);
    }
    case DW_TAG_subroutine_type: {
      std::string parameters;
      for_each_child(die, [&](Die&& child) {
        if (child.tag() != DW_TAG_formal_parameter || child.flag(DW_AT_artificial)) return true;
        parameters += parameters.empty() ? "" : ", ";
        parameters += spelling(child.reference(DW_AT_type).value_or(0), depth + 1);
        return parameters.size() < 1024;
      });
      return spelling(inner, depth + 1) + " (" + parameters + ")";
    }
    default: {
      const std::string name = index_.qualified_name(die);
      return name.empty() ? "{unnamed}" : short_type_name(name);
    }
  }
}

}  // namespace backsight::probes
