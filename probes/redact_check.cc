#include "probes/redact_check.h"

#include "probes/dynamic_types.h"
#include "probes/function_pattern.h"
#include "probes/glob.h"
#include "probes/line_pattern.h"
#include "probes/nearest.h"
#include "probes/type_name.h"

#include <set>

namespace backsight::probes {

using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;

namespace {

constexpr std::size_t kMaxReached = 5'000;

// Whose members a path may name where it has come to one of `from`: what lies behind
// pointers, elements of containers, bases.
class Reached {
 public:
  Reached(const FunctionContext& context, const std::vector<TypeId>& from) : context_(context) {
    for (const TypeId type : from) add(type);
    for (std::size_t i = 0; i < all_.size() && all_.size() < kMaxReached; ++i) look_through(all_[i]);
  }

  std::vector<TypeId> members_named(const std::string& name) const {
    std::vector<TypeId> found;
    for (const TypeId id : all_) {
      for (const Member& member : context_.types.type(id).members) {
        if (member.name == name) found.push_back(member.type);
      }
    }
    return found;
  }

  std::vector<std::string> nearest(const std::string& wanted) const {
    NearestNames names(wanted);
    for (const TypeId id : all_) {
      const Type& type = context_.types.type(id);
      if (type.container != schema::Container::kNone) continue;
      for (const Member& member : type.members) names.offer(member.name);
    }
    return names.names();
  }

 private:
  void add(TypeId type) {
    if (type != kNoType && seen_.insert(type.value).second) all_.push_back(type);
  }

  void look_through(TypeId id) {
    const TypeId target = context_.types.pointee(id);
    add(target);
    if (context_.dynamic && target != kNoType) {
      for (const TypeId derived : context_.dynamic->link(target)) add(derived);
    }
    const Type type = context_.types.type(id);
    const bool is_pair = type.name.starts_with("std::pair<");
    for (const Member& member : type.members) {
      const bool is_looked_through =
          member.is_base || member.name.empty() || is_pair || type.container != schema::Container::kNone;
      if (is_looked_through || type.name.starts_with("node of ")) add(member.type);
    }
  }

  const FunctionContext& context_;
  std::set<std::uint32_t> seen_;
  std::vector<TypeId> all_;
};

// What the rest of the path leads to nothing of; null: it leads somewhere.
std::optional<Issue> follow(const FunctionContext& context, const RedactPattern& pattern, TypeId root) {
  const std::vector<std::string> steps = redact_steps(pattern);
  std::vector<TypeId> at = {root};
  std::string path = steps.front();
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const Reached reached(context, at);
    at = reached.members_named(steps[i]);
    if (at.empty()) {
      const std::string& name = context.types.type(root).name;
      return Issue{"redact: '" + pattern.text + "' names nothing: '" + path + "'" +
                       (i == 1 && !name.empty() ? " (" + name + ")" : "") + " has no member '" + steps[i] +
                       "'",
                   suggestion(reached.nearest(steps[i]))};
    }
    path += "." + steps[i];
  }
  return std::nullopt;
}

bool is_on_one_function(const ProbeConfig& probe) {
  return !parse_line_pattern(probe.function) && !FunctionPattern(searched_text(probe)).is_glob();
}

}  // namespace

std::vector<RedactPattern> resolve_redact(const std::vector<RedactPattern>& patterns, const DebugIndex& index,
                                          TypeBuilder& types) {
  std::vector<RedactPattern> resolved = patterns;
  for (const RedactPattern& pattern : patterns) {
    if (!pattern.is_type()) continue;
    const std::string wanted = pattern.text.substr(5);
    for (const std::string& spelling : type_spellings(wanted)) {
      const DieKey key = is_glob(wanted) ? 0 : index.type_named(spelling);
      if (key == 0) continue;
      const std::string& name = types.type(types.build(key)).name;
      if (!name.empty() && name != wanted) resolved.push_back({"type:" + name, pattern.of_service});
      break;
    }
  }
  return resolved;
}

RedactCheck check_redact(const ProbeConfig& probe, const FunctionContext& context) {
  RedactCheck result;
  FunctionContext plain = context;  // in which nothing is refused for being redacted
  plain.redaction = nullptr;
  for (const RedactPattern& pattern : probe.redact) {
    if (pattern.of_service || !pattern.is_exact() || result.refusal) continue;
    auto root = ExpressionCompiler(plain).compile(redact_steps(pattern).front());
    if (root) {
      result.refusal = follow(plain, pattern, root->type);
      continue;
    }
    Issue issue{"redact: '" + pattern.text + "' names nothing: " + root.error().message, root.error().hint};
    if (is_on_one_function(probe)) {
      result.refusal = std::move(issue);
    } else {
      result.notes.push_back(std::move(issue));
    }
  }
  return result;
}

}  // namespace backsight::probes
