// Type names as a person writes them in a cast.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

struct TypeName {
  std::string base;  // without qualifiers, struct, class, enum, union
  int pointers = 0;  // trailing '*' (and '&')
};
TypeName parse_type_name(std::string_view text);

// The names that compilers give a type in debug information: "unsigned long"
// is "long unsigned int" to gcc. The given one first.
std::vector<std::string> type_spellings(const std::string& name);

// The shortest usual name: "unsigned long", "std::string", "std::vector<int>".
std::string short_type_name(std::string name);

}  // namespace backsight::probes
