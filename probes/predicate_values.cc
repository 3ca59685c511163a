// The values that a condition is made of: literals, numbers and texts of the
// process, lengths. Locations and members are the expression compiler's.
#include "probes/expression_ops.h"
#include "probes/predicate_compiler.h"
#include "probes/predicate_ops.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace backsight::probes {

using schema::Container;
using schema::ExpressionKind;
using schema::Result;
using schema::Type;
using schema::TypeKind;
using schema::Unavailable;

namespace {

bool is_load_size(std::uint64_t bytes) {
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

// The operations that leave `bytes` bytes at `offset` of the object.
std::optional<std::vector<bs_op>> part(const Operand& object, std::uint64_t offset, std::uint8_t bytes = 8) {
  if (object.source.in_memory) {
    std::vector<bs_op> ops = object.source.ops;
    add_constant(ops, offset);
    ops.push_back(make_op(BS_OP_LOAD, bytes));
    return ops;
  }
  std::vector<bs_op> slot = object.source.slot(offset / 8);
  if (offset % 8 != 0 || slot.empty()) return std::nullopt;
  if (bytes < 8) slot.push_back(make_op(BS_OP_EXTEND, bytes));
  return slot;
}

bool is_char(const Type& type) {
  return type.kind == TypeKind::kChar && type.size_bytes == 1;
}

// "kOpen" of "shop::State::kOpen".
std::string last_name(const std::string& name) {
  const auto at = name.rfind("::");
  return at == std::string::npos ? name : name.substr(at + 2);
}

}  // namespace

PredicateCompiler::Value PredicateCompiler::integer_constant(std::int64_t number) {
  Value value;
  value.kind = Kind::kNumber;
  value.constant = number;
  value.ops = {make_op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(number))};
  return value;
}

Result<PredicateCompiler::Value> PredicateCompiler::literal(const Expression& expression) const {
  Value value;
  switch (expression.kind) {
    case ExpressionKind::kInteger:
      value = integer_constant(expression.integer);
      value.is_unsigned = expression.is_unsigned;
      if (expression.is_unsigned) value.constant.reset();
      return value;
    case ExpressionKind::kBool:
      return integer_constant(expression.boolean ? 1 : 0);
    case ExpressionKind::kFloat:
      value.kind = Kind::kFloat;
      value.ops = {make_op(BS_OP_PUSH_CONST, 0, 0, 0, std::bit_cast<std::uint64_t>(expression.floating))};
      return value;
    case ExpressionKind::kString:
      value.kind = Kind::kLiteral;
      value.literal = expression.text;
      return value;
    default:
      value.kind = Kind::kNull;
      return value;
  }
}

Result<PredicateCompiler::Value> PredicateCompiler::value(const Expression& expression, int depth) {
  switch (expression.kind) {
    case ExpressionKind::kInteger:
    case ExpressionKind::kBool:
    case ExpressionKind::kFloat:
    case ExpressionKind::kString:
    case ExpressionKind::kNull:
      return literal(expression);
    case ExpressionKind::kName:
      return name(expression);
    case ExpressionKind::kUnary:
      if (expression.text == "-" || expression.text == "~") return computed(expression, depth);
      break;
    case ExpressionKind::kBinary:
      if (operator_of(expression.text)) return computed(expression, depth);
      break;
    case ExpressionKind::kCall:
      if (expression.text == "len") return length(*expression.children.at(0));
      return error(expression, "'" + expression.text + "' is a condition, not a value");
    default:
      break;
  }
  auto operand = expressions_.part(expression);
  if (!operand) {
    if (expressions_.refusal() == Unavailable::kNone || expressions_.refusal() == Unavailable::kRedacted)
      return operand.error();
    if (expressions_.refusal() == Unavailable::kUnsupportedType) return operand.error();
    return missing(expression, unavailable_source(expressions_.refusal(), operand.error().message));
  }
  return read(expression, std::move(*operand));
}

// A parameter hides what the name means elsewhere.
Result<PredicateCompiler::Value> PredicateCompiler::name(const Expression& expression) {
  const auto& parameters = context_.function.parameters;
  const bool is_parameter = std::any_of(parameters.begin(), parameters.end(),
                                        [&](const Parameter& one) { return one.name == expression.text; });
  if (!is_parameter) {
    if (auto found = builtin(expression)) return *std::move(found);
    if (expression.text == "duration" || expression.text == "host" || expression.text == "goroutine")
      return error(expression, "'" + expression.text + "' is not known in the kernel when a call is decided",
                   "`backsight calls FUNCTION --where …` can ask for it");
  }
  auto operand = expressions_.part(expression);
  if (operand) return read(expression, std::move(*operand));
  if (expressions_.refusal() == Unavailable::kNone && !is_parameter && expression.text != "ret") {
    Value word;  // its enumeration is told by what it is compared with
    word.kind = Kind::kWord;
    word.literal = expression.text;
    word.unknown = operand.error();
    return word;
  }
  return operand.error();
}

std::optional<PredicateCompiler::Value> PredicateCompiler::builtin(const Expression& expression) const {
  Value value;
  if (expression.text == "pid" || expression.text == "tid") {
    value.kind = Kind::kNumber;
    value.ops = {make_op(BS_OP_PUSH_ID, expression.text == "tid" ? 1 : 0)};
    return value;
  }
  if (expression.text != "thread") return std::nullopt;
  value.kind = Kind::kText;
  value.text = BS_TEXT_THREAD;
  return value;
}

PredicateCompiler::Value PredicateCompiler::missing(const Expression& expression, const ValueSource& source) {
  availability_.push_back(source.unavailable);
  issues_.push_back("'" + text_.substr(expression.begin, expression.end - expression.begin) +
                    "' is not available (" + to_string(source.unavailable) + "): " + source.why);
  return {};
}

// What an operand is as a value. Wrappers and references are looked through.
Result<PredicateCompiler::Value> PredicateCompiler::read(const Expression& expression, Operand operand) {
  if (operand.is_range) return error(expression, "a range cannot be compared in the kernel");
  if (operand.source.unavailable != Unavailable::kNone) return missing(expression, operand.source);
  if (operand.at_return != at_return_) {
    return at_return_
               ? error(expression, "this is known at the entry only, and this probe decides at the return",
                       "on: [entry, return], or another condition")
               : error(expression, "this is known at the return only, and calls are decided at the entry",
                       "on: [return]");
  }
  const bool is_bit_field = operand.is_bit_field;
  if (!is_bit_field) {
    auto inner = expressions_.plain(std::move(operand), expression);
    if (!inner) return inner.error();
    operand = std::move(*inner);
  }
  if (operand.source.unavailable != Unavailable::kNone) return missing(expression, operand.source);
  availability_.push_back(Unavailable::kNone);
  const Type type = context_.types.type(operand.type);
  if (type.container != Container::kNone || type.kind == TypeKind::kArray || type.kind == TypeKind::kPointer)
    return read_text(expression, operand, type);
  return read_number(expression, operand, type);
}

Result<PredicateCompiler::Value> PredicateCompiler::read_text(const Expression& expression,
                                                              const Operand& operand, const Type& type) {
  Value value;
  value.type = operand.type;
  const auto in_registers = [&] {
    return error(expression, "this " + type.name + " is in registers in pieces that cannot be compared");
  };
  const schema::TypeId element =
      type.kind == TypeKind::kArray ? type.target : context_.types.pointee(operand.type);
  const Type* target = element == schema::kNoType ? nullptr : &context_.types.type(element);
  if (type.kind == TypeKind::kArray) {
    if (!target || !is_char(*target) || !operand.source.in_memory) {
      value.kind = Kind::kObject;
      return value;
    }
    value.kind = Kind::kText;
    value.text = BS_TEXT_ARRAY;
    value.array_bytes = type.count;
    value.ops = operand.source.ops;
    return value;
  }
  const bool is_smart = type.container == Container::kSmartPointer;
  if (is_smart || type.kind == TypeKind::kPointer) {
    auto pointer = part(operand, is_smart ? type.offset_a : 0);
    if (!pointer) return in_registers();
    value.ops = std::move(*pointer);
    value.kind = !is_smart && target && is_char(*target) ? Kind::kText : Kind::kPointer;
    if (value.kind == Kind::kText) value.text = BS_TEXT_CSTR;
    const bool is_number = target && target->container == Container::kNone &&
                           (target->kind == TypeKind::kInteger || target->kind == TypeKind::kBool ||
                            target->kind == TypeKind::kEnum || target->kind == TypeKind::kFloat);
    if (value.kind == Kind::kPointer && is_number) {
      auto pointee = expressions_.followed(operand, expression);
      if (!pointee) return pointee.error();
      value.pointee = std::move(*pointee);
    }
    return value;
  }
  if (type.container == Container::kOptional) {
    auto engaged = part(operand, type.offset_a, 1);
    if (!engaged) return in_registers();
    value.kind = Kind::kPointer;
    value.ops = std::move(*engaged);
    return value;
  }
  const bool is_text = type.container == Container::kString || type.container == Container::kCounted;
  if (is_text && target && is_char(*target)) {
    auto data = part(operand, type.offset_a), count = part(operand, type.offset_b);
    if (!data || !count) return in_registers();
    value.kind = Kind::kText;
    value.text = BS_TEXT_COUNTED;
    value.ops = std::move(*data);
    append(value.ops, *count);
    return value;
  }
  if (type.container == Container::kFlaggedString && target && is_char(*target)) {
    if (!operand.source.in_memory) return in_registers();
    value.kind = Kind::kText;
    value.text = BS_TEXT_COUNTED;
    value.ops = flagged_text(operand, type);
    return value;
  }
  value.kind = Kind::kObject;
  return value;
}

// libc++: long ones have a pointer and a length, short ones lie in the object.
std::vector<bs_op> PredicateCompiler::flagged_text(const Operand& operand, const Type& type) {
  namespace layout = schema::layout;
  const auto& fields = type.layout;
  std::vector<bs_op> is_long = *part(operand, fields[layout::kFlagOffset], 1);
  for (const auto& op :
       {make_op(BS_OP_PUSH_CONST, 0, 0, 0, fields[layout::kFlagMask]),
        make_op(BS_OP_COMPUTE, BS_AND, signedness(false, false)),
        make_op(BS_OP_PUSH_CONST, 0, 0, 0, fields[layout::kFlagLong]), make_op(BS_OP_COMPARE, BS_EQUAL)})
    is_long.push_back(op);
  std::vector<bs_op> ops = *part(operand, type.offset_a);
  std::vector<bs_op> in_place = operand.source.ops;
  add_constant(in_place, fields[layout::kShortData]);
  append(ops, in_place);
  append(ops, is_long);
  ops.push_back(make_op(BS_OP_SELECT));
  append(ops, *part(operand, type.offset_b));
  append(ops, *part(operand, fields[layout::kShortSize], 1));
  if (fields[layout::kShortShift] != 0)
    ops.push_back(make_op(BS_OP_SHIFT, static_cast<std::uint8_t>(fields[layout::kShortShift])));
  ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, fields[layout::kShortMask]));
  ops.push_back(make_op(BS_OP_COMPUTE, BS_AND, signedness(false, false)));
  append(ops, is_long);
  ops.push_back(make_op(BS_OP_SELECT));
  return ops;
}

Result<PredicateCompiler::Value> PredicateCompiler::read_number(const Expression& expression,
                                                                const Operand& operand, const Type& type) {
  Value value;
  value.type = operand.type;
  value.kind = Kind::kNumber;
  switch (type.kind) {
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kChar:
    case TypeKind::kEnum:
      break;
    case TypeKind::kFloat:
      if (type.size_bytes != 4 && type.size_bytes != 8)
        return error(expression, "a " + type.name + " cannot be compared in the kernel");
      value.kind = Kind::kFloat;
      break;
    case TypeKind::kStruct:
    case TypeKind::kUnion:
      value.kind = Kind::kObject;
      return value;
    default:
      return error(expression, "a " + type.name + " cannot be compared in the kernel");
  }
  value.is_char = type.kind == TypeKind::kChar;
  std::uint64_t size = type.size_bytes;
  Operand place = operand;
  if (operand.is_bit_field) {
    // The bytes from the one where it begins to the one where it ends.
    const std::uint64_t first = operand.bits.bit_offset / 8;
    const std::uint64_t last = (operand.bits.bit_offset + operand.bits.bit_size - 1) / 8;
    size = std::bit_ceil(last - first + 1);
    if (size > 8 || !operand.source.in_memory)
      return error(expression, "this bit-field cannot be compared in the kernel");
    add_constant(place.source.ops, first);
    place.bits.bit_offset %= 8;
  }
  if (!is_load_size(size)) return error(expression, "a " + type.name + " cannot be compared in the kernel");
  value.ops = loaded(place, size, type.is_signed && !operand.is_bit_field);
  if (operand.is_bit_field) {
    const unsigned above = 64 - place.bits.bit_offset - place.bits.bit_size;
    if (above > 0) {
      value.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, std::uint64_t{1} << above));
      value.ops.push_back(make_op(BS_OP_MUL));
    }
    if (place.bits.bit_size < 64)
      value.ops.push_back(
          make_op(BS_OP_SHIFT, static_cast<std::uint8_t>(64 - place.bits.bit_size), type.is_signed));
  }
  if (value.kind == Kind::kFloat && size == 4) value.ops.push_back(make_op(BS_OP_TO_FLOAT, 2));
  value.is_unsigned = value.kind == Kind::kNumber && size == 8 && !type.is_signed;
  return value;
}

Result<PredicateCompiler::Value> PredicateCompiler::number(const Expression& expression, Value value,
                                                           bool floats_too) {
  if (value.pointee) {
    auto target = read(expression, *value.pointee);
    if (!target) return target;
    value = std::move(*target);
  }
  if (value.kind == Kind::kMissing || value.kind == Kind::kNumber) return value;
  if (value.kind == Kind::kFloat) {
    if (floats_too) return value;
    return error(expression, "the kernel cannot compute with floating-point numbers, only compare them",
                 "`backsight calls FUNCTION --where …` can");
  }
  if (value.unknown) return *value.unknown;
  return error(expression, "this is not a number");
}

// Of what has its length where it is; that of a plain text would have to be searched for.
Result<PredicateCompiler::Value> PredicateCompiler::length(const Expression& expression) {
  auto operand = expressions_.part(expression);
  if (!operand) return operand.error();
  auto read_as = read(expression, *operand);
  if (!read_as || read_as->kind == Kind::kMissing) return read_as;
  auto inner = expressions_.plain(std::move(*operand), expression);
  if (!inner) return inner.error();
  const Type type = context_.types.type(inner->type);
  Value value;
  value.kind = Kind::kNumber;
  if (type.kind == TypeKind::kArray && type.count > 0 && read_as->kind != Kind::kText)
    return integer_constant(static_cast<std::int64_t>(type.count));
  std::optional<std::vector<bs_op>> count;
  switch (type.container) {
    case Container::kString:
    case Container::kCounted:
    case Container::kTree:
      count = part(*inner, type.offset_b);
      break;
    case Container::kList:
      if (type.offset_b != schema::layout::kNoOffset) count = part(*inner, type.offset_b);
      break;
    case Container::kFlaggedString:
      if (inner->source.in_memory) {
        count = flagged_text(*inner, type);
        // Of the two values on the stack the upper one: the lower times nothing is added to it.
        count->push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, 0));
        count->push_back(make_op(BS_OP_SELECT));
      }
      break;
    case Container::kVector: {
      const schema::TypeId element = context_.types.pointee(inner->type);
      const std::uint64_t size = context_.types.type(element).size_bytes;
      auto begin = part(*inner, type.offset_a), end = part(*inner, type.offset_b);
      if (size == 0 || !begin || !end) break;
      append(*end, *begin);
      end->push_back(make_op(BS_OP_COMPUTE, BS_MINUS, signedness(true, true)));
      end->push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, size));
      end->push_back(make_op(BS_OP_COMPUTE, BS_DIVIDE, signedness(false, false)));
      count = std::move(end);
      break;
    }
    default:
      break;
  }
  if (!count)
    return error(expression, "the length of a " + type.name + " is not known in the kernel without a search",
                 "`backsight calls FUNCTION --where 'len(…)'` can count what was captured");
  value.ops = std::move(*count);
  return value;
}

// `name`, a word or a text in quotes, as a number of the enumeration or the character
// that `of` is.
std::optional<PredicateCompiler::Value> PredicateCompiler::enumerator(const Value& of,
                                                                      const Value& name) const {
  if (of.kind == Kind::kNumber && of.is_char && name.kind == Kind::kLiteral && name.literal.size() == 1)
    return integer_constant(context_.types.type(of.type).is_signed
                                ? static_cast<signed char>(name.literal[0])
                                : static_cast<unsigned char>(name.literal[0]));
  schema::TypeId type = of.type;
  if (of.pointee) type = of.pointee->type;
  if (type == schema::kNoType || context_.types.type(type).kind != TypeKind::kEnum) return std::nullopt;
  for (const schema::Enumerator& one : context_.types.type(type).enumerators)
    if (one.name == name.literal || one.name == last_name(name.literal)) return integer_constant(one.value);
  return std::nullopt;
}

}  // namespace backsight::probes
