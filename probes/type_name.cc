#include "probes/type_name.h"

#include <algorithm>
#include <array>
#include <utility>

namespace backsight::probes {

namespace {

constexpr std::array<std::string_view, 7> kDropped = {"const", "volatile", "restrict", "struct",
                                                      "class", "enum",     "union"};

// Each row: names of one type.
const std::vector<std::vector<std::string>>& families() {
  static const std::vector<std::vector<std::string>> kFamilies = {
      {"short", "short int", "signed short", "signed short int"},
      {"unsigned short", "short unsigned int", "unsigned short int"},
      {"int", "signed", "signed int"},
      {"unsigned int", "unsigned"},
      {"long", "long int", "signed long", "signed long int"},
      {"unsigned long", "long unsigned int", "unsigned long int"},
      {"long long", "long long int", "signed long long", "signed long long int"},
      {"unsigned long long", "long long unsigned int", "unsigned long long int"},
      {"bool", "_Bool"},
  };
  return kFamilies;
}

// Drops `argument`, ", std::allocator<", wherever it ends a list of template arguments.
bool drop_last_argument(std::string& name, std::string_view argument) {
  bool found = false;
  for (std::size_t at = name.find(argument); at != std::string::npos; at = name.find(argument, at)) {
    int nesting = 0;
    std::size_t end = at + argument.size() - 1;
    for (; end < name.size(); ++end) {
      if (name[end] == '<') ++nesting;
      if (name[end] == '>' && --nesting == 0) break;
    }
    const std::size_t close = end >= name.size() ? end : name.find_first_not_of(' ', end + 1);
    if (close < name.size() && name[close] == '>') {
      name.erase(at, close - at);
      found = true;
    } else {
      at += argument.size();
    }
  }
  return found;
}

}  // namespace

TypeName parse_type_name(std::string_view text) {
  TypeName result;
  while (!text.empty() && (text.back() == '*' || text.back() == '&' || text.back() == ' ')) {
    if (text.back() != ' ') ++result.pointers;
    text.remove_suffix(1);
  }
  int nesting = 0;
  std::string word;
  const auto flush = [&] {
    const bool dropped = std::find(kDropped.begin(), kDropped.end(), word) != kDropped.end();
    if (!word.empty() && !dropped) result.base += (result.base.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : text) {
    if (c == '<') ++nesting;
    if (c == '>') --nesting;
    if (c == ' ' && nesting == 0) {
      flush();
    } else {
      word += c;
    }
  }
  flush();
  return result;
}

std::vector<std::string> type_spellings(const std::string& name) {
  for (const auto& family : families()) {
    if (std::find(family.begin(), family.end(), name) == family.end()) continue;
    std::vector<std::string> result = {name};
    for (const std::string& other : family) {
      if (other != name) result.push_back(other);
    }
    return result;
  }
  return {name};
}

std::string short_type_name(std::string name) {
  for (const auto& family : families()) {
    if (std::find(family.begin(), family.end(), name) != family.end()) return family.front();
  }
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"std::__cxx11::", "std::"},
      {"std::__1::", "std::"},
      {"std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
      {"std::basic_string_view<char, std::char_traits<char> >", "std::string_view"},
  };
  for (const auto& [from, to] : kNames) {
    for (std::size_t at = name.find(from); at != std::string::npos; at = name.find(from, at)) {
      name.replace(at, from.size(), to);
      at += to.size();
      // The space was there to keep two '>' apart.
      if (to.back() != '>' && to.back() != ':' && name.compare(at, 2, " >") == 0) name.erase(at, 1);
    }
  }
  // These are the defaults where they end a list of arguments.
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view argument : {", std::allocator<", ", std::char_traits<", ", std::less<",
                                            ", std::equal_to<", ", std::hash<", ", std::default_delete<"}) {
      found |= drop_last_argument(name, argument);
    }
  }
  return name;
}

}  // namespace backsight::probes
