// Elements of arrays, pointers and contiguous containers: one, or a range of them.
#include "probes/expression_compiler.h"
#include "probes/expression_ops.h"

#include <utility>

namespace backsight::probes {

using schema::Expression;
using schema::ExpressionKind;
using schema::Result;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

constexpr std::uint64_t kMostElementBytes = std::uint64_t{1} << 32;  // so that a size fits its operation

}  // namespace

Result<Operand> ExpressionCompiler::elements(Operand base, const Expression& expression) {
  auto object = look_through(std::move(base), expression, false);
  if (!object) return object;
  const Type type = context_.types.type(object->type);
  const bool is_sequence =
      type.container == schema::Container::kVector || type.container == schema::Container::kCounted;
  if (type.container == schema::Container::kSmartPointer) {
    auto target = dereference(std::move(*object), expression);
    if (!target || context_.types.type(target->type).kind != TypeKind::kArray) {
      return refused(Unavailable::kUnsupportedType, expression,
                     type.name + " has no elements that are counted");
    }
    return elements(std::move(*target), expression);
  }
  if (type.kind == TypeKind::kPointer) return dereference(std::move(*object), expression);
  if (type.container != schema::Container::kNone && !is_sequence) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "elements of " + type.name + " are not supported yet in captures", "capture it whole");
  }
  if (type.kind != TypeKind::kArray && !is_sequence) return error(expression, type.name + " has no elements");
  if (object->source.unavailable == Unavailable::kNone && !object->source.in_memory) {
    return refused(Unavailable::kUnsupportedType, expression,
                   "elements of an object in registers are not supported yet");
  }
  if (is_sequence) return sequence(std::move(*object), type);
  object->type = type.target;
  if (type.count > 0) {
    object->fixed_count = type.count;
    object->end = object->source.ops;
    add_constant(object->end, type.size_bytes);
  }
  return object;
}

Operand ExpressionCompiler::sequence(Operand object, const Type& type) {
  object.type = context_.types.pointee(object.type);
  const std::vector<bs_op> base = object.source.ops;
  object.end = base;
  add_constant(object.source.ops, type.offset_a);
  object.source.ops.push_back(make_op(BS_OP_LOAD, 8));
  add_constant(object.end, type.offset_b);
  object.end.push_back(make_op(BS_OP_LOAD, 8));
  if (type.container == schema::Container::kVector) return object;
  object.end.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, context_.types.type(object.type).size_bytes));
  object.end.push_back(make_op(BS_OP_MUL));
  append(object.end, object.source.ops);
  object.end.push_back(make_op(BS_OP_ADD));
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
  if (position->constant && *position->constant < 0 && !object->end.empty())
    return error(*expression.children.at(1), "an index begins at 0");
  if (position->constant && object->fixed_count &&
      static_cast<std::uint64_t>(*position->constant) >= *object->fixed_count) {
    return error(*expression.children.at(1), "the index is outside of the array of " +
                                                 std::to_string(*object->fixed_count) + " elements");
  }
  constexpr std::int64_t kMostElements = std::int64_t{1} << 32;
  if (position->constant && *position->constant > kMostElements)
    return refused(Unavailable::kUnsupportedType, expression, "the index is too large");
  const bool is_inside = object->end.empty() || (position->constant && object->fixed_count);
  const std::vector<bs_op> end = std::exchange(object->end, {});
  object->fixed_count.reset();
  if (object->source.unavailable != Unavailable::kNone) return object;
  if (!is_inside) {  // beyond the end lies something else
    if (size == 0 || size > kMostElementBytes) {
      return refused(Unavailable::kUnsupportedType, expression,
                     "elements of " + std::to_string(size) + " bytes are not supported yet");
    }
    append(object->source.ops, end);
    append(object->source.ops, position->ops);
    object->source.ops.push_back(make_op(BS_OP_ELEMENT, 0, 0, 0, size << 16));
    return object;
  }
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

}  // namespace backsight::probes
