// Evaluator against what plans capture: which captures an expression reads, and
// whether its names and members exist at all.
#include "query/evaluate.h"
#include "query/name_check.h"
#include "query/suggest.h"

#include <set>
#include <utility>

namespace backsight::query {
namespace {

using schema::Expression;
using schema::ExpressionKind;
using schema::Plan;

class Binder {
 public:
  Binder(const Plan& plan, Binding& binding) : plan_(plan), binding_(binding) {
    binding_.wanted.assign(plan.captures.size(), false);
  }

  void bind(const Expression& e) {
    if (const auto index = find_capture(e, plan_)) {
      const auto place = place_of(plan_.captures[*index]);
      want(*index);
      want_root(place.front());  // other captures may lie below it
      binding_.captured[&e] = place;
      return;
    }
    if (e.kind == ExpressionKind::kName) bind_name(e.text, e);
    for (const schema::ExpressionPtr& child : e.children) bind(*child);
  }

 private:
  void want(std::size_t index) {
    binding_.wanted[index] = true;
    (plan_.captures[index].at_return ? binding_.needs_return : binding_.needs_entry) = true;
  }

  bool want_root(const std::string& name) {
    bool found = false;
    for (std::size_t i = 0; i < plan_.captures.size(); ++i) {
      if (place_of(plan_.captures[i]).front() != name) continue;
      want(i);
      found = true;
    }
    return found;
  }

  void bind_name(const std::string& name, const Expression& e) {
    if (want_root(name)) return;
    if (name == "duration" || name == "ret") binding_.needs_return = true;
    if (is_builtin_name(name) || name == "ret") return;
    if (auto enumerator = find_enumerator(plan_, name)) binding_.enumerators[&e] = std::move(*enumerator);
    want_root("this");  // a member of `this`, unqualified
  }

  const Plan& plan_;
  Binding& binding_;
};

std::string joined(const std::set<std::string>& names) {
  constexpr std::size_t kMost = 20;
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count > kMost) return text + ", …";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

Binding Evaluator::bind(const Plan& plan) const {
  Binding binding;
  Binder(plan, binding).bind(*root_);
  binding.map_lookups = find_map_lookups(*root_, plan);
  return binding;
}

schema::Result<void> Evaluator::check(const std::vector<const Plan*>& plans) const {
  std::optional<UnknownName> unknown;
  std::set<std::string> known;
  for (const Plan* plan : plans) {
    auto found = find_unknown_name(*root_, *plan);
    if (!found) return {};
    if (unknown && found->where != unknown->where) {
      if (found->where->begin < unknown->where->begin) continue;
      known.clear();  // this plan knows more of it
    }
    known.insert(found->known.begin(), found->known.end());
    unknown = std::move(found);
  }
  if (!unknown) return {};
  if (!unknown->is_member) known.insert({"duration", "host", "pid", "thread", "tid"});
  const auto near = nearest_names(unknown->name, {known.begin(), known.end()}, 1);
  const std::string hint = near.empty() ? "" : "did you mean '" + near.front() + "'? ";
  const std::size_t at = unknown->is_member
                             ? unknown->where->end - std::min(unknown->where->end, unknown->name.size())
                             : unknown->where->begin;
  return schema::expression_error(
      text_, at,
      std::string("unknown ") + (unknown->is_member ? "member" : "name") + " '" + unknown->name + "'",
      hint + "there: " + joined(known));
}

}  // namespace backsight::query
