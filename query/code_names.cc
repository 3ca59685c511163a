#include "query/code_names.h"

#include <array>
#include <vector>

namespace backsight::query {
namespace {

// Length of the operator symbol that begins at `at`, right behind "operator".
std::size_t operator_symbol(std::string_view text, std::size_t at) {
  constexpr std::string_view kWord = "operator";
  if (at < kWord.size() || text.substr(at - kWord.size(), kWord.size()) != kWord) return 0;
  constexpr std::array<std::string_view, 12> kSymbols = {"<=>", "<<=", ">>=", "->*", "<<", ">>",
                                                         "<=",  ">=",  "->",  "()",  "<",  ">"};
  for (const std::string_view symbol : kSymbols) {
    if (text.substr(at).starts_with(symbol)) return symbol.size();
  }
  return 0;
}

struct Template {
  std::string_view name;  // "std::_Function_handler"
  std::vector<std::string_view> arguments;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The first template-id of `symbol`; its arguments at the outermost level.
std::optional<Template> first_template(std::string_view symbol) {
  const std::size_t open = symbol.find('<');
  if (open == std::string_view::npos) return std::nullopt;
  Template found;
  found.name = symbol.substr(0, open);
  int depth = 0;  // of any bracket
  std::size_t begin = open + 1;
  for (std::size_t at = begin; at < symbol.size(); ++at) {
    if (const std::size_t length = operator_symbol(symbol, at); length > 0) {
      at += length - 1;
      continue;
    }
    const char c = symbol[at];
    if (c == '-' && at + 1 < symbol.size() && symbol[at + 1] == '>') {
      ++at;
    } else if (c == '<' || c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (depth > 0 && (c == '>' || c == ')' || c == ']' || c == '}')) {
      --depth;
    } else if (depth == 0 && (c == ',' || c == '>')) {
      found.arguments.push_back(trimmed(symbol.substr(begin, at - begin)));
      if (c == '>') return found;
      begin = at + 1;
    }
  }
  return std::nullopt;
}

// What stands between the return type and the parameters of a pointer to a
// function: "*", "shop::Order::*". Empty: no such type.
std::string_view declarator(std::string_view type) {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < type.size(); ++at) {
    const char c = type[at];
    if (c == '(' && depth == 0) begin = at + 1;
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if (c != '>' && c != ')' && c != ']' && c != '}') continue;
    if (--depth < 0) return {};
    if (depth == 0 && c == ')' && at + 1 < type.size() && type[at + 1] == '(')
      return type.substr(begin, at - begin);
  }
  return {};
}

}  // namespace

std::optional<HeldType> held_by_any(std::string_view manager) {
  const auto found = first_template(manager);
  if (!found || !found->name.starts_with("std::") || found->arguments.empty()) return std::nullopt;
  const bool in_place =
      found->name.ends_with("any::_Manager_internal") || found->name.ends_with("__any_imp::_SmallHandler");
  const bool outside =
      found->name.ends_with("any::_Manager_external") || found->name.ends_with("__any_imp::_LargeHandler");
  if (!in_place && !outside) return std::nullopt;
  return HeldType{std::string(found->arguments[0]), in_place};
}

std::optional<std::string> held_by_function(std::string_view invoker) {
  constexpr std::string_view kVtable = "vtable for ";
  const bool is_vtable = invoker.starts_with(kVtable);
  if (is_vtable) invoker.remove_prefix(kVtable.size());
  const auto found = first_template(invoker);
  if (!found || !found->name.starts_with("std::")) return std::nullopt;
  std::size_t which = 0;
  if (!is_vtable && found->name.ends_with("::_Function_handler")) {
    which = 1;
  } else if (!is_vtable || !found->name.ends_with("::__function::__func")) {
    return std::nullopt;
  }
  if (which >= found->arguments.size() || found->arguments[which].empty()) return std::nullopt;
  return std::string(found->arguments[which]);
}

bool is_method_pointer_type(std::string_view type) {
  return declarator(type).ends_with("::*");
}

bool is_function_pointer_type(std::string_view type) {
  return declarator(type) == "*" || is_method_pointer_type(type);
}

}  // namespace backsight::query
