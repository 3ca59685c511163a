// One visitor over the expression tree, a method for each kind of node.
#include "probes/expression_compiler.h"

#include "probes/nearest.h"
#include "probes/shared_variables.h"
#include "probes/type_name.h"

namespace backsight::probes {

using schema::Error;
using schema::Expression;
using schema::ExpressionKind;
using schema::kNoType;
using schema::Member;
using schema::Result;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxAnonymous = 16;

void append(std::vector<bs_op>& to, const std::vector<bs_op>& ops) {
  to.insert(to.end(), ops.begin(), ops.end());
}

void add_constant(std::vector<bs_op>& ops, std::uint64_t amount) {
  if (amount == 0) return;
  if (!ops.empty() && (ops.back().code == BS_OP_ADD_CONST || ops.back().code == BS_OP_PUSH_REG ||
                       ops.back().code == BS_OP_PUSH_IP_REL)) {
    ops.back().d += amount;
  } else {
    ops.push_back(make_op(BS_OP_ADD_CONST, 0, 0, 0, amount));
  }
}

// The value itself on the stack: loads it where it is in memory. The upper part of
// a register that holds a narrow value means nothing.
std::vector<bs_op> loaded(const Operand& operand, std::uint64_t size, bool is_signed) {
  std::vector<bs_op> ops = operand.source.ops;
  if (operand.source.in_memory)
    ops.push_back(make_op(BS_OP_LOAD, static_cast<std::uint8_t>(size), is_signed));
  else if (size < 8)
    ops.push_back(make_op(BS_OP_EXTEND, static_cast<std::uint8_t>(size), is_signed));
  return ops;
}

bool is_literal(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kInteger:
    case ExpressionKind::kFloat:
    case ExpressionKind::kString:
    case ExpressionKind::kBool:
    case ExpressionKind::kNull:
      return true;
    default:
      return false;
  }
}

bool is_pointer(const Type& type) {
  return type.kind == TypeKind::kPointer || type.kind == TypeKind::kReference;
}

}  // namespace

Error ExpressionCompiler::error(const Expression& at, const std::string& message, std::string hint) const {
  return schema::expression_error(text_, at.begin, message, std::move(hint));
}

Error ExpressionCompiler::refused(Unavailable reason, const Expression& at, const std::string& message,
                                  std::string hint) {
  refusal_ = reason;
  return error(at, message, std::move(hint));
}

// Points at the name of the member, not at what it is a member of.
Error ExpressionCompiler::member_error(const Expression& at, const std::string& message,
                                       std::string hint) const {
  const std::size_t begin =
      at.kind == ExpressionKind::kMember && at.end >= at.text.size() ? at.end - at.text.size() : at.begin;
  return schema::expression_error(text_, begin, message, std::move(hint));
}

Result<Operand> ExpressionCompiler::compile(const std::string& text) {
  text_ = text;
  refusal_ = Unavailable::kNone;
  auto tree = schema::parse_expression(text);
  if (!tree) return tree.error();
  auto operand = evaluate(**tree, 0);
  if (!operand) return operand;
  if (operand->is_bit_field) {
    return refused(Unavailable::kUnsupportedType, **tree, "a bit-field by itself is not supported yet",
                   "capture the structure that holds it");
  }
  return operand;
}

Operand ExpressionCompiler::parameter(const Parameter& parameter) {
  Operand operand;
  operand.type = context_.types.build(parameter.type);
  if (parameter.die == 0) {
    operand.source =
        unavailable_source(Unavailable::kOptimizedOut, "the compiler dropped it from this function");
    return operand;
  }
  const std::uint64_t size = context_.types.type(operand.type).size_bytes;
  operand.source = context_.locations.locate(context_.session.die(parameter.die), size);
  return operand;
}

Operand ExpressionCompiler::return_value() {
  Operand operand;
  operand.at_return = true;
  operand.type = context_.types.build(context_.function.return_type.value_or(0));
  if (!context_.function.return_is_dropped.empty()) {
    operand.source = unavailable_source(Unavailable::kOptimizedOut, context_.function.return_is_dropped);
  } else {
    operand.source = locate_return_value(context_.session, context_.types, operand.type, first_parameter());
  }
  return operand;
}

FirstParameter ExpressionCompiler::first_parameter() {
  if (context_.function.parameters.empty()) return FirstParameter::kUnknown;
  const Operand first = parameter(context_.function.parameters.front());
  const TypeKind kind = context_.types.type(first.type).kind;
  const bool is_word = kind == TypeKind::kInteger || kind == TypeKind::kPointer ||
                       kind == TypeKind::kReference || kind == TypeKind::kBool || kind == TypeKind::kChar ||
                       kind == TypeKind::kEnum;
  const bool in_register = first.source.unavailable == Unavailable::kNone && !first.source.in_memory &&
                           first.source.ops.size() == 1 && first.source.ops[0].code == BS_OP_PUSH_REG &&
                           first.source.ops[0].d == 0;
  if (!is_word || !in_register) return FirstParameter::kUnknown;
  if (first.source.ops[0].a == BS_RDI) return FirstParameter::kInRdi;
  return first.source.ops[0].a == BS_RSI ? FirstParameter::kInRsi : FirstParameter::kUnknown;
}

Result<Operand> ExpressionCompiler::evaluate(const Expression& expression, int depth) {
  if (depth > kMaxDepth)
    return refused(Unavailable::kUnsupportedType, expression, "the expression is nested too deeply");
  switch (expression.kind) {
    case ExpressionKind::kName:
      return name(expression);
    case ExpressionKind::kMember:
    case ExpressionKind::kIndex:
    case ExpressionKind::kRange:
    case ExpressionKind::kCast: {
      auto base = evaluate(*expression.children.at(0), depth + 1);
      if (!base) return base;
      if (expression.kind == ExpressionKind::kMember) return member(std::move(*base), expression);
      if (base->is_range && expression.kind != ExpressionKind::kCast)
        return refused(Unavailable::kUnsupportedType, expression, "this after a range is not supported yet");
      if (expression.kind == ExpressionKind::kIndex) return index(std::move(*base), expression, depth);
      if (expression.kind == ExpressionKind::kRange) return range(std::move(*base), expression, depth);
      return cast(std::move(*base), expression);
    }
    case ExpressionKind::kUnary: {
      if (expression.text != "*") break;
      auto base = evaluate(*expression.children.at(0), depth + 1);
      if (!base) return base;
      auto target = look_through(std::move(*base), expression, false);
      return target ? dereference(std::move(*target), expression) : target;
    }
    default:
      break;
  }
  // A name in it that is unknown says more than that it cannot be computed.
  for (const schema::ExpressionPtr& child : expression.children) {
    if (is_literal(*child)) continue;
    const auto part = evaluate(*child, depth + 1);
    if (!part && refusal_ == Unavailable::kNone) return part.error();
  }
  return refused(Unavailable::kUnsupportedType, expression,
                 "this kind of expression is not supported yet in captures",
                 "capture the values it is made of; the query tools can compute with them");
}

Result<Operand> ExpressionCompiler::name(const Expression& expression) {
  const std::string& wanted = expression.text;
  if (wanted == "ret") {
    if (!context_.function.return_type) return error(expression, context_.function.name + " returns nothing");
    return return_value();
  }
  for (const Parameter& candidate : context_.function.parameters) {
    if (candidate.name == wanted) return parameter(candidate);
  }
  // A member of *this may be named alone, as in the function itself.
  for (const Parameter& self : context_.function.parameters) {
    if (!self.is_artificial || self.name != "this") continue;
    Operand operand = parameter(self);
    const TypeId target = context_.types.pointee(operand.type);
    if (target != kNoType && find_member(target, wanted, 0)) return member(std::move(operand), expression);
  }
  std::vector<DieKey> globals;
  std::string scope = context_.function.name;
  while (globals.empty()) {
    const auto separator = scope.rfind("::");
    scope = separator == std::string::npos ? std::string() : scope.substr(0, separator);
    globals = context_.index.variables_named(scope.empty() ? wanted : scope + "::" + wanted);
    if (scope.empty()) break;
  }
  if (globals.size() == 1) return global(expression, globals.front());
  const Unit* unit = context_.session.unit_of(context_.function.die);
  for (const DieKey candidate : globals) {
    if (unit && candidate >= unit->die && candidate < unit->end) return global(expression, candidate);
  }
  if (!globals.empty()) {
    return error(expression, "there are several globals '" + wanted + "', none of them in the file of " +
                                 context_.function.name);
  }
  return error(expression, "no parameter, member or global '" + wanted + "' in " + context_.function.name,
               suggestion(nearest(wanted, kNoType)));
}

Result<Operand> ExpressionCompiler::global(const Expression& expression, DieKey key) {
  const Die die = context_.session.die(key);
  DieKey type = die.reference(DW_AT_type).value_or(0);
  if (const auto origin = die.reference(DW_AT_specification); origin && type == 0) {
    type = context_.session.die(*origin).reference(DW_AT_type).value_or(0);
  }
  if (type == 0) return error(expression, "the type of '" + expression.text + "' is not known");
  Operand operand;
  operand.type = context_.types.build(type);
  const auto declaration = die.reference(DW_AT_specification);
  const bool is_external =
      die.flag(DW_AT_external) || (declaration && context_.session.die(*declaration).flag(DW_AT_external));
  if (context_.is_library && is_external) {
    const char* linkage = die.text(DW_AT_linkage_name);
    const Die declared = declaration ? context_.session.die(*declaration) : Die();
    if (!linkage) linkage = declared.text(DW_AT_linkage_name);
    if (!linkage) linkage = die.name();
    if (!linkage) linkage = declared.name();
    const auto place = context_.shared && linkage ? context_.shared->find(linkage) : SharedVariables::Place();
    if (!place.is_own) {
      operand.source = context_.locations.through_slot(place.slot);
      return operand;
    }
  }
  operand.source = context_.locations.locate(die, context_.types.type(operand.type).size_bytes);
  return operand;
}

Result<Operand> ExpressionCompiler::dereference(Operand pointer, const Expression& expression) {
  const Type type = context_.types.type(pointer.type);
  if (!is_pointer(type)) return error(expression, type.name + " is not a pointer");
  const TypeId target = context_.types.pointee(pointer.type);
  const TypeKind kind = target == kNoType ? TypeKind::kVoid : context_.types.type(target).kind;
  if (kind == TypeKind::kVoid || kind == TypeKind::kFunction) {
    return error(expression, "a " + type.name + " cannot be followed",
                 "cast it to what it points to, (Type*)x");
  }
  pointer.source.ops = loaded(pointer, 8, false);
  pointer.source.in_memory = true;
  pointer.type = target;
  pointer.is_bit_field = false;
  return pointer;
}

Result<Operand> ExpressionCompiler::look_through(Operand operand, const Expression& expression,
                                                 bool pointers_too) {
  for (int i = 0; i < 4; ++i) {
    const TypeKind kind = context_.types.type(operand.type).kind;
    if (kind != TypeKind::kReference && !(pointers_too && kind == TypeKind::kPointer)) break;
    auto next = dereference(std::move(operand), expression);
    if (!next) return next;
    operand = std::move(*next);
    if (kind == TypeKind::kPointer) break;
  }
  return operand;
}

// Also in anonymous members and base classes; the offset counts from the start of `type`.
std::optional<Member> ExpressionCompiler::find_member(TypeId type, const std::string& wanted,
                                                      int depth) const {
  if (depth > kMaxAnonymous) return std::nullopt;
  const Type& layout = context_.types.type(type);
  for (const Member& candidate : layout.members) {
    if (candidate.name == wanted) return candidate;
  }
  for (const Member& candidate : layout.members) {
    if (!candidate.is_base && !candidate.name.empty()) continue;
    if (auto found = find_member(candidate.type, wanted, depth + 1)) {
      found->offset_bytes += candidate.offset_bytes;
      return found;
    }
  }
  return std::nullopt;
}

Result<Operand> ExpressionCompiler::member(Operand base, const Expression& expression) {
  if (base.is_range) {
    if (base.projection_cast != kNoType)
      return refused(Unavailable::kUnsupportedType, expression,
                     "a member of a cast range is not supported yet");
    // Checked against the element's type when the projection is made.
    base.projection.push_back(expression.text);
    return base;
  }
  auto object = look_through(std::move(base), expression, true);
  if (!object) return object;
  const Type type = context_.types.type(object->type);
  if (type.kind == TypeKind::kUndefined || type.kind == TypeKind::kUnsupported) {
    return refused(
        type.kind == TypeKind::kUndefined ? Unavailable::kUndefinedType : Unavailable::kUnsupportedType,
        expression,
        "the members of " + type.name + " are not known: its type is " +
            (type.kind == TypeKind::kUndefined ? "only declared" : "not supported yet"));
  }
  const auto found = find_member(object->type, expression.text, 0);
  if (!found) {
    const std::string what = type.members.empty() ? type.name + " has no members that can be named"
                                                  : "no member '" + expression.text + "' in " + type.name;
    return member_error(expression, what, suggestion(nearest(expression.text, object->type)));
  }
  object->type = found->type;
  object->is_bit_field = found->bit_size != 0;
  if (object->source.unavailable != Unavailable::kNone) return object;
  if (object->source.in_memory) {
    add_constant(object->source.ops, found->offset_bytes);
    return object;
  }
  // A structure in registers: a member that begins a register.
  std::vector<bs_op> slot = object->source.slot(found->offset_bytes / 8);
  const bool simple =
      found->offset_bytes % 8 == 0 && context_.types.type(found->type).size_bytes <= 8 && !slot.empty();
  if (!simple)
    return refused(Unavailable::kUnsupportedType, expression,
                   "this member of a structure in registers is not supported yet",
                   "capture the whole structure");
  object->source.ops = std::move(slot);
  object->source.slots.clear();
  return object;
}

Result<Operand> ExpressionCompiler::elements(Operand base, const Expression& expression) {
  auto object = look_through(std::move(base), expression, false);
  if (!object) return object;
  const Type type = context_.types.type(object->type);
  const bool is_vector = type.container == schema::Container::kVector;
  if (type.kind == TypeKind::kPointer) return dereference(std::move(*object), expression);
  if (type.kind != TypeKind::kArray && !is_vector) return error(expression, type.name + " has no elements");
  if (object->source.unavailable == Unavailable::kNone && !object->source.in_memory) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "elements of an object in registers are not supported yet");
  }
  object->type = is_vector ? context_.types.pointee(object->type) : type.target;
  if (is_vector) {
    object->end = object->source.ops;
    add_constant(object->end, type.offset_b);
    object->end.push_back(make_op(BS_OP_LOAD, 8));
    add_constant(object->source.ops, type.offset_a);
    object->source.ops.push_back(make_op(BS_OP_LOAD, 8));
  } else if (type.count > 0) {
    object->fixed_count = type.count;
    object->end = object->source.ops;
    add_constant(object->end, type.size_bytes);
  }
  return object;
}

Result<ExpressionCompiler::Integer> ExpressionCompiler::integer(const Expression& expression, int depth,
                                                                bool at_return) {
  if (expression.kind == ExpressionKind::kInteger) {
    return Integer{{make_op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(expression.integer))},
                   expression.integer};
  }
  if (expression.kind == ExpressionKind::kUnary && expression.text == "-" &&
      expression.children.at(0)->kind == ExpressionKind::kInteger) {
    const std::uint64_t value = 0 - static_cast<std::uint64_t>(expression.children.at(0)->integer);
    return Integer{{make_op(BS_OP_PUSH_CONST, 0, 0, 0, value)}, static_cast<std::int64_t>(value)};
  }
  if (expression.kind == ExpressionKind::kBinary &&
      (expression.text == "+" || expression.text == "-" || expression.text == "*")) {
    auto left = integer(*expression.children.at(0), depth + 1, at_return);
    if (!left) return left;
    auto right = integer(*expression.children.at(1), depth + 1, at_return);
    if (!right) return right;
    append(left->ops, right->ops);
    left->ops.push_back(make_op(expression.text == "+"   ? BS_OP_ADD
                                : expression.text == "-" ? BS_OP_SUB
                                                         : BS_OP_MUL));
    left->constant.reset();
    return left;
  }
  auto operand = evaluate(expression, depth + 1);
  if (!operand) return operand.error();
  auto value = look_through(std::move(*operand), expression, false);
  if (!value) return value.error();
  const Type& type = context_.types.type(value->type);
  if ((type.kind != TypeKind::kInteger && type.kind != TypeKind::kEnum) || value->is_bit_field ||
      value->is_range) {
    return error(expression, "a bound must be an integer");
  }
  if (value->at_return != at_return) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "values of entry and of return in one capture are not supported yet");
  }
  if (value->source.unavailable != Unavailable::kNone) {
    return refused(value->source.unavailable, expression,
                   std::string("the bound is not available: ") + value->source.why);
  }
  if (type.size_bytes != 1 && type.size_bytes != 2 && type.size_bytes != 4 && type.size_bytes != 8)
    return refused(Unavailable::kUnsupportedType, expression,
                   "a bound of " + std::to_string(type.size_bytes) + " bytes is not supported yet");
  return Integer{loaded(*value, type.size_bytes, type.is_signed), std::nullopt};
}

Result<Operand> ExpressionCompiler::index(Operand base, const Expression& expression, int depth) {
  auto object = elements(std::move(base), expression);
  if (!object) return object;
  auto position = integer(*expression.children.at(1), depth, object->at_return);
  if (!position) return position.error();
  const std::uint64_t size = context_.types.type(object->type).size_bytes;
  // Beyond the end lies something else: only a constant within a fixed array is safe.
  if (!object->end.empty() && !object->fixed_count) {
    return refused(Unavailable::kUnsupportedType, expression, "one element of a vector is not supported yet",
                   "capture a range, v[i..i+1]");
  }
  if (object->fixed_count) {
    if (!position->constant) {
      return refused(Unavailable::kUnsupportedType, expression,
                     "a variable index of a fixed array is not supported yet", "capture a range, a[i..i+1]");
    }
    if (*position->constant < 0 || static_cast<std::uint64_t>(*position->constant) >= *object->fixed_count) {
      return error(*expression.children.at(1), "the index is outside of the array of " +
                                                   std::to_string(*object->fixed_count) + " elements");
    }
  }
  object->fixed_count.reset();
  object->end.clear();
  if (object->source.unavailable != Unavailable::kNone) return object;
  if (position->constant) {
    add_constant(object->source.ops, static_cast<std::uint64_t>(*position->constant) * size);
    return object;
  }
  append(object->source.ops, position->ops);
  object->source.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, size));
  object->source.ops.push_back(make_op(BS_OP_MUL));
  object->source.ops.push_back(make_op(BS_OP_ADD));
  return object;
}

Result<Operand> ExpressionCompiler::range(Operand base, const Expression& expression, int depth) {
  auto object = elements(std::move(base), expression);
  if (!object) return object;
  auto from = integer(*expression.children.at(1), depth, object->at_return);
  if (!from) return from.error();
  auto to = integer(*expression.children.at(2), depth, object->at_return);
  if (!to) return to.error();
  const std::uint64_t size = context_.types.type(object->type).size_bytes;
  if (from->constant && *from->constant < 0)
    return error(*expression.children.at(1), "a range begins at 0 or later");
  if (from->constant && to->constant) {
    if (*to->constant < *from->constant) return error(expression, "the range ends before it begins");
    if (object->fixed_count) {
      const auto count = static_cast<std::int64_t>(*object->fixed_count);
      to->constant = std::min(*to->constant, count);
      from->constant = std::min(*from->constant, *to->constant);
      object->end.clear();
    }
    to->ops = {
        make_op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(*to->constant - *from->constant))};
  } else if (!from->constant || *from->constant != 0) {
    append(to->ops, from->ops);
    to->ops.push_back(make_op(BS_OP_SUB));
  }
  object->is_range = true;
  object->count = std::move(to->ops);
  if (object->source.unavailable != Unavailable::kNone) return object;
  if (from->constant) {
    add_constant(object->source.ops, static_cast<std::uint64_t>(*from->constant) * size);
  } else {
    if (!object->end.empty()) object->begin = object->source.ops;
    append(object->source.ops, from->ops);
    object->source.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, size));
    object->source.ops.push_back(make_op(BS_OP_MUL));
    object->source.ops.push_back(make_op(BS_OP_ADD));
  }
  return object;
}

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

std::vector<std::string> ExpressionCompiler::nearest(const std::string& wanted, TypeId of_type) const {
  NearestNames names(wanted);
  if (of_type != kNoType) {
    for (const Member& candidate : context_.types.type(of_type).members) names.offer(candidate.name);
    return names.names();
  }
  for (const Parameter& candidate : context_.function.parameters) names.offer(candidate.name);
  context_.index.for_each_variable_name([&](const std::string& candidate) { names.offer(candidate); });
  return names.names();
}

}  // namespace backsight::probes
