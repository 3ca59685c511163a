// `where` and `sample: by` to operations: conditions that the capture program
// decides before anything is captured (bpf/abi/plan.h, BS_OP_ATOM and following;
// docs/format/plan-ops.md). Means what `--where` of the query tools means; what
// is not the same there is refused here, with a reason.
#pragma once

#include "probes/expression_compiler.h"
#include "schema/expression.h"
#include "schema/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

class PredicateCompiler {
 public:
  // `at_return`: decided where the function is left.
  PredicateCompiler(const FunctionContext& context, ExpressionCompiler& expressions, bool at_return)
      : context_(context), expressions_(expressions), at_return_(at_return) {}

  // Leaves a truth value. The error has the text with a caret.
  schema::Result<std::vector<bs_op>> condition(const std::string& text);
  // Leaves a hash; fails where it is not known.
  schema::Result<std::vector<bs_op>> sampling_key(const std::string& text);

  // Of each value that was asked for, in order: whether it is there at this site.
  const std::vector<schema::Unavailable>& availability() const { return availability_; }
  // What is to be told of those that are not.
  const std::vector<std::string>& issues() const { return issues_; }

 private:
  enum class Kind : std::uint8_t {
    kMissing,  // not available at this site: whatever needs it is undecided
    kNumber,
    kFloat,  // the bits of a double
    kText,
    kPointer,  // an address, or whether there is a value: 0 is null
    kObject,   // of a class: there it is
    kNull,     // the literal
    kLiteral,  // text in quotes
    kWord,     // a name that may be an enumerator
  };
  struct Value {
    Kind kind = Kind::kMissing;
    bool is_unsigned = false;  // kNumber: of 64 bits
    bool is_char = false;      // kNumber
    std::vector<bs_op> ops;
    std::optional<std::int64_t> constant;  // kNumber
    schema::TypeId type = schema::kNoType;
    bs_text text = BS_TEXT_NONE;           // kText
    std::uint64_t array_bytes = 0;         // kText of an array
    std::string literal;                   // kLiteral, kWord
    std::optional<Operand> pointee;        // kPointer to a number: what it points to
    std::optional<schema::Error> unknown;  // kWord: why it is no value
  };
  using Expression = schema::Expression;
  using Ops = schema::Result<std::vector<bs_op>>;

  schema::Result<void> begin(const std::string& text, schema::ExpressionPtr& tree);
  Ops truth(const Expression& expression, int depth);
  Ops atom(const Expression& expression, int depth);
  Ops atom_body(const Expression& expression, int depth);
  Ops truth_of(const Expression& expression, Value value);
  schema::Result<Value> value(const Expression& expression, int depth);
  static Value integer_constant(std::int64_t value);
  schema::Result<Value> literal(const Expression& expression) const;
  std::optional<Value> builtin(const Expression& expression) const;
  schema::Result<Value> name(const Expression& expression);
  schema::Result<Value> computed(const Expression& expression, int depth);
  schema::Result<Value> length(const Expression& expression);
  schema::Result<Value> read(const Expression& expression, Operand operand);
  schema::Result<Value> read_text(const Expression& expression, const Operand& operand,
                                  const schema::Type& type);
  schema::Result<Value> read_number(const Expression& expression, const Operand& operand,
                                    const schema::Type& type);
  static std::vector<bs_op> flagged_text(const Operand& operand, const schema::Type& type);
  Value missing(const Expression& expression, const ValueSource& source);
  // A number, or what a pointer to one points to.
  schema::Result<Value> number(const Expression& expression, Value value, bool floats_too);
  Ops comparison(const Expression& expression, int depth);
  Ops compare(const Expression& expression, bs_relation relation, Value left, Value right);
  Ops compare_null(const Expression& expression, bs_relation relation, const Value& value) const;
  Ops compare_text(const Expression& expression, bool is_prefix, const Value& text,
                   const std::string& literal) const;
  Ops compare_pointee(const Expression& expression, bs_relation relation, const Value& pointer, Value right,
                      std::uint64_t of_null);
  std::optional<Value> enumerator(const Value& of, const Value& name) const;
  schema::Result<void> check_program(const Expression& expression, const std::vector<bs_op>& ops) const;
  schema::Error error(const Expression& at, const std::string& message, std::string hint = {}) const;

  const FunctionContext& context_;
  ExpressionCompiler& expressions_;
  bool at_return_;
  std::string text_;
  std::vector<schema::Unavailable> availability_;
  std::vector<std::string> issues_;
};

}  // namespace backsight::probes
