// One visitor over the expression tree, a method for each kind of node.
#include "probes/expression_compiler.h"

#include "probes/argument_place.h"
#include "probes/argument_registers.h"
#include "probes/class_passing.h"
#include "probes/expression_ops.h"
#include "probes/nearest.h"
#include "probes/redaction.h"
#include "probes/shared_variables.h"
#include "probes/type_name.h"
#include "probes/value_class.h"
#include "probes/variable_names.h"

#include <set>

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
constexpr int kMaxWrappers = 8;

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

void ExpressionCompiler::begin(const std::string& text) {
  text_ = text;
  refusal_ = Unavailable::kNone;
}

Result<Operand> ExpressionCompiler::part(const Expression& expression) {
  refusal_ = Unavailable::kNone;
  return evaluate(expression, 0);
}

Result<Operand> ExpressionCompiler::plain(Operand operand, const Expression& expression) {
  auto inner = look_through(std::move(operand), expression, false);
  if (inner && is_redacted(*inner)) return redacted(expression);
  return inner;
}

Result<Operand> ExpressionCompiler::followed(Operand pointer, const Expression& expression) {
  auto target = dereference(std::move(pointer), expression);
  if (target && is_redacted(*target)) return redacted(expression);
  return target;
}

Result<Operand> ExpressionCompiler::compile(const std::string& text) {
  begin(text);
  auto tree = schema::parse_expression(text);
  if (!tree) return tree.error();
  auto operand = evaluate(**tree, 0);
  if (!operand) return operand;
  if (operand->is_bit_field && operand->source.unavailable == Unavailable::kNone) {
    if (!operand->source.in_memory) {
      return refused(Unavailable::kUnsupportedType, **tree,
                     "a bit-field of a structure in registers is not supported yet",
                     "capture the structure that holds it");
    }
    return own_bits(std::move(*operand));
  }
  return operand;
}

// The bytes that hold a bit-field, shown as that field alone.
Operand ExpressionCompiler::own_bits(Operand operand) {
  Type type;
  type.kind = TypeKind::kStruct;
  type.container = schema::Container::kTransparent;
  type.name = context_.types.type(operand.type).name;
  type.size_bytes = (operand.bits.bit_offset + operand.bits.bit_size + 7) / 8;
  Member member = operand.bits;
  member.offset_bytes = 0;
  type.members.push_back(std::move(member));
  operand.type = context_.types.add(std::move(type));
  operand.is_bit_field = false;
  return operand;
}

// Clang takes parameters away from local functions that only assign to them, and describes
// them where the assigned value came: one register then is said to bring two, or another
// than by the calling convention.
bool ExpressionCompiler::is_called_otherwise() const {
  const FunctionInfo& function = context_.function;
  if (!function.by_clang || function.return_is_dropped.empty()) return false;
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < function.parameters.size(); ++i) {
    if (function.parameters[i].die == 0) continue;
    const auto reg = context_.locations.register_at_entry(context_.session.die(function.parameters[i].die));
    if (!reg || !brings_argument(static_cast<std::int64_t>(*reg))) continue;
    if (!seen.insert(*reg).second) return true;
    const PrologueValue value{.kind = PrologueValue::Kind::kEntry, .reg = static_cast<int>(*reg)};
    if (i < places_->size() && !(*places_)[i].brings(value, 0)) return true;
  }
  return false;
}

// Where callers put it; null: not known.
const ArgumentPlace* ExpressionCompiler::place_of(const Parameter& parameter) {
  if (!places_) {
    places_ = argument_places(context_.types.layout(), context_.function);
    if (is_called_otherwise()) places_.emplace(context_.function.parameters.size());  // nothing is sure
  }
  const auto& all = context_.function.parameters;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Parameter& other) { return other.die == parameter.die; });
  const auto index = static_cast<std::size_t>(found - all.begin());
  return index < places_->size() ? &(*places_)[index] : nullptr;
}

Operand ExpressionCompiler::parameter(const Parameter& parameter) {
  Operand operand;
  operand.type = context_.types.build(parameter.type);
  operand.redaction = root_context(parameter.name);
  if (parameter.die == 0) {
    operand.source =
        unavailable_source(Unavailable::kOptimizedOut, "the compiler dropped it from this function");
    return operand;
  }
  const std::uint64_t size = context_.types.type(operand.type).size_bytes;
  ValueClass value;
  value.used = LocationReader::kAllBytes;
  if (size <= 16) value = classify_value(context_.types.layout(), context_.types.die_of(operand.type));
  operand.source =
      context_.locations.locate(context_.session.die(parameter.die), size, value.used, place_of(parameter));
  // An empty object is what it is without a byte.
  if (size <= 8 && value.is_empty() && operand.source.unavailable == Unavailable::kOptimizedOut) {
    operand.source = {};
    operand.source.ops = {make_op(BS_OP_PUSH_CONST)};
  }
  // No object that is passed by reference lies among the arguments: clang names
  // the place of the reference as if it did.
  if (context_.locations.is_argument_slot(operand.source) &&
      class_passing(context_.types.layout(), context_.types.die_of(operand.type)) == Passing::kByReference) {
    operand.source.ops.push_back(make_op(BS_OP_LOAD, 8));
  }
  return operand;
}

Operand ExpressionCompiler::return_value() {
  Operand operand;
  operand.at_return = true;
  operand.redaction = root_context("ret");
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
  auto operand = evaluate_any(expression, depth);
  if (operand && is_redacted(*operand)) return redacted(expression);
  return operand;
}

Result<Operand> ExpressionCompiler::evaluate_any(const Expression& expression, int depth) {
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
    if (!part && (refusal_ == Unavailable::kNone || refusal_ == Unavailable::kRedacted)) return part.error();
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
    if (target == kNoType || !find_member(target, wanted, 0)) continue;
    auto own = member(std::move(operand), expression);
    if (own) join_root(*own, wanted);
    return own;
  }
  std::vector<DieKey> globals;
  std::string scope = context_.function.name;
  while (globals.empty()) {
    const auto separator = scope.rfind("::");
    scope = separator == std::string::npos ? std::string() : scope.substr(0, separator);
    globals = variables_called(context_.index, scope.empty() ? wanted : scope + "::" + wanted);
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
  if (context_.function.name.empty())
    return error(expression, "no global '" + wanted + "'", suggestion(nearest(wanted, kNoType)));
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
  operand.redaction = root_context(expression.text);
  join_root(operand, context_.index.qualified_name(die));
  if (const char* name = die.name()) join_root(operand, name);
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
  const bool is_smart = type.container == schema::Container::kSmartPointer;
  if (type.container == schema::Container::kOptional || type.container == schema::Container::kWeakPointer) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "whether a " + type.name + " holds a value is known at run time alone",
                   "capture it whole");
  }
  if (!is_pointer(type) && !is_smart) return error(expression, type.name + " is not a pointer");
  const TypeId target = context_.types.pointee(pointer.type);
  const TypeKind kind = target == kNoType ? TypeKind::kVoid : context_.types.type(target).kind;
  if (kind == TypeKind::kVoid || kind == TypeKind::kFunction) {
    return error(expression, "a " + type.name + " cannot be followed",
                 "cast it to what it points to, (Type*)x");
  }
  if (is_smart && pointer.source.in_memory) add_constant(pointer.source.ops, type.offset_a);
  if (is_smart && !pointer.source.in_memory && pointer.source.unavailable == Unavailable::kNone &&
      (type.offset_a != 0 || type.size_bytes > 8)) {
    return refused(Unavailable::kUnsupportedType, expression, "it is in registers", "capture it whole");
  }
  pointer.source.ops = loaded(pointer, 8, false);
  pointer.source.in_memory = true;
  pointer.type = target;
  pointer.is_bit_field = false;
  if (is_redacted(pointer)) return redacted(expression);
  return pointer;
}

Result<Operand> ExpressionCompiler::look_through(Operand operand, const Expression& expression,
                                                 bool pointers_too) {
  bool followed = false;
  for (int i = 0; i < kMaxWrappers; ++i) {
    const Type& type = context_.types.type(operand.type);
    const bool is_smart = type.container == schema::Container::kSmartPointer;
    const bool is_wrapper = type.container == schema::Container::kTransparent && !type.members.empty();
    const bool may_follow = pointers_too && !followed && (type.kind == TypeKind::kPointer || is_smart);
    if (type.kind != TypeKind::kReference && !may_follow && !is_wrapper) break;
    followed |= may_follow;
    auto next =
        is_wrapper ? unwrap(std::move(operand), expression) : dereference(std::move(operand), expression);
    if (!next) return next;
    operand = std::move(*next);
  }
  return operand;
}

Result<Operand> ExpressionCompiler::unwrap(Operand operand, const Expression& expression) {
  const Type outer = context_.types.type(operand.type);
  const Member inner = outer.members.front();
  if (context_.redaction) operand.redaction = context_.redaction->of_member(outer, inner, operand.redaction);
  operand.type = inner.type;
  if (is_redacted(operand)) return redacted(expression);
  if (operand.source.unavailable != Unavailable::kNone) return operand;
  if (operand.source.in_memory) {
    add_constant(operand.source.ops, inner.offset_bytes);
  } else if (inner.offset_bytes != 0) {
    return refused(Unavailable::kUnsupportedType, expression, "it is in registers", "capture it whole");
  }
  return operand;
}

// Also in anonymous members and base classes; the offset counts from the start of `type`.
std::optional<Member> ExpressionCompiler::find_member(TypeId type, const std::string& wanted,
                                                      int depth) const {
  const Type& layout = context_.types.type(type);
  // The members of a shape are no names of the language.
  if (depth > kMaxAnonymous || layout.container != schema::Container::kNone) return std::nullopt;
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
  if (type.container != schema::Container::kNone) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "a member of " + type.name + " is not supported yet in captures", "capture it whole");
  }
  const auto found = find_member(object->type, expression.text, 0);
  if (!found) {
    const std::string what = type.members.empty() ? type.name + " has no members that can be named"
                                                  : "no member '" + expression.text + "' in " + type.name;
    return member_error(expression, what, suggestion(nearest(expression.text, object->type)));
  }
  if (context_.redaction && context_.redaction->is_active()) {
    const auto own = context_.redaction->of_name(object->type, expression.text, object->redaction);
    if (!own || context_.redaction->hides_member(object->type, object->redaction, *found, *own))
      return redacted(expression);
    object->redaction = *own;
  }
  object->type = found->type;
  object->is_bit_field = found->bit_size != 0;
  object->bits = *found;
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
