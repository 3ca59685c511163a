#include "query/name_check.h"

#include "query/args.h"
#include "query/evaluate.h"
#include "query/members.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace backsight::query {
namespace {

using schema::Capture;
using schema::Container;
using schema::Expression;
using schema::ExpressionKind;
using schema::Plan;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

constexpr int kMaxTypesVisited = 256;

// What a part of an expression leads to, as far as the plan tells.
struct Target {
  std::optional<TypeId> type;     // nothing: not known, anything goes
  std::vector<std::string> path;  // in the natural tree; empty: not there
};

std::string last_component(const std::string& name) {
  const std::size_t at = name.rfind("::");
  return at == std::string::npos ? name : name.substr(at + 2);
}

class NameCheck {
 public:
  explicit NameCheck(const Plan& plan) : plan_(plan) {}

  // Nothing: an unknown name was found and is in `unknown`.
  std::optional<Target> check(const Expression& e) {
    if (const auto index = find_capture(e, plan_)) return target_of(plan_.captures[*index]);
    if (e.kind == ExpressionKind::kName) return check_name(e);
    std::optional<Target> first;
    for (const schema::ExpressionPtr& child : e.children) {
      auto target = check(*child);
      if (!target) return std::nullopt;
      if (!first) first = std::move(target);
    }
    switch (e.kind) {
      case ExpressionKind::kMember:
        return check_member(e, *first);
      case ExpressionKind::kIndex:
        if (is_map(*first)) map_lookups.insert(&e);
        return Target{element_of(*first), {}};
      case ExpressionKind::kCall:
        if (e.text == "contains" && is_map(*first)) map_lookups.insert(&e);
        break;
      case ExpressionKind::kUnary:
        if (e.text == "*") return first;
        break;
      default:
        break;
    }
    return Target{};
  }

  UnknownName unknown;
  std::set<const Expression*> map_lookups;

 private:
  Target target_of(const Capture& capture) const {
    if (capture.type == schema::kNoType || capture.is_range || !capture.projection.empty())
      return {std::nullopt, place_of(capture)};
    return {capture.type, place_of(capture)};
  }

  std::optional<Target> check_name(const Expression& e) {
    std::set<std::string> roots;
    for (const Capture& capture : plan_.captures) roots.insert(place_of(capture).front());
    if (roots.contains(e.text)) return Target{schema::kNoType, {e.text}};
    if (is_builtin_name(e.text) || find_enumerator(plan_, e.text)) return Target{};
    unknown = {&e, e.text, false, std::move(roots)};
    for (const Capture& capture : plan_.captures) {
      if (capture.name.empty()) continue;
      unknown.known.insert(capture.name);
    }
    if (!unknown.known.contains("this")) return std::nullopt;
    Expression self;
    self.kind = ExpressionKind::kName;
    self.text = "this";
    const auto capture = find_capture(self, plan_);
    const auto target = capture ? target_of(plan_.captures[*capture]) : Target{schema::kNoType, {"this"}};
    return check_member(e, target);
  }

  // The plan may have the member by type, or by a capture of its own.
  std::optional<Target> check_member(const Expression& e, const Target& of) {
    Target found;
    bool may_be = !of.type.has_value();
    std::set<std::string> known;
    if (!of.path.empty()) {
      found.path = of.path;
      found.path.push_back(e.text);
      for (const Capture& capture : plan_.captures) {
        const auto place = place_of(capture);
        if (place.size() <= of.path.size() || !std::equal(of.path.begin(), of.path.end(), place.begin()))
          continue;
        known.insert(place[of.path.size()]);
        if (place == found.path) return target_of(capture);
      }
      if (known.contains(e.text)) {
        found.type = schema::kNoType;
        may_be = true;
      }
    }
    if (of.type && *of.type != schema::kNoType) {
      const Type* type = followed(*of.type);
      if (type == nullptr || type->kind != TypeKind::kStruct || type->container != schema::Container::kNone) {
        may_be = true;
      } else {
        int visited = 0;
        if (const auto member = find_member(*type, e.text, known, visited))
          return Target{*member, found.path};
        may_be = may_be || visited > kMaxTypesVisited || is_of_derived(*type, e.text, known);
      }
    }
    if (may_be) return found;
    if (e.kind != ExpressionKind::kName) unknown = {&e, e.text, true, {}};
    unknown.known.insert(known.begin(), known.end());
    return std::nullopt;
  }

  std::optional<TypeId> find_member(const Type& type, const std::string& name, std::set<std::string>& known,
                                    int& visited) const {
    for (const schema::Member& member : type.members) {
      if (!member.is_base && !member.name.empty()) {
        if (!member.name.starts_with("_vptr")) known.insert(member.name);
        if (member.name == name) return member.type;
        continue;
      }
      if (++visited > kMaxTypesVisited || member.type.value >= plan_.types.size()) continue;
      if (const auto found = find_member(plan_.types[member.type.value], name, known, visited)) return found;
    }
    return std::nullopt;
  }

  // A member of some class that objects of this one may be of.
  bool is_of_derived(const Type& type, const std::string& name, std::set<std::string>& known) const {
    if (type.dynamic == schema::kNoType) return false;
    bool found = false;
    for (const Type& other : plan_.types) {
      int visited = 0;
      if (other.is_polymorphic && find_member(other, name, known, visited)) found = true;
    }
    return found;
  }

  const Type* type_of(TypeId id) const {
    return id.value < plan_.types.size() ? &plan_.types[id.value] : nullptr;
  }

  // What values of that type are shown as: what they point to or hold.
  const Type* followed(TypeId id) const {
    for (int i = 0; i < 16; ++i) {
      const Type* type = type_of(id);
      if (type == nullptr) return nullptr;
      switch (type->container) {
        case Container::kSmartPointer:
        case Container::kWeakPointer:
          id = type->target;
          continue;
        case Container::kOptional:
        case Container::kTransparent:
          if (type->members.empty()) return nullptr;
          id = type->members[0].type;
          continue;
        default:
          break;
      }
      if (type->kind != TypeKind::kPointer && type->kind != TypeKind::kReference) return type;
      id = type->target;
    }
    return nullptr;
  }

  const Type* followed(const Target& of) const {
    return of.type && *of.type != schema::kNoType ? followed(*of.type) : nullptr;
  }

  bool is_map(const Target& of) const {
    const Type* type = followed(of);
    return type != nullptr && type->is_map && !is_multimap(*type);
  }

  std::optional<TypeId> element_of(const Target& of) const {
    if (!of.type || *of.type == schema::kNoType) return std::nullopt;
    const Type* own = type_of(*of.type);
    const Type* type = followed(*of.type);
    if (own == nullptr || type == nullptr) return std::nullopt;
    // p[0] is *p, unless that has elements of its own.
    const bool has_elements = type->kind == TypeKind::kArray || type->container != Container::kNone;
    if (own->kind == TypeKind::kPointer) return has_elements ? std::nullopt : std::optional(own->target);
    std::optional<TypeId> element;
    switch (type->container) {
      case Container::kVector:
      case Container::kCounted:
      case Container::kDeque:
        element = type->target;
        break;
      case Container::kList:
      case Container::kTree:
        if (const Type* node = type_of(type->target); node != nullptr && !node->members.empty())
          element = node->members[0].type;
        break;
      default:
        if (type->kind == TypeKind::kArray) element = type->target;
    }
    if (!type->is_map || !element) return element;
    const Type* pair = type_of(*element);
    std::uint64_t offset = 0;
    const schema::Member* mapped =
        pair == nullptr ? nullptr : query::find_member(plan_.types, *pair, "second", offset);
    if (mapped == nullptr || is_multimap(*type)) return std::nullopt;
    return mapped->type;
  }

  const Plan& plan_;
};

}  // namespace

std::optional<UnknownName> find_unknown_name(const Expression& expression, const Plan& plan) {
  NameCheck check(plan);
  if (check.check(expression)) return std::nullopt;
  return std::move(check.unknown);
}

std::set<const Expression*> find_map_lookups(const Expression& expression, const Plan& plan) {
  NameCheck check(plan);
  check.check(expression);
  return std::move(check.map_lookups);
}

std::optional<std::string> find_enumerator(const Plan& plan, const std::string& name) {
  const std::string wanted = last_component(name);
  for (const Type& type : plan.types) {
    for (const schema::Enumerator& enumerator : type.enumerators) {
      if (last_component(enumerator.name) == wanted) return enumerator.name;
    }
  }
  return std::nullopt;
}

std::vector<std::string> place_of(const Capture& capture) {
  if (!capture.path.empty()) return capture.path;
  return {shown_name(capture)};
}

std::optional<std::size_t> find_capture(const Expression& part, const Plan& plan) {
  switch (part.kind) {
    case ExpressionKind::kInteger:
    case ExpressionKind::kFloat:
    case ExpressionKind::kString:
    case ExpressionKind::kBool:
    case ExpressionKind::kNull:
      return std::nullopt;
    default:
      break;
  }
  const std::string text = schema::to_string(part);
  for (std::size_t i = 0; i < plan.captures.size(); ++i) {
    const Capture& capture = plan.captures[i];
    if (part.kind == ExpressionKind::kName && capture.name == part.text) return i;
    if (capture.expression == text) return i;
    const auto parsed = schema::parse_expression(capture.expression);
    if (parsed && schema::to_string(**parsed) == text) return i;
  }
  return std::nullopt;
}

}  // namespace backsight::query
