// Names in messages: globs over function names and the nearest of what exists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backsight::query {

// Whole-name match with * ? [set].
bool matches_glob(std::string_view pattern, std::string_view name);

// Up to `count` of `names` that the user may have meant, nearest first.
std::vector<std::string> nearest_names(std::string_view wanted, const std::vector<std::string>& names,
                                       std::size_t count = 3);
// "did you mean 'a' or 'b'?"; where nothing is near: "there are 'a', 'b', 'c'"; empty for no names.
std::string suggestion(std::string_view wanted, const std::vector<std::string>& names);

}  // namespace backsight::query
