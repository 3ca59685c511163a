#include "query/suggest.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <numeric>
#include <utility>

namespace backsight::query {
namespace {

// Levenshtein distance, case ignored; names are cut off at 200 characters.
std::size_t distance(std::string_view a, std::string_view b) {
  a = a.substr(0, 200);
  b = b.substr(0, 200);
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string_view last_component(std::string_view name) {
  const std::size_t at = name.rfind("::");
  return at == std::string_view::npos ? name : name.substr(at + 2);
}

std::string listed(const std::vector<std::string>& names, const char* last) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? last : ", ";
    text += "'" + names[i] + "'";
  }
  return text;
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view name) {
  return pattern == name || fnmatch(std::string(pattern).c_str(), std::string(name).c_str(), 0) == 0;
}

std::vector<std::string> nearest_names(std::string_view wanted, const std::vector<std::string>& names,
                                       std::size_t count) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    const std::size_t by =
        std::min(distance(wanted, name), distance(last_component(wanted), last_component(name)));
    const std::size_t longest = std::max(last_component(wanted).size(), last_component(name).size());
    const bool contains = wanted.size() >= 3 && name.find(wanted) != std::string::npos;
    if (contains || by * 5 <= longest * 2) near.emplace_back(contains ? 0 : by, name);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::vector<std::string> out;
  for (auto& [by, name] : near) {
    if (out.size() < count) out.push_back(std::move(name));
  }
  return out;
}

std::string suggestion(std::string_view wanted, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  const auto near = nearest_names(wanted, names);
  if (!near.empty()) return "did you mean " + listed(near, " or ") + "?";
  std::vector<std::string> all = names;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  const bool more = all.size() > 10;
  if (more) all.resize(10);
  return (all.size() == 1 ? "there is " : "there are ") + listed(all, more ? ", " : " and ") +
         (more ? ", …" : "");
}

}  // namespace backsight::query
