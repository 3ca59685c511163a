#include "query/evaluate.h"

#include "query/text.h"

#include <re2/re2.h>
#include <boost/json.hpp>

#include <charconv>
#include <deque>
#include <functional>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::value;
using schema::Expression;
using schema::ExpressionKind;

using Patterns = std::map<const Expression*, std::unique_ptr<re2::RE2>>;

// A value with its path in `unavailable`; empty: computed.
struct Found : Operand {
  std::string path;
};

class Evaluation {
 public:
  Evaluation(const Binding& binding, const Subject& subject, const Patterns& patterns)
      : binding_(binding), subject_(subject), patterns_(patterns) {}

  std::optional<bool> test(const Expression& e) { return truth(operand(e)); }

  // The operand of an operator: what is known to be cut off or missing is marked.
  Found operand(const Expression& e) { return marked(find(e)); }

 private:
  Found marked(Found found) const {
    if (found.value == nullptr || found.path.empty() || subject_.values->unavailable.empty()) return found;
    const auto reason = subject_.values->unavailable.find(found.path);
    if (reason == subject_.values->unavailable.end()) return found;
    if (found.value->is_null()) {
      found.value = nullptr;
    } else if (!is_pointer_value(*found.value)) {
      found.truncated = true;
      found.full_length = total_of(reason->second);
    }
    return found;
  }

  // "element_limit 32 of 100" → 100. A count that led to bad addresses is not believed.
  static std::optional<std::uint64_t> total_of(const std::string& reason) {
    if (reason.starts_with("bad_address")) return std::nullopt;
    const std::size_t at = reason.rfind(" of ");
    if (at == std::string::npos) return std::nullopt;
    std::uint64_t total = 0;
    const char* begin = reason.data() + at + 4;
    const auto parsed = std::from_chars(begin, reason.data() + reason.size(), total);
    if (parsed.ec != std::errc()) return std::nullopt;
    return total;
  }

  Found made(std::optional<value> computed) {
    Found found;
    if (computed) found.value = &owned_.emplace_back(std::move(*computed));
    return found;
  }
  Found made(std::optional<bool> computed) {
    return computed ? made(std::optional(value(*computed))) : Found();
  }

  Found find(const Expression& e) {
    if (const auto captured = binding_.captured.find(&e); captured != binding_.captured.end()) {
      Found found = at_path(captured->second);
      if (found.value != nullptr) return found;
    }
    switch (e.kind) {
      case ExpressionKind::kInteger:
        return made(
            std::optional(e.is_unsigned ? value(static_cast<std::uint64_t>(e.integer)) : value(e.integer)));
      case ExpressionKind::kFloat:
        return made(std::optional(value(e.floating)));
      case ExpressionKind::kString:
        return made(std::optional(text_value(e.text)));
      case ExpressionKind::kBool:
        return made(std::optional(e.boolean));
      case ExpressionKind::kNull:
        return made(std::optional(value(nullptr)));
      case ExpressionKind::kName:
        return name(e);
      case ExpressionKind::kMember:
        return member(find(*e.children[0]), e.text);
      case ExpressionKind::kIndex:
        return index(e);
      case ExpressionKind::kRange:
        return range(e);
      case ExpressionKind::kUnary:
        return unary(e);
      case ExpressionKind::kBinary:
        return binary(e);
      case ExpressionKind::kCast:
        return made(cast(e.text, operand(*e.children[0])));
      case ExpressionKind::kCall:
        return call(e);
    }
    return {};
  }

  Found at_path(const std::vector<std::string>& path) {
    Found found = root(path.front());
    for (std::size_t i = 1; i < path.size(); ++i) found = member(found, path[i]);
    return found;
  }

  Found root(const std::string& text) {
    Found found;
    if (text == "ret") {
      found.path = "return";
      if (subject_.values->has_result) found.value = &subject_.values->result;
      return found;
    }
    found.path = text;
    found.value = subject_.values->args.if_contains(text);
    return found;
  }

  Found name(const Expression& e) {
    Found found = root(e.text);
    if (found.value != nullptr || e.text == "ret") return found;
    if (const auto enumerator = binding_.enumerators.find(&e); enumerator != binding_.enumerators.end()) {
      return made(std::optional(value(boost::json::string(enumerator->second))));
    }
    if (e.text == "pid") return made(std::optional(value(subject_.pid)));
    if (e.text == "tid") return made(std::optional(value(subject_.tid)));
    if (e.text == "thread") return made(std::optional(text_value(subject_.thread)));
    if (e.text == "host") return made(std::optional(text_value(subject_.host)));
    if (e.text == "duration" && subject_.duration_ns)
      return made(std::optional(value(*subject_.duration_ns)));
    if (const value* self = subject_.values->args.if_contains("this"); self != nullptr && self->is_object()) {
      found.value = self;
      found.path = "this";
      return member(found, e.text);
    }
    return {};
  }

  Found member(const Found& of, const std::string& text) {
    Found found;
    if (of.value == nullptr) return found;
    if (const auto* object = of.value->if_object()) {
      if (is_pointer_value(*of.value)) return found;
      found.value = object->if_contains(text);
      if (!of.path.empty()) append_member(found.path = of.path, text);
      return found;
    }
    if (const auto* array = of.value->if_array()) return members(of, *array, text);
    return found;
  }

  // The member of each element: `order.items[0..8].sku`.
  Found members(const Found& of, const boost::json::array& array, const std::string& text) {
    boost::json::array out;
    Found found;
    found.truncated = of.truncated || (!of.path.empty() && subject_.values->unavailable.contains(of.path));
    for (std::size_t i = 0; i < array.size(); ++i) {
      Found one;
      one.value = &array[i];
      if (!of.path.empty()) one.path = of.path + "[" + std::to_string(i) + "]";
      const Found inner = member(one, text);
      if (inner.value == nullptr) return {};
      found.truncated =
          found.truncated || (!inner.path.empty() && subject_.values->unavailable.contains(inner.path));
      out.push_back(*inner.value);
    }
    found.value = &owned_.emplace_back(std::move(out));
    return found;
  }

  Found index(const Expression& e) {
    const Found of = operand(*e.children[0]), index = operand(*e.children[1]);
    if (of.value == nullptr || index.value == nullptr) return {};
    std::string storage;
    std::string_view text;
    const bool is_text = text_of(*index.value, storage, text);
    if (binding_.map_lookups.contains(&e) || (is_text && of.value->is_array())) return mapped(of, index);
    if (of.value->is_object() && is_text) return member(of, std::string(text));
    return element(of, index);
  }

  // What a map, shown as an object or as an array of {"key", "value"}, has at that key.
  Found mapped(const Found& of, const Found& key) {
    if (of.value->is_object()) {
      const auto name = name_of_key(*key.value);
      return name ? member(of, *name) : Found();
    }
    const auto* array = of.value->if_array();
    Found found;
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      const auto* entry = (*array)[i].if_object();
      const value* held = entry == nullptr ? nullptr : entry->if_contains("value");
      if (held == nullptr || equal(element_at(of, i, true), key) != true) continue;
      if (found.value != nullptr) return {};  // which of them?
      found.value = held;
      if (!of.path.empty()) found.path = of.path + "[" + std::to_string(i) + "].value";
    }
    return found;
  }

  // Element `i` of an array, or its key; nothing where it is null and nobody
  // knows whether truly.
  Found element_at(const Found& of, std::size_t i, bool is_key) const {
    Found found;
    found.value = &of.value->get_array()[i];
    if (is_key)
      found.value = found.value->is_object() ? found.value->get_object().if_contains("key") : nullptr;
    if (found.value == nullptr) return found;
    if (of.path.empty()) {
      if (found.value->is_null()) found.value = nullptr;
      return found;
    }
    found.path = of.path + "[" + std::to_string(i) + (is_key ? "].key" : "]");
    return marked(std::move(found));
  }

  std::optional<bool> contains_element(const Found& whole, const Found& part, bool is_key) const {
    if (part.value == nullptr) return std::nullopt;
    bool undecided = whole.truncated;
    for (std::size_t i = 0; i < whole.value->get_array().size(); ++i) {
      const auto same = equal(element_at(whole, i, is_key), part);
      if (same == true) return true;
      undecided = undecided || !same;
    }
    return undecided ? std::nullopt : std::optional(false);
  }

  Found element(const Found& of, const Found& index) {
    std::string storage;
    const auto at = integer_of(index);
    if (!at || *at < 0) return {};
    const auto position = static_cast<std::uint64_t>(*at);
    Found found;
    if (const auto* array = of.value->if_array()) {
      if (position >= array->size()) return {};
      found.value = &(*array)[position];
      if (!of.path.empty()) found.path = of.path + "[" + std::to_string(position) + "]";
      return found;
    }
    std::string_view text;
    if (text_of(*of.value, storage, text)) {
      return position < text.size() ? made(std::optional(text_value(text.substr(position, 1)))) : Found();
    }
    // p[0] is *p, and p is followed already.
    return position == 0 && !of.value->is_null() ? of : Found();
  }

  Found range(const Expression& e) {
    const Found of = operand(*e.children[0]);
    const auto from = integer_of(operand(*e.children[1])), to = integer_of(operand(*e.children[2]));
    if (of.value == nullptr || !from || !to || *from < 0 || *to < *from) return {};
    const auto begin = static_cast<std::size_t>(*from), end = static_cast<std::size_t>(*to);
    std::string storage;
    std::string_view text;
    Found found;
    if (text_of(*of.value, storage, text)) {
      found = made(std::optional(text_value(text.substr(std::min(begin, text.size()), end - begin))));
      found.truncated = of.truncated && end > text.size();
    } else if (const auto* array = of.value->if_array()) {
      boost::json::array part;
      for (std::size_t i = begin; i < end && i < array->size(); ++i) part.push_back((*array)[i]);
      found = made(std::optional(value(std::move(part))));
      found.truncated = of.truncated && end > array->size();
    }
    return found;
  }

  Found unary(const Expression& e) {
    if (e.text == "*") return find(*e.children[0]);
    const Found of = operand(*e.children[0]);
    if (e.text == "-") return made(negated(of));
    if (e.text == "~") return made(complement(of));
    const auto is_true = truth(of);
    return is_true ? made(std::optional(!*is_true)) : Found();
  }

  Found binary(const Expression& e) {
    if (e.text == "&&" || e.text == "||") return made(logical(e));
    const Found a = operand(*e.children[0]);
    if (e.text == "=~") return made(matches(e, a));
    const Found b = operand(*e.children[1]);
    if (e.text == "==") return made(equal(a, b));
    if (e.text == "!=") {
      const auto same = equal(a, b);
      return same ? made(std::optional(!*same)) : Found();
    }
    if (e.text[0] != '<' && e.text[0] != '>') return made(arithmetic(e.text, a, b));
    if (e.text == "<<" || e.text == ">>") return made(arithmetic(e.text, a, b));
    const auto by = order(a, b);
    if (!by) return {};
    const bool unordered = *by == kUnordered;
    if (e.text == "<") return made(std::optional(*by < 0));
    if (e.text == "<=") return made(std::optional(*by <= 0));
    if (e.text == ">") return made(std::optional(!unordered && *by > 0));
    return made(std::optional(!unordered && *by >= 0));
  }

  // The other side decides where one cannot be.
  std::optional<bool> logical(const Expression& e) {
    const bool deciding = e.text == "||";
    const auto left = test(*e.children[0]);
    if (left == deciding) return deciding;
    const auto right = test(*e.children[1]);
    if (right == deciding) return deciding;
    if (left && right) return !deciding;
    return std::nullopt;
  }

  std::optional<bool> matches(const Expression& e, const Found& of) {
    const auto pattern = patterns_.find(&e);
    std::string storage;
    std::string_view text;
    if (of.value == nullptr || of.truncated || pattern == patterns_.end()) return std::nullopt;
    if (!text_of(*of.value, storage, text)) return std::nullopt;
    return re2::RE2::PartialMatch({text.data(), text.size()}, *pattern->second);
  }

  Found call(const Expression& e) {
    const Found first = operand(*e.children[0]);
    if (e.text == "len") {
      const auto length = length_of(first);
      return length ? made(std::optional(value(*length))) : Found();
    }
    const Found second = operand(*e.children[1]);
    const bool is_key = binding_.map_lookups.contains(&e);
    if (e.text == "contains" && first.value != nullptr && first.value->is_array())
      return made(contains_element(first, second, is_key));
    if (is_key) return made(contains_key(first, second));
    return made(e.text == "contains" ? contains(first, second) : starts_with(first, second));
  }

  const Binding& binding_;
  const Subject& subject_;
  const Patterns& patterns_;
  std::deque<value> owned_;
};

}  // namespace

Evaluator::Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;
Evaluator::~Evaluator() = default;

bool is_builtin_name(std::string_view name) {
  return name == "pid" || name == "tid" || name == "thread" || name == "goroutine" || name == "host" ||
         name == "duration";
}

schema::Result<Evaluator> Evaluator::compile(const std::string& text) {
  Evaluator evaluator;
  evaluator.text_ = text;
  auto root = schema::parse_expression(text);
  if (!root) return root.error();
  evaluator.root_ = std::move(*root);
  BACKSIGHT_TRY(evaluator.prepare(*evaluator.root_));
  return evaluator;
}

schema::Result<void> Evaluator::prepare(const Expression& e) {
  if (e.kind == ExpressionKind::kBinary && e.text == "=~") {
    const Expression& pattern = *e.children[1];
    re2::RE2::Options options(re2::RE2::Quiet);
    auto compiled = std::make_unique<re2::RE2>(pattern.text, options);
    if (!compiled->ok()) {
      return schema::expression_error(text_, pattern.begin, "bad regular expression: " + compiled->error());
    }
    patterns_.emplace(&e, std::move(compiled));
  }
  for (const schema::ExpressionPtr& child : e.children) BACKSIGHT_TRY(prepare(*child));
  return {};
}

std::optional<bool> Evaluator::test(const Binding& binding, const Subject& subject) const {
  return Evaluation(binding, subject, patterns_).test(*root_);
}

std::optional<boost::json::value> Evaluator::evaluate(const Binding& binding, const Subject& subject) const {
  Evaluation evaluation(binding, subject, patterns_);
  const Found found = evaluation.operand(*root_);
  if (found.value == nullptr) return std::nullopt;
  return *found.value;
}

}  // namespace backsight::query
