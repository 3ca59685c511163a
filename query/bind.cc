// Evaluator against what plans capture: which captures an expression reads, and
// whether its names and members exist at all.
#include "query/evaluate.h"
#include "query/suggest.h"

#include <algorithm>
#include <set>

namespace backsight::query {
namespace {

using schema::Capture;
using schema::Expression;
using schema::ExpressionKind;
using schema::Plan;
using schema::Type;
using schema::TypeKind;

// First part of a capture's place: "order" of order.id, "skus".
const std::string& root_name(const Capture& capture) {
  if (capture.name == "ret") return capture.name;
  return capture.path.empty() ? shown_name(capture) : capture.path.front();
}

std::vector<std::string> place_of(const Capture& capture) {
  if (capture.name == "ret") return {"ret"};
  if (!capture.path.empty()) return capture.path;
  return {shown_name(capture)};
}

// Text by which two spellings of one expression are equal.
std::string canonical(const std::string& expression) {
  const auto parsed = schema::parse_expression(expression);
  return parsed ? schema::to_string(**parsed) : expression;
}

std::string last_component(const std::string& name) {
  const std::size_t at = name.rfind("::");
  return at == std::string::npos ? name : name.substr(at + 2);
}

class Binder {
 public:
  Binder(const Plan& plan, Binding& binding) : plan_(plan), binding_(binding) {
    binding_.wanted.assign(plan.captures.size(), false);
    for (const Capture& capture : plan.captures) canonical_.push_back(canonical(capture.expression));
  }

  void bind(const Expression& e) {
    const bool composite = e.kind != ExpressionKind::kInteger && e.kind != ExpressionKind::kFloat &&
                           e.kind != ExpressionKind::kString && e.kind != ExpressionKind::kBool &&
                           e.kind != ExpressionKind::kNull;
    if (composite && bind_captured(e)) return;
    if (e.kind == ExpressionKind::kName) bind_name(e);
    for (const schema::ExpressionPtr& child : e.children) bind(*child);
  }

  bool is_known(const std::string& name) const {
    if (is_builtin_name(name) || has_root(name)) return true;
    return has_root("this") || find_enumerator(name).has_value();
  }

 private:
  void want(std::size_t index) {
    binding_.wanted[index] = true;
    (plan_.captures[index].at_return ? binding_.needs_return : binding_.needs_entry) = true;
  }

  bool bind_captured(const Expression& e) {
    const std::string text = schema::to_string(e);
    for (std::size_t i = 0; i < plan_.captures.size(); ++i) {
      const Capture& capture = plan_.captures[i];
      const bool by_name = e.kind == ExpressionKind::kName && !capture.name.empty() && capture.name == e.text;
      if (!by_name && canonical_[i] != text) continue;
      want(i);
      binding_.captured[&e] = place_of(capture);
      // Other captures may lie below it in the natural tree.
      for (std::size_t j = 0; j < plan_.captures.size(); ++j) {
        if (root_name(plan_.captures[j]) == root_name(capture)) want(j);
      }
      return true;
    }
    return false;
  }

  void bind_name(const Expression& e) {
    bool found = false;
    for (std::size_t i = 0; i < plan_.captures.size(); ++i) {
      if (root_name(plan_.captures[i]) != e.text) continue;
      want(i);
      found = true;
    }
    if (found) return;
    if (e.text == "duration" || e.text == "ret") binding_.needs_return = true;
    if (is_builtin_name(e.text) || e.text == "ret") return;
    if (auto enumerator = find_enumerator(e.text)) {
      binding_.enumerators[&e] = std::move(*enumerator);
    }
    for (std::size_t i = 0; i < plan_.captures.size(); ++i) {
      if (root_name(plan_.captures[i]) == "this") want(i);  // a member of `this`, unqualified
    }
  }

  bool has_root(const std::string& name) const {
    return std::any_of(plan_.captures.begin(), plan_.captures.end(),
                       [&](const Capture& capture) { return root_name(capture) == name; });
  }

  std::optional<std::string> find_enumerator(const std::string& name) const {
    const std::string wanted = last_component(name);
    for (const Type& type : plan_.types) {
      for (const schema::Enumerator& enumerator : type.enumerators) {
        if (last_component(enumerator.name) == wanted) return enumerator.name;
      }
    }
    return std::nullopt;
  }

  const Plan& plan_;
  Binding& binding_;
  std::vector<std::string> canonical_;
};

// Names that an expression over this plan may use.
void add_names(const Plan& plan, std::set<std::string>& names) {
  for (const Capture& capture : plan.captures) {
    names.insert(root_name(capture));
    if (!capture.name.empty()) names.insert(capture.name);
  }
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The names that no plan knows: the first one, in text order.
const Expression* find_unknown_name(const Expression& e, const std::vector<const Plan*>& plans) {
  if (e.kind == ExpressionKind::kName && e.text != "ret") {
    const bool known = std::any_of(plans.begin(), plans.end(), [&](const Plan* plan) {
      Binding unused;
      return Binder(*plan, unused).is_known(e.text) || [&] {
        Binding binding;
        Binder(*plan, binding).bind(e);
        return binding.captured.contains(&e);
      }();
    });
    return known ? nullptr : &e;
  }
  for (const schema::ExpressionPtr& child : e.children) {
    const Expression* unknown = find_unknown_name(*child, plans);
    if (unknown != nullptr) return unknown;
  }
  return nullptr;
}

}  // namespace

Binding Evaluator::bind(const Plan& plan) const {
  Binding binding;
  Binder(plan, binding).bind(*root_);
  return binding;
}

schema::Result<void> Evaluator::check(const std::vector<const Plan*>& plans) const {
  if (plans.empty()) return {};
  const Expression* unknown = find_unknown_name(*root_, plans);
  if (unknown == nullptr) return {};
  // A part around it may be captured as it stands (a global, a cast).
  for (const Plan* plan : plans) {
    const Binding binding = bind(*plan);
    for (const auto& [part, place] : binding.captured) {
      if (part->begin <= unknown->begin && unknown->end <= part->end) return {};
    }
  }
  std::set<std::string> names;
  for (const Plan* plan : plans) add_names(*plan, names);
  names.insert({"duration", "goroutine", "host", "pid", "thread", "tid"});
  const auto near = nearest_names(unknown->text, {names.begin(), names.end()}, 1);
  std::string hint = near.empty() ? "" : "did you mean '" + near.front() + "'? ";
  return schema::expression_error(text_, unknown->begin, "unknown name '" + unknown->text + "'",
                                  hint + "names here: " + joined(names));
}

}  // namespace backsight::query
