// Casts, and ranges whose elements are narrowed to a member.
#include "probes/expression_compiler.h"
#include "probes/expression_ops.h"
#include "probes/type_name.h"

namespace backsight::probes {

using schema::Expression;
using schema::kNoType;
using schema::Member;
using schema::Result;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

constexpr int kMaxAnonymous = 16;

}  // namespace

Result<TypeId> ExpressionCompiler::named_type(const Expression& expression) const {
  const TypeName wanted = parse_type_name(expression.text);
  TypeId type = kNoType;
  if (wanted.base == "void") {
    type = context_.types.build(0);
  } else {
    for (const std::string& spelling : type_spellings(wanted.base)) {
      const DieKey key = context_.index.type_named(spelling);
      if (key != 0) {
        type = context_.types.build(key);
        break;
      }
    }
  }
  if (type == kNoType) return error(expression, "no type '" + wanted.base + "' in this binary");
  for (int i = 0; i < wanted.pointers; ++i) type = context_.types.pointer_to(type);
  return type;
}

bool ExpressionCompiler::can_cast(const Type& from, const Type& to) const {
  const bool from_word = is_pointer(from) || from.kind == TypeKind::kInteger;
  const bool to_word = is_pointer(to) || to.kind == TypeKind::kInteger || to.kind == TypeKind::kEnum;
  return from_word && to_word && from.size_bytes == to.size_bytes;
}

bool ExpressionCompiler::lies_inside(TypeId derived, const std::string& base, bool is_moved,
                                     int depth) const {
  if (depth > kMaxAnonymous) return true;  // not known to be at the beginning
  for (const Member& candidate : context_.types.type(derived).members) {
    if (!candidate.is_base) continue;
    // The place of a virtual base is known at run time alone.
    const bool is_virtual = context_.types.type(candidate.type).kind == TypeKind::kUnsupported;
    const bool moved = is_moved || is_virtual || candidate.offset_bytes != 0;
    if (moved && candidate.name == base) return true;
    if (lies_inside(candidate.type, base, moved, depth + 1)) return true;
  }
  return false;
}

bool ExpressionCompiler::moves_pointer(TypeId from, TypeId to) const {
  if (!is_pointer(context_.types.type(from)) || !is_pointer(context_.types.type(to))) return false;
  const TypeId old_class = context_.types.pointee(from);
  const TypeId new_class = context_.types.pointee(to);
  if (old_class == kNoType || new_class == kNoType) return false;
  return lies_inside(old_class, context_.types.type(new_class).name, false, 0) ||
         lies_inside(new_class, context_.types.type(old_class).name, false, 0);
}

Result<Operand> ExpressionCompiler::cast(Operand value, const Expression& expression) {
  const auto target = named_type(expression);
  if (!target) return target.error();
  if (hides_after_cast(value, *target)) return redacted(expression);
  if (value.is_range) {
    if (value.projection_cast != kNoType)
      return refused(Unavailable::kUnsupportedType, expression, "two casts of a range are not supported yet");
    value.projection_cast = *target;
    return value;
  }
  auto object = look_through(std::move(value), expression, false);
  if (!object) return object;
  const Type& from = context_.types.type(object->type);
  const Type& to = context_.types.type(*target);
  if (!can_cast(from, to) || object->is_bit_field) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "a cast from " + from.name + " to " + to.name + " is not supported yet");
  }
  if (moves_pointer(object->type, *target)) {
    return refused(
        Unavailable::kUnsupportedType, expression,
        "a cast between a class and a base that does not lie at its beginning is not supported yet: " +
            context_.types.type(object->type).name + " to " + context_.types.type(*target).name,
        "members of a base can be named without a cast");
  }
  object->type = *target;
  return object;
}

bool ExpressionCompiler::has_members(TypeId type, const std::vector<std::string>& path) const {
  for (const std::string& step : path) {
    for (int i = 0; i < 4 && type != kNoType && is_pointer(context_.types.type(type)); ++i)
      type = context_.types.pointee(type);
    const auto found = type == kNoType ? std::nullopt : find_member(type, step, 0);
    if (!found) return false;
    type = found->type;
  }
  return true;
}

TypeId ExpressionCompiler::project(TypeId element, const std::vector<std::string>& path, TypeId cast) {
  const Type type = context_.types.type(element);
  if (path.empty()) {
    if (cast == kNoType) return element;
    return can_cast(type, context_.types.type(cast)) && !moves_pointer(element, cast) ? cast : kNoType;
  }
  if (is_pointer(type)) {
    const TypeId target = project(context_.types.pointee(element), path, cast);
    if (target == kNoType) return kNoType;
    const TypeId copy = context_.types.clone(element);
    context_.types.mutable_type(copy).target = target;
    return copy;
  }
  if (type.container != schema::Container::kNone) return kNoType;
  // Only a member of the type itself can be given a type of its own in a copy.
  const Member* found = nullptr;
  for (const Member& candidate : type.members) {
    if (candidate.name == path.front() && candidate.bit_size == 0) found = &candidate;
  }
  if (!found) {
    const auto inherited = find_member(element, path.front(), 0);
    return inherited && path.size() == 1 && cast == kNoType ? element : kNoType;
  }
  const TypeId inner = project(found->type, {path.begin() + 1, path.end()}, cast);
  if (inner == kNoType) return kNoType;
  const TypeId copy = context_.types.clone(element);
  for (Member& candidate : context_.types.mutable_type(copy).members) {
    if (candidate.name == found->name) candidate.type = inner;
  }
  Member only = *found;
  only.type = inner;
  followed_[copy.value] = only;
  return copy;
}

}  // namespace backsight::probes
