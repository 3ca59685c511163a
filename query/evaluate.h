// Expressions (interface.md, 3) over the values of one call, in three-valued
// logic: what is not available makes the result undecided, unless the other
// operand of && or || decides it. Pointers are followed in the values already,
// so '.', '->' and '*' are the same.
#pragma once

#include "query/args.h"
#include "query/operators.h"
#include "schema/expression.h"
#include "schema/plan.h"
#include "schema/result.h"

#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace backsight::query {

// What an expression may read.
struct Subject {
  const CallValues* values = nullptr;
  std::uint32_t pid = 0, tid = 0;
  std::string_view thread, host;
  std::optional<std::int64_t> duration_ns;
};

// An expression bound to what one plan captures.
struct Binding {
  std::vector<bool> wanted;   // captures that it reads
  bool needs_return = false;  // reads something that only the return event has
  bool needs_entry = false;
  // Parts of the expression that are captured as they stand, and where they are.
  std::map<const schema::Expression*, std::vector<std::string>> captured;
  std::map<const schema::Expression*, std::string> enumerators;
  std::set<const schema::Expression*> map_lookups;  // m[key], contains(m, key)
};

class Evaluator {
 public:
  // kInvalid with a caret where the text, a regular expression, a function or
  // a cast is wrong.
  static schema::Result<Evaluator> compile(const std::string& text);
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;
  ~Evaluator();

  // kInvalid with a caret, and the names that there are, if no plan of `plans`
  // knows a name or member.
  schema::Result<void> check(const std::vector<const schema::Plan*>& plans) const;
  Binding bind(const schema::Plan& plan) const;

  std::optional<bool> test(const Binding& binding, const Subject& subject) const;
  std::optional<boost::json::value> evaluate(const Binding& binding, const Subject& subject) const;

  const std::string& text() const { return text_; }
  const schema::Expression& root() const { return *root_; }

 private:
  Evaluator();
  schema::Result<void> prepare(const schema::Expression& expression);

  std::string text_;
  schema::ExpressionPtr root_;
  std::map<const schema::Expression*, std::unique_ptr<re2::RE2>> patterns_;
};

// Names that are always there: pid, tid, thread, goroutine, host, duration.
bool is_builtin_name(std::string_view name);

}  // namespace backsight::query
