// The conditions: truth values, comparisons, arithmetic. What a single value is
// stands in predicate_values.cc.
#include "probes/predicate_compiler.h"

#include "probes/expression_ops.h"
#include "probes/predicate_ops.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace backsight::probes {

using schema::Expression;
using schema::ExpressionKind;
using schema::Result;

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMostOperations = 512;

std::optional<bs_relation> relation_of(const Expression& expression) {
  if (expression.kind != ExpressionKind::kBinary) return std::nullopt;
  constexpr std::pair<const char*, bs_relation> kRelations[] = {{"==", BS_EQUAL},  {"!=", BS_UNEQUAL},
                                                                {"<", BS_LESS},    {"<=", BS_LESS_EQUAL},
                                                                {">", BS_GREATER}, {">=", BS_GREATER_EQUAL}};
  for (const auto& [text, relation] : kRelations)
    if (expression.text == text) return relation;
  return std::nullopt;
}

// x < y is y > x.
bs_relation mirrored(bs_relation relation) {
  switch (relation) {
    case BS_LESS:
      return BS_GREATER;
    case BS_LESS_EQUAL:
      return BS_GREATER_EQUAL;
    case BS_GREATER:
      return BS_LESS;
    case BS_GREATER_EQUAL:
      return BS_LESS_EQUAL;
    default:
      return relation;
  }
}

bool is_logical(const Expression& expression) {
  return (expression.kind == ExpressionKind::kBinary &&
          (expression.text == "&&" || expression.text == "||")) ||
         (expression.kind == ExpressionKind::kUnary && expression.text == "!");
}

}  // namespace

schema::Error PredicateCompiler::error(const Expression& at, const std::string& message,
                                       std::string hint) const {
  return schema::expression_error(text_, at.begin, message, std::move(hint));
}

Result<void> PredicateCompiler::begin(const std::string& text, schema::ExpressionPtr& tree) {
  text_ = text;
  expressions_.begin(text);
  auto parsed = schema::parse_expression(text);
  if (!parsed) return parsed.error();
  tree = std::move(*parsed);
  return {};
}

Result<std::vector<bs_op>> PredicateCompiler::condition(const std::string& text) {
  schema::ExpressionPtr tree;
  BACKSIGHT_TRY(begin(text, tree));
  auto ops = truth(*tree, 0);
  if (!ops) return ops;
  BACKSIGHT_TRY(check_program(*tree, *ops));
  ops->push_back(make_op(BS_OP_END));
  return ops;
}

Result<std::vector<bs_op>> PredicateCompiler::sampling_key(const std::string& text) {
  schema::ExpressionPtr tree;
  BACKSIGHT_TRY(begin(text, tree));
  auto key = value(*tree, 0);
  if (!key) return key.error();
  std::vector<bs_op> body = std::move(key->ops);
  if (key->kind == Kind::kPointer && key->pointee) {
    auto pointee = number(*tree, std::move(*key), false);
    if (!pointee) return pointee.error();
    body = std::move(pointee->ops);
  } else if (key->kind == Kind::kText) {
    body.push_back(make_op(BS_OP_HASH, key->text, 0, 0, key->array_bytes));
  } else if (key->kind == Kind::kMissing) {
    return error(*tree, "what to sample by is not available here: " + issues_.back(),
                 "sample by something else, or leave `by` out");
  } else if (key->kind != Kind::kNumber && key->kind != Kind::kPointer) {
    return error(*tree, "calls cannot be sampled by this",
                 "by an integer, a text, an enumerator or a pointer");
  }
  if (key->kind != Kind::kText) body.push_back(make_op(BS_OP_HASH, BS_TEXT_NONE));
  std::vector<bs_op> ops = as_atom(std::move(body));
  BACKSIGHT_TRY(check_program(*tree, ops));
  ops.push_back(make_op(BS_OP_END));
  return ops;
}

Result<void> PredicateCompiler::check_program(const Expression& expression,
                                              const std::vector<bs_op>& ops) const {
  if (ops.size() > kMostOperations)
    return error(expression, "the condition takes " + std::to_string(ops.size()) + " operations, at most " +
                                 std::to_string(kMostOperations) + " are possible");
  if (most_slots(ops) > static_cast<int>(BS_STACK))
    return error(expression, "the condition is nested too deeply for the kernel");
  return {};
}

// && and || leave out what does not matter any more; each of their operands is an atom.
PredicateCompiler::Ops PredicateCompiler::truth(const Expression& expression, int depth) {
  if (depth > kMaxDepth) return error(expression, "the condition is nested too deeply");
  if (!is_logical(expression)) return atom(expression, depth);
  auto left = truth(*expression.children.at(0), depth + 1);
  if (!left) return left;
  if (expression.text == "!") {
    left->push_back(make_op(BS_OP_LOGIC, BS_LOGIC_NOT));
    return left;
  }
  auto right = truth(*expression.children.at(1), depth + 1);
  if (!right) return right;
  const bool is_or = expression.text == "||";
  right->push_back(make_op(BS_OP_LOGIC, is_or ? BS_LOGIC_OR : BS_LOGIC_AND));
  left->push_back(make_op(BS_OP_SHORTCUT, is_or ? 1 : 0, 0, static_cast<std::uint32_t>(right->size())));
  append(*left, *right);
  return left;
}

PredicateCompiler::Ops PredicateCompiler::atom(const Expression& expression, int depth) {
  auto body = atom_body(expression, depth);
  if (!body) return body;
  if (body->empty()) return std::vector<bs_op>{make_op(BS_OP_PUSH_CONST, 0, 0, 0, BS_UNDECIDED)};
  return as_atom(std::move(*body));
}

// Empty: undecided at this site.
PredicateCompiler::Ops PredicateCompiler::atom_body(const Expression& expression, int depth) {
  if (relation_of(expression)) return comparison(expression, depth);
  if (expression.kind == ExpressionKind::kBool)
    return std::vector<bs_op>{make_op(BS_OP_PUSH_CONST, 0, 0, 0, expression.boolean ? 1 : 0)};
  if (expression.kind == ExpressionKind::kCall && expression.text != "len") {
    if (expression.text != "starts_with")
      return error(expression, "'" + expression.text + "' cannot be decided in the kernel",
                   "capture the value, and use `backsight calls FUNCTION --where …`");
    auto text = value(*expression.children.at(0), depth + 1);
    if (!text) return text.error();
    const Expression& wanted = *expression.children.at(1);
    if (wanted.kind != ExpressionKind::kString)
      return error(wanted, "the beginning must be a text in quotes");
    if (text->kind == Kind::kMissing) return std::vector<bs_op>{};
    if (text->kind != Kind::kText) return error(*expression.children.at(0), "this is not a text");
    return compare_text(expression, true, *text, wanted.text);
  }
  auto found = value(expression, depth);
  if (!found) return found.error();
  return truth_of(expression, std::move(*found));
}

PredicateCompiler::Ops PredicateCompiler::truth_of(const Expression& expression, Value value) {
  std::vector<bs_op> ops = std::move(value.ops);
  switch (value.kind) {
    case Kind::kMissing:
      return std::vector<bs_op>{};
    case Kind::kNumber:
      break;
    case Kind::kPointer: {
      if (!value.pointee) break;
      // As everywhere: a pointer to a number is that number.
      Value pointer = value;
      pointer.ops = std::move(ops);
      return compare_pointee(expression, BS_UNEQUAL, pointer, integer_constant(0), 0);
    }
    case Kind::kFloat:
      ops.push_back(make_op(BS_OP_PUSH_CONST));
      ops.push_back(make_op(BS_OP_COMPARE_FLOAT, BS_UNEQUAL));
      return ops;
    case Kind::kText:
      if (value.text == BS_TEXT_CSTR) break;
      [[fallthrough]];
    case Kind::kObject:
    case Kind::kLiteral:
      return std::vector<bs_op>{make_op(BS_OP_PUSH_CONST, 0, 0, 0, 1)};
    case Kind::kNull:
      return std::vector<bs_op>{make_op(BS_OP_PUSH_CONST)};
    case Kind::kWord:
      return *value.unknown;
  }
  ops.push_back(make_op(BS_OP_LOGIC, BS_LOGIC_TRUTH));
  return ops;
}

PredicateCompiler::Ops PredicateCompiler::comparison(const Expression& expression, int depth) {
  for (const auto& child : expression.children) {
    if (is_logical(*child) || relation_of(*child))
      return error(*child, "a truth value cannot be compared in the kernel",
                   "combine conditions by && and ||");
  }
  auto left = value(*expression.children.at(0), depth + 1);
  if (!left) return left.error();
  auto right = value(*expression.children.at(1), depth + 1);
  if (!right) return right.error();
  return compare(expression, *relation_of(expression), std::move(*left), std::move(*right));
}

PredicateCompiler::Ops PredicateCompiler::compare(const Expression& expression, bs_relation relation,
                                                  Value left, Value right) {
  if (left.kind == Kind::kMissing || right.kind == Kind::kMissing) return std::vector<bs_op>{};
  for (auto [name, of] : {std::pair(&left, &right), std::pair(&right, &left)}) {
    if (name->kind != Kind::kWord && name->kind != Kind::kLiteral) continue;
    if (auto found = enumerator(*of, *name)) *name = std::move(*found);
    if (name->unknown) return *name->unknown;
  }
  // What is known beforehand stands on the right.
  const auto is_fixed = [](const Value& v) {
    return v.kind == Kind::kNull || v.kind == Kind::kLiteral || v.constant.has_value();
  };
  if (is_fixed(left) && !is_fixed(right)) {
    std::swap(left, right);
    relation = mirrored(relation);
  }
  if (right.kind == Kind::kNull) return compare_null(expression, relation, left);
  if (right.kind == Kind::kLiteral) {
    if (left.kind != Kind::kText) return error(expression, "a text can be compared with a text only");
    if (relation != BS_EQUAL && relation != BS_UNEQUAL)
      return error(expression, "texts are compared by == and != in the kernel");
    auto ops = compare_text(expression, false, left, right.literal);
    if (ops && relation == BS_UNEQUAL) ops->push_back(make_op(BS_OP_LOGIC, BS_LOGIC_NOT));
    return ops;
  }
  if (left.kind == Kind::kText || right.kind == Kind::kText)
    return error(expression, "two texts cannot be compared in the kernel",
                 "compare a text with one in quotes");
  // Null is unequal to every number, and in no order with one.
  const std::uint64_t of_null = relation == BS_EQUAL ? 0 : relation == BS_UNEQUAL ? 1 : BS_UNDECIDED;
  if (left.pointee) return compare_pointee(expression, relation, left, std::move(right), of_null);
  if (right.pointee) return compare_pointee(expression, mirrored(relation), right, std::move(left), of_null);
  const bool is_float = left.kind == Kind::kFloat || right.kind == Kind::kFloat;
  for (Value* side : {&left, &right}) {
    if (side->kind != Kind::kNumber && side->kind != Kind::kFloat)
      return error(expression, "this cannot be compared with a number or a text in the kernel");
    if (is_float && side->kind == Kind::kNumber)
      side->ops.push_back(make_op(BS_OP_TO_FLOAT, side->is_unsigned ? 1 : 0));
  }
  std::vector<bs_op> ops = std::move(left.ops);
  append(ops, right.ops);
  ops.push_back(is_float ? make_op(BS_OP_COMPARE_FLOAT, relation)
                         : make_op(BS_OP_COMPARE, relation, signedness(left.is_unsigned, right.is_unsigned)));
  return ops;
}

PredicateCompiler::Ops PredicateCompiler::compare_null(const Expression& expression, bs_relation relation,
                                                       const Value& value) const {
  if (relation != BS_EQUAL && relation != BS_UNEQUAL)
    return error(expression, "null is compared by == and != alone");
  std::vector<bs_op> ops = value.ops;
  if (value.kind == Kind::kPointer || value.text == BS_TEXT_CSTR) {
    ops.push_back(make_op(BS_OP_PUSH_CONST));
    ops.push_back(make_op(BS_OP_COMPARE, relation, signedness(true, true)));
    return ops;
  }
  const std::uint64_t is_equal = value.kind == Kind::kNull;
  return std::vector<bs_op>{
      make_op(BS_OP_PUSH_CONST, 0, 0, 0, relation == BS_EQUAL ? is_equal : 1 - is_equal)};
}

PredicateCompiler::Ops PredicateCompiler::compare_text(const Expression& expression, bool is_prefix,
                                                       const Value& text, const std::string& literal) const {
  if (literal.size() > BS_MAX_LITERAL)
    return error(expression,
                 "the text in quotes has " + std::to_string(literal.size()) + " bytes, at most " +
                     std::to_string(BS_MAX_LITERAL) + " can be compared in the kernel",
                 "starts_with() its beginning");
  if (literal.find('\0') != std::string::npos)
    return error(expression, "a text with a NUL in it cannot be compared in the kernel");
  std::vector<bs_op> ops = text.ops;
  std::vector<bs_op> look = {make_op(BS_OP_TEXT, text.text, static_cast<std::uint16_t>(literal.size()),
                                     is_prefix ? 1 : 0, text.array_bytes)};
  for (std::size_t i = 0; i < literal.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t byte = 0; byte < 8 && i + byte < literal.size(); ++byte)
      word |= std::uint64_t{static_cast<unsigned char>(literal[i + byte])} << (8 * byte);
    look.push_back(make_op(BS_OP_DATA, 0, 0, 0, word));
  }
  // Null is no text, and equal to none; whether it begins so cannot be said.
  if (text.text == BS_TEXT_CSTR)
    ops.push_back(make_op(BS_OP_IF_NULL, 0, 0, static_cast<std::uint32_t>(look.size()),
                          is_prefix ? std::uint64_t{BS_UNDECIDED} : 0));
  append(ops, look);
  return ops;
}

PredicateCompiler::Ops PredicateCompiler::compare_pointee(const Expression& expression, bs_relation relation,
                                                          const Value& pointer, Value right,
                                                          std::uint64_t of_null) {
  Value left = pointer;
  auto target = number(expression, left, true);
  if (!target) return target.error();
  if (right.pointee) {
    auto other = number(expression, std::move(right), true);
    if (!other) return other.error();
    right = std::move(*other);
  }
  auto compared = compare(expression, relation, *std::move(target), std::move(right));
  if (!compared || compared->empty()) return compared;
  std::vector<bs_op> ops = pointer.ops;
  ops.push_back(make_op(BS_OP_IF_NULL, 1, 0, static_cast<std::uint32_t>(compared->size()), of_null));
  append(ops, *compared);
  return ops;
}

Result<PredicateCompiler::Value> PredicateCompiler::computed(const Expression& expression, int depth) {
  const std::string& text = expression.text;
  auto left = value(*expression.children.at(0), depth + 1);
  if (!left) return left;
  const bool is_unary = expression.kind == ExpressionKind::kUnary;
  auto first = number(*expression.children.at(0), std::move(*left), is_unary && text == "-");
  if (!first || first->kind == Kind::kMissing) return first;
  if (is_unary && first->kind == Kind::kFloat) {
    first->ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, std::uint64_t{1} << 63));
    first->ops.push_back(make_op(BS_OP_COMPUTE, BS_XOR, signedness(true, true)));
    return first;
  }
  Value result;
  result.kind = Kind::kNumber;
  if (is_unary) {
    // -x is 0 - x; ~x is x ^ -1.
    result.ops = {make_op(BS_OP_PUSH_CONST, 0, 0, 0, text == "-" ? 0 : ~std::uint64_t{0})};
    append(result.ops, first->ops);
    result.ops.push_back(text == "-" ? make_op(BS_OP_COMPUTE, BS_MINUS, signedness(false, first->is_unsigned))
                                     : make_op(BS_OP_COMPUTE, BS_XOR, signedness(false, first->is_unsigned)));
    if (text == "-" && first->constant && *first->constant != INT64_MIN) result.constant = -*first->constant;
    return result;
  }
  auto right = value(*expression.children.at(1), depth + 1);
  if (!right) return right;
  auto second = number(*expression.children.at(1), std::move(*right), false);
  if (!second || second->kind == Kind::kMissing) return second;
  const bs_operator code = *operator_of(text);
  result.ops = std::move(first->ops);
  append(result.ops, second->ops);
  result.ops.push_back(make_op(BS_OP_COMPUTE, code, signedness(first->is_unsigned, second->is_unsigned)));
  return result;
}

}  // namespace backsight::probes
