#include "probes/redacted_types.h"

namespace backsight::probes {

using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

TypeId RedactedTypes::add(Type type) {
  const TypeKind kind = type.kind;
  const TypeId id = types_.add(std::move(type));
  // Of too many types the builder makes one that is unsupported.
  is_full_ = is_full_ || (kind != TypeKind::kUnsupported && types_.type(id).kind == TypeKind::kUnsupported);
  return id;
}

// Only its name and size: no names of its values, and nothing that it leads to.
TypeId RedactedTypes::hidden(const Type& type, std::vector<Redaction::Range> blanks) {
  Type opaque;
  opaque.kind = TypeKind::kRedacted;
  opaque.name = type.name;
  opaque.size_bytes = type.size_bytes;
  const TypeId id = add(std::move(opaque));
  if (!blanks.empty()) blanks_[id.value] = std::move(blanks);
  return id;
}

TypeId RedactedTypes::of(TypeId type, Context context) {
  if (type == kNoType) return kNoType;
  const auto key = std::pair(type.value, context);
  if (const auto it = made_.find(key); it != made_.end()) return it->second;
  const Redaction::Parts parts = redaction_.parts(type, context);
  if (parts.is_hidden) return made_[key] = hidden(types_.type(type), parts.ranges);
  const TypeId id = add(types_.type(type));
  made_[key] = id;
  if (is_full_) return id;
  if (!parts.ranges.empty()) blanks_[id.value] = parts.ranges;
  work_.push_back({type, id, context});
  return id;
}

void RedactedTypes::meet(TypeId type, Context context) {
  const auto [it, is_new] = met_.try_emplace(type.value, context);
  if (!is_new) it->second = redaction_.rules().join(it->second, context);
}

void RedactedTypes::fill(const Work& work) {
  const Type old = types_.type(work.from);
  const Redaction::Parts whole = redaction_.parts(work.from, work.context);
  Type made = old;
  made.target = of(old.target, work.context);
  for (Member& member : made.members) {
    const Context own = redaction_.of_member(old, member, work.context);
    const Redaction::Parts inner = redaction_.parts(member.type, own);
    const Type type = types_.type(member.type);
    if (!inner.is_hidden && is_shadowed(whole.ranges, member, type.size_bytes, inner.ranges)) {
      member.type = hidden(type, {});
    } else {
      member.type = of(member.type, own);
    }
  }
  if (old.dynamic != kNoType && dynamic_) {
    for (const TypeId derived : dynamic_->link(work.from)) meet(derived, work.context);
    Type link = types_.type(old.dynamic);
    link.target = work.made;
    made.dynamic = add(std::move(link));
  }
  types_.mutable_type(work.made) = std::move(made);
}

bool RedactedTypes::finish() {
  if (dynamic_) {
    for (const TypeId type : dynamic_->built()) meet(type, RedactRules::kNowhere);
  }
  for (bool is_done = false; !is_done && !is_full_;) {
    while (!work_.empty() && !is_full_) {
      const Work next = work_.back();
      work_.pop_back();
      fill(next);
    }
    is_done = true;
    const auto met = met_;
    for (const auto& [type, context] : met) {
      classes_[type] = of({type}, context);
      is_done = is_done && work_.empty();
    }
  }
  return !is_full_;
}

TypeId RedactedTypes::of_class(TypeId type) const {
  const auto it = classes_.find(type.value);
  return it == classes_.end() ? kNoType : it->second;
}

std::vector<TypeId> RedactedTypes::made_of(TypeId type) const {
  std::vector<TypeId> all;
  for (auto it = made_.lower_bound({type.value, 0}); it != made_.end() && it->first.first == type.value; ++it)
    all.push_back(it->second);
  return all;
}

const std::vector<Redaction::Range>* RedactedTypes::blanks(TypeId made) const {
  const auto it = blanks_.find(made.value);
  return it == blanks_.end() ? nullptr : &it->second;
}

}  // namespace backsight::probes
