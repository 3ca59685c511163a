#include "probes/glob.h"

namespace backsight::probes {
namespace {

// One element of a pattern that stands for exactly one character.
struct Element {
  std::size_t length = 1;  // characters of the pattern
  bool matches = false;
};

// The end of the set that begins with the '[' at `begin`: the offset behind its
// ']', or npos. A ']' that comes first is a member.
std::size_t set_end(std::string_view pattern, std::size_t begin) {
  std::size_t first = begin + 1;
  if (first < pattern.size() && (pattern[first] == '!' || pattern[first] == '^')) ++first;
  const std::size_t close = pattern.find(']', first + 1);
  return close == std::string_view::npos ? close : close + 1;
}

// `set` without its brackets.
bool in_set(std::string_view set, char c) {
  const bool negated = !set.empty() && (set[0] == '!' || set[0] == '^');
  if (negated) set.remove_prefix(1);
  const auto code = static_cast<unsigned char>(c);
  for (std::size_t i = 0; i < set.size(); ++i) {
    const auto low = static_cast<unsigned char>(set[i]);
    auto high = low;
    if (i + 2 < set.size() && set[i + 1] == '-') {
      high = static_cast<unsigned char>(set[i + 2]);
      i += 2;
    }
    if (low <= code && code <= high) return !negated;
  }
  return negated;
}

Element match_element(std::string_view pattern, std::size_t at, char c) {
  switch (pattern[at]) {
    case '?':
      return {1, true};
    case '\\':
      if (at + 1 < pattern.size()) return {2, pattern[at + 1] == c};
      return {1, c == '\\'};
    case '[':
      if (const std::size_t end = set_end(pattern, at); end != std::string_view::npos) {
        return {end - at, in_set(pattern.substr(at + 1, end - at - 2), c)};
      }
      return {1, c == '['};
    default:
      return {1, pattern[at] == c};
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t p = 0, t = 0;
  std::size_t star = kNone, resume = 0;  // behind the last '*', and what it has taken so far
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      resume = t;
      continue;
    }
    if (p < pattern.size()) {
      if (const Element element = match_element(pattern, p, text[t]); element.matches) {
        p += element.length;
        ++t;
        continue;
      }
    }
    // Only the last '*' has to take more: what an earlier one could give is given already.
    if (star == kNone) return false;
    p = star;
    t = ++resume;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool is_glob(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*' || c == '?' || c == '\\') return true;
    if (c == '[' && set_end(pattern, i) != std::string_view::npos) return true;
  }
  return false;
}

std::optional<std::string> glob_problem(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (++i == pattern.size()) return "it ends with a single '\\'";
      continue;
    }
    if (pattern[i] != '[') continue;
    const std::size_t end = set_end(pattern, i);
    if (end == std::string_view::npos) return "its '[' is never closed";
    i = end - 1;
  }
  return std::nullopt;
}

}  // namespace backsight::probes
