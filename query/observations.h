// What an expression was seen to be, over a span: the material of `history`
// and `last`.
#pragma once

#include "query/evaluate.h"
#include "query/functions.h"
#include "query/session.h"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <vector>

namespace backsight::query {

// EXPR of history and last: FUNCTION:expr, TYPE@ADDRESS:field or global:expr.
struct ObservedExpression {
  std::string function;  // empty for an object and for globals
  std::string type;      // empty for a function and for globals
  bool is_global = false;
  std::uint64_t address = 0;
  std::string expression;
};
schema::Result<ObservedExpression> parse_observed(const std::string& text);

struct Observation {
  schema::BootTime at;
  schema::Sequence sequence;  // event that showed it
  schema::Sequence call;      // the call's event: its entry, if seen
  schema::ProcessId process;
  schema::PlanId plan;
  std::uint32_t tid = 0;
  boost::json::value value;
};

struct Observations {
  std::vector<Observation> seen;  // in order of time
  std::uint64_t undecided = 0;
};

// A change: an observation that differs from the one before it in the same
// process, or is the first of the span there.
struct Change {
  const Observation* now = nullptr;
  const Observation* before = nullptr;  // null: the first one
};

// Expression and functions, looked up once for many spans.
class Observer {
 public:
  // kNotFound: no such function; kInvalid: bad expression.
  static schema::Result<Observer> create(const Timeline& timeline, const ObservedExpression& observed);

  schema::Result<Observations> observe(Session& session, const Timeline& timeline, const Filters& filters,
                                       const Span& span) const;
  const ChosenFunctions& functions() const { return functions_; }

 private:
  Observer(Evaluator evaluator) : evaluator_(std::move(evaluator)) {}
  schema::Result<void> observe_events(Session& session, const Timeline& timeline, const Filters& filters,
                                      const Span& span, Observations& out) const;
  schema::Result<void> observe_calls(Session& session, const Timeline& timeline, const Filters& filters,
                                     const Span& span, Observations& out) const;
  void observe_object(const Timeline& timeline, const store::StoredEvent& stored, const schema::Plan& plan,
                      Observations& out) const;
  Subject subject_of(const Timeline& timeline, schema::ProcessId process, std::uint32_t tid) const;

  ObservedExpression observed_;
  Evaluator evaluator_;
  ChosenFunctions functions_;
  std::map<schema::PlanId, Binding> bindings_;
  bool needs_calls_ = false;  // values of entry and return together
};

std::vector<Change> changes_of(const Observations& observations);

}  // namespace backsight::query
