#include "probes/dynamic_types.h"

#include "probes/type_name.h"

#include <algorithm>

namespace backsight::probes {

using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxVirtualBases = 64;

bool is_plain_class(const Type& type) {
  return type.kind == TypeKind::kStruct && type.container == schema::Container::kNone;
}

}  // namespace

std::vector<TypeId> DynamicTypes::link(TypeId id) {
  if (const auto known = linked_.find(id.value); known != linked_.end()) return known->second;
  auto& result = linked_[id.value];
  const DieKey die = types_.die_of(id);
  if (!is_plain_class(types_.type(id)) || die == 0 || static_.contains(id.value)) return result;
  if (!classes_.is_polymorphic(die)) return result;
  types_.mutable_type(id).is_polymorphic = true;
  std::vector<TypeId> classes;
  for (const DynamicClass* type : classes_.derived_from(die)) {
    const auto known = built_.find(type);
    if (classes.size() >= kMaxClasses || (known == built_.end() && built_.size() >= kMaxPlanClasses)) {
      ++left_out_;
      continue;
    }
    const TypeId built = known != built_.end() ? known->second : complete(*type);
    if (built == kNoType) continue;
    if (known == built_.end()) {
      built_[type] = built;
      order_.push_back(type);
    }
    classes.push_back(built);
  }
  if (classes.empty()) return result;
  Type link;
  link.kind = TypeKind::kDynamicLink;
  link.size_bytes = 16;
  link.target = id;
  link.name = types_.type(id).name;
  const TypeId link_id = types_.add(std::move(link));
  if (types_.type(link_id).kind != TypeKind::kDynamicLink) return result;  // too many types
  types_.mutable_type(id).dynamic = link_id;
  return result = std::move(classes);
}

TypeId DynamicTypes::static_pointer(TypeId pointer) {
  const TypeKind kind = types_.type(pointer).kind;
  if (kind != TypeKind::kPointer && kind != TypeKind::kReference) return pointer;
  const TypeId target = types_.pointee(pointer);
  if (target == kNoType || !is_plain_class(types_.type(target))) return pointer;
  if (!classes_.is_polymorphic(types_.die_of(target))) return pointer;
  const TypeId own = types_.clone(target);
  const TypeId result = types_.clone(pointer);
  if (own == target || result == pointer) return pointer;  // too many types
  static_.insert(own.value);
  types_.mutable_type(own).is_polymorphic = false;
  types_.mutable_type(own).dynamic = kNoType;
  types_.mutable_type(result).target = own;
  return result;
}

bool DynamicTypes::has_virtual_bases(DieKey die, int depth) const {
  if (depth > kMaxDepth || die == 0) return false;
  const auto bases = classes_.bases_of(die);
  return std::any_of(bases.begin(), bases.end(), [&](const BaseClass& base) {
    return base.is_virtual || has_virtual_bases(base.die, depth + 1);
  });
}

TypeId DynamicTypes::complete(const DynamicClass& type) {
  const TypeId plain = types_.build(type.die);
  if (!is_plain_class(types_.type(plain)) || types_.type(plain).size_bytes == 0) return kNoType;
  // A class inside a function has its own name alone there.
  const std::string whole_name = short_type_name(type.name);
  if (whole_name.ends_with("::" + types_.type(plain).name)) types_.mutable_type(plain).name = whole_name;
  if (!has_virtual_bases(type.die, 0)) return plain;
  Layout layout{type, {}};
  const TypeId whole = subobject(layout, type.die, 0, 0);
  if (whole == plain) return plain;
  // The list grows while it is worked off: virtual bases have such, too.
  for (std::size_t i = 0; i < layout.virtual_bases.size() && i < kMaxVirtualBases; ++i) {
    const VirtualBase base = layout.virtual_bases[i];
    Member member;
    member.type = subobject(layout, base.die, base.offset, 1);
    member.name = types_.type(member.type).name;
    member.offset_bytes = base.offset;
    member.is_base = true;
    auto& members = types_.mutable_type(whole).members;
    const auto own = std::find_if(members.begin(), members.end(), [](const Member& m) { return !m.is_base; });
    members.insert(own, std::move(member));
  }
  return whole;
}

// The part of class `die` at `offset`, without its virtual bases: these are noted.
TypeId DynamicTypes::subobject(Layout& layout, DieKey die, std::uint64_t offset, int depth) {
  const TypeId plain = types_.build(die);
  if (depth > kMaxDepth || !has_virtual_bases(die, 0)) return plain;
  const auto bases = classes_.bases_of(die);
  const auto is_base = [](const Member& member) { return member.is_base; };
  std::vector<Member> members = types_.type(plain).members;
  if (static_cast<std::size_t>(std::count_if(members.begin(), members.end(), is_base)) != bases.size()) {
    return plain;
  }
  const TypeId part = types_.clone(plain);
  if (part == plain) return plain;
  std::vector<Member> kept;
  for (std::size_t i = 0; i < members.size(); ++i) {
    Member member = std::move(members[i]);
    if (i < bases.size() && bases[i].is_virtual) {
      const auto place = classes_.virtual_base_offset(layout.type, offset, bases[i]);
      const bool fits = place && *place < types_.type(types_.build(layout.type.die)).size_bytes;
      if (fits && bases[i].die != 0) {
        const auto& name = types_.type(types_.build(bases[i].die)).name;
        const auto same = [&](const VirtualBase& known) {
          return known.offset == *place && types_.type(types_.build(known.die)).name == name;
        };
        if (std::none_of(layout.virtual_bases.begin(), layout.virtual_bases.end(), same)) {
          layout.virtual_bases.push_back({bases[i].die, *place});
        }
        continue;
      }
    } else if (i < bases.size() && bases[i].die != 0) {
      member.type = subobject(layout, bases[i].die, offset + member.offset_bytes, depth + 1);
    }
    kept.push_back(std::move(member));
  }
  types_.mutable_type(part).members = std::move(kept);
  return part;
}

std::vector<TypeId> DynamicTypes::built() const {
  std::vector<TypeId> all;
  for (const DynamicClass* type : order_) all.push_back(built_.at(type));
  return all;
}

std::vector<Vtable> DynamicTypes::vtables(const std::vector<TypeId>& renumbered) const {
  std::vector<Vtable> tables;
  for (const DynamicClass* type : order_) {
    const TypeId id = built_.at(type);
    if (id.value >= renumbered.size() || renumbered[id.value] == kNoType) continue;
    tables.push_back({type->address, renumbered[id.value]});
  }
  std::sort(tables.begin(), tables.end(),
            [](const Vtable& left, const Vtable& right) { return left.address < right.address; });
  return tables;
}

}  // namespace backsight::probes
