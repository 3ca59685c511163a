#include "probes/function_pattern.h"

#include "probes/config.h"
#include "probes/glob.h"
#include "probes/line_pattern.h"
#include "probes/type_name.h"

namespace backsight::probes {

namespace {

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

// At commas that are not inside template arguments or parentheses.
std::vector<std::string> split_parameters(std::string_view text) {
  std::vector<std::string> result;
  int nesting = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '<' || c == '(') ++nesting;
    if (c == '>' || c == ')') --nesting;
    if (c != ',' || (nesting != 0 && i < text.size())) continue;
    const std::string part = trimmed(text.substr(begin, i - begin));
    if (!part.empty()) result.push_back(part);
    begin = i + 1;
  }
  if (result.size() == 1 && result[0] == "void") result.clear();
  return result;
}

// "const T&" as "T const&", without spaces: both ways of writing compare equal.
std::string normalised(std::string text) {
  constexpr std::string_view kConst = "const ";
  if (text.rfind(kConst, 0) == 0) {
    const auto end = text.find_last_not_of("*& ");
    text = text.substr(kConst.size(), end + 1 - kConst.size()) + " const" + text.substr(end + 1);
  }
  const auto base = text.find_last_not_of("*& ");
  if (base != std::string::npos) text = short_type_name(text.substr(0, base + 1)) + text.substr(base + 1);
  std::string result;
  for (const char c : text) {
    if (c != ' ') result += c;
  }
  return result;
}

std::string without_template_arguments(const std::string& name) {
  if (name.empty() || name.back() != '>') return name;
  int nesting = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == '>') ++nesting;
    if (name[i] == '<' && --nesting == 0) return name.substr(0, i);
  }
  return name;
}

// "A<B<int> >" as "A<B<int>>".
std::string with_closed_angles(std::string name) {
  for (std::size_t at = name.find("> >"); at != std::string::npos; at = name.find("> >"))
    name.erase(at + 1, 1);
  return name;
}

// "A<B,3>" as "A<B, 3>", as compilers write it.
std::string with_spaced_commas(const std::string& name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    result += name[i];
    if (name[i] == ',' && i + 1 < name.size() && name[i + 1] != ' ') result += ' ';
  }
  return result;
}

std::string without_anonymous(std::string name) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (std::size_t at = name.find(kAnonymous); at != std::string::npos; at = name.find(kAnonymous))
    name.erase(at, kAnonymous.size());
  return name;
}

}  // namespace

FunctionPattern::FunctionPattern(const std::string& text) : name_(trimmed(text)) {
  is_exact_ = name_.starts_with("::");
  if (is_exact_) name_.erase(0, 2);
  is_mangled_ = name_.rfind("_Z", 0) == 0;
  std::string_view view = name_;
  if (view.size() > 6 && view.substr(view.size() - 6) == " const") view.remove_suffix(6);
  if (!is_mangled_ && !view.empty() && view.back() == ')') {
    int nesting = 0;
    std::size_t open = view.size();
    while (open-- > 0) {
      if (view[open] == ')') ++nesting;
      if (view[open] == '(' && --nesting == 0) break;
    }
    const bool is_call_operator =
        open < view.size() && open + 2 == view.size() && open >= 8 && view.substr(open - 8, 8) == "operator";
    if (open < view.size() && open > 0 && !is_call_operator) {
      parameters_ = split_parameters(view.substr(open + 1, view.size() - open - 2));
      name_ = trimmed(view.substr(0, open));
    }
  }
  is_glob_ = probes::is_glob(name_);
  name_ = with_spaced_commas(with_closed_angles(std::move(name_)));
}

bool FunctionPattern::matches_name(const std::string& qualified) const {
  const auto matches = [this](const std::string& name) {
    return name_ == name || (is_glob_ && glob_match(name_, name));
  };
  if (matches(qualified)) return true;
  const std::string written = without_anonymous(with_closed_angles(qualified));
  return written != qualified && matches(written);
}

bool FunctionPattern::names_parts_of(const std::string& qualified) const {
  const std::size_t part = qualified.rfind(".part.");
  if (part == std::string::npos) return false;
  const std::string whole = qualified.substr(0, part);
  return matches_name(whole) || matches_loosely(whole);
}

bool FunctionPattern::matches_loosely(const std::string& qualified) const {
  if (is_glob_) return false;
  const std::string bare = without_template_arguments(qualified);
  for (const std::string& candidate :
       {qualified, bare, without_anonymous(with_closed_angles(qualified)), without_anonymous(bare)}) {
    if (candidate == name_) return true;
    if (!is_exact_ && candidate.size() > name_.size() + 2 &&
        candidate.compare(candidate.size() - name_.size(), name_.size(), name_) == 0 &&
        candidate.compare(candidate.size() - name_.size() - 2, 2, "::") == 0) {
      return true;
    }
  }
  return false;
}

std::string searched_text(const ProbeConfig& probe) {
  if (schema::is_global(probe.function)) return probe.function;
  return probe.exact_name && !parse_line_pattern(probe.function) ? "::" + probe.function : probe.function;
}

bool FunctionPattern::matches_parameters(const std::vector<std::string>& types) const {
  if (!parameters_) return true;
  const bool open_ended = !parameters_->empty() && parameters_->back() == "*";
  const std::size_t fixed = parameters_->size() - (open_ended ? 1 : 0);
  if (types.size() < fixed || (!open_ended && types.size() != fixed)) return false;
  for (std::size_t i = 0; i < fixed; ++i) {
    const std::string wanted = normalised((*parameters_)[i]);
    const std::string given = normalised(types[i]);
    if (wanted != given && !(probes::is_glob(wanted) && glob_match(wanted, given))) return false;
  }
  return true;
}

}  // namespace backsight::probes
