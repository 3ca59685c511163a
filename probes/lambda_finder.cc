#include "probes/lambda_finder.h"

#include "probes/function_info.h"
#include "probes/function_symbols.h"
#include "probes/type_builder.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace backsight::probes {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMostBodies = 20'000;
constexpr std::size_t kMostLambdas = 10'000;
constexpr std::string_view kCall = "operator()";

// "{lambda(int)#2}" → "{lambda(int)}".
std::string without_numbers(std::string text) {
  for (std::size_t at = text.find(")#"); at != std::string::npos; at = text.find(")#", at + 1)) {
    const std::size_t end = text.find('}', at);
    if (end == std::string::npos) break;
    text.erase(at + 1, end - at - 1);
  }
  return text;
}

// What a name without a glob asks for, part by part.
struct Wanted {
  FunctionPattern enclosing;  // with parameters, if they are written
  std::optional<FunctionPattern> lambda;
};
std::optional<Wanted> parse(const std::string& text) {
  const std::size_t at = std::min({text.find("::{lambda("), text.find("::<lambda("), text.find("::$_")});
  const std::size_t end = text.size() - kCall.size() - 2;
  if (at == std::string::npos || text.size() < kCall.size() + 2 || end <= at + 3) return std::nullopt;
  if (text.substr(end) != "::" + std::string(kCall)) return std::nullopt;
  Wanted wanted{FunctionPattern(text.substr(0, at)), std::nullopt};
  const std::string lambda = text.substr(at + 3, end - at - 3);
  const std::size_t close = lambda.rfind(')');
  if (close != std::string::npos) wanted.lambda.emplace(lambda.substr(0, close + 1));
  return wanted;
}

class Finder {
 public:
  Finder(const DwarfSession& session, const DebugIndex& index, const FunctionPattern& pattern)
      : session_(session),
        index_(index),
        types_(session, index),
        pattern_(pattern),
        plain_(without_numbers(pattern.name())),
        wanted_(pattern.is_glob() ? std::nullopt : parse(plain_.name())) {}

  std::vector<InlinedLambda> find() {
    // clang has them outside of bodies.
    for (const FunctionEntry* entry : index_.functions_named(kCall)) {
      for (const DieKey key : entry->inlined_only) add_by_symbol(key);
    }
    if (pattern_.is_glob()) {
      search_glob();
    } else if (wanted_) {
      for (const FunctionEntry* entry : index_.functions_named(wanted_->enclosing.name())) search(*entry);
    }
    return std::move(found_);
  }

 private:
  void search_glob() {
    const std::string& text = pattern_.name();
    const std::string prefix = text.substr(0, text.find_first_of("*?[({"));
    for (const FunctionEntry& entry : index_.functions()) {
      const std::string name = index_.qualified(entry);
      if (name.starts_with(prefix) || prefix.starts_with(name)) search(entry);
    }
  }

  void search(const FunctionEntry& entry) {
    const std::string name = index_.qualified(entry);
    const bool is_it =
        !wanted_ || wanted_->enclosing.matches_name(name) || wanted_->enclosing.matches_loosely(name);
    if (!is_it) return;
    for (const auto& keys : {entry.inlined_only, entry.concrete}) {
      for (const DieKey key : keys) {
        if (bodies_++ >= kMostBodies) return;
        enclosing_ = key;
        if (const Die body = session_.die(key)) walk(body, 0);
      }
    }
  }

  void walk(const Die& body, int depth) {
    if (depth > kMaxDepth) return;
    for_each_child(body, [&](Die&& child) {
      const Dwarf_Half tag = child.tag();
      if (tag == DW_TAG_lexical_block) walk(child, depth + 1);
      if ((tag == DW_TAG_structure_type || tag == DW_TAG_class_type) && !child.name()) closure(child, depth);
      return found_.size() < kMostLambdas;
    });
  }

  // A class without a name that is called is that of a lambda.
  void closure(const Die& type, int depth) {
    for_each_child(type, [&](Die&& child) {
      const char* name = child.tag() == DW_TAG_subprogram ? child.name() : nullptr;
      if (!name || name != kCall) return true;
      if (child.has(DW_AT_inline) && !add_by_symbol(child.key()) && depth == 0) add_unnumbered(child.key());
      walk(child, depth + 1);
      return true;
    });
  }

  // False: it has no symbol's name.
  bool add_by_symbol(DieKey key) {
    const std::string mangled = mangled_name(session_, key);
    if (mangled.rfind("_Z", 0) != 0) return false;
    const std::string name = parse_symbol(mangled).qualified;
    const bool is_lambda =
        name.find("{lambda(") != std::string::npos || name.find("::$_") != std::string::npos;
    if (is_lambda && (pattern_.matches_name(name) || pattern_.matches_loosely(name))) add(key, name);
    return true;
  }

  void add_unnumbered(DieKey key) {
    const FunctionInfo around = read_function_names(session_, index_, types_, enclosing_);
    const FunctionInfo lambda = read_function_names(session_, index_, types_, key);
    std::string name = around.signature + "::{lambda(";
    for (const std::string& type : lambda.parameter_types) name += (name.back() == '(' ? "" : ", ") + type;
    name += ")}::" + std::string(kCall);
    const bool is_meant = wanted_ ? wanted_->enclosing.matches_parameters(around.parameter_types) &&
                                        wanted_->lambda &&
                                        wanted_->lambda->matches_parameters(lambda.parameter_types)
                                  : plain_.matches_name(name);
    if (is_meant) add(key, std::move(name));
  }

  void add(DieKey key, std::string name) {
    if (known_.insert(key).second) found_.push_back({key, std::move(name)});
  }

  const DwarfSession& session_;
  const DebugIndex& index_;
  TypeBuilder types_;
  const FunctionPattern& pattern_;
  FunctionPattern plain_;
  std::optional<Wanted> wanted_;
  DieKey enclosing_ = 0;
  std::size_t bodies_ = 0;
  std::unordered_set<DieKey> known_;
  std::vector<InlinedLambda> found_;
};

}  // namespace

std::vector<InlinedLambda> find_inlined_lambdas(const DwarfSession& session, const DebugIndex& index,
                                                const FunctionPattern& pattern) {
  const std::string& name = pattern.name();
  const bool may_be = name.find("lambda") != std::string::npos || name.find("$_") != std::string::npos ||
                      (pattern.is_glob() && name.find(kCall) != std::string::npos);
  return may_be ? Finder(session, index, pattern).find() : std::vector<InlinedLambda>();
}

std::string mangled_name(const DwarfSession& session, DieKey key) {
  for (int i = 0; i < 4 && key != 0; ++i) {
    const Die die = session.die(key);
    if (!die) break;
    const char* name = die.text(DW_AT_linkage_name);
    if (!name) name = die.text(DW_AT_MIPS_linkage_name);
    if (name) return name;
    key = die.reference(DW_AT_abstract_origin).value_or(0);
    if (key == 0) key = die.reference(DW_AT_specification).value_or(0);
  }
  return {};
}

}  // namespace backsight::probes
