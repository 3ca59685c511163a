// Shell-like patterns on names and paths: '*' (any characters, '/' and "::" too),
// '?' (one character), '[a-z]' and '[!a-z]' (one of a set), '\' (the next character as it
// is). A '[' that is never closed stands for itself, so that "Row::operator[]" can be
// written as it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace backsight::probes {

// Does the whole of `text` match? At most pattern × text steps, no recursion.
bool glob_match(std::string_view pattern, std::string_view text);

// Are there characters with a special meaning in it? If not, it is a plain name.
bool is_glob(std::string_view pattern);

// What is wrong with a pattern for paths, where an open '[' is a slip; nothing
// if it is well formed.
std::optional<std::string> glob_problem(std::string_view pattern);

}  // namespace backsight::probes
