// The part of Comparison that says which reasons are allowed where.
#include "tests/truth/compare.h"

#include <algorithm>

namespace backsight::tests {
namespace json = boost::json;

bool Comparison::is_cut_there(const std::string& reason, std::size_t shown, std::size_t total) const {
  const std::size_t space = reason.find(' ');
  if (space == std::string::npos) return true;
  const std::string rest = reason.substr(space + 1);
  const std::size_t of = rest.find(" of ");
  if (rest.substr(0, of) != std::to_string(shown)) return false;
  return of == std::string::npos || rest.substr(of + 4) == std::to_string(total);
}

std::string_view Comparison::passed_here() const {
  const auto how = passing_->find(root());
  return how == passing_->end() ? std::string_view() : how->second;
}

std::string Comparison::gap(std::string_view reason) const {
  if (!is_root() || root() == "return") return {};
  if (reason == "optimized_out" && conditions_.by_clang && !conditions_.optimised)
    return "clang -O0: described only behind what is followed";
  return {};
}

bool Comparison::is_allowed(std::string_view reason, const json::value& expected,
                            const json::value& got) const {
  const std::string_view passed = passed_here();
  const auto* mark = marked(expected);
  const json::value& plain = mark != nullptr ? mark->at("value") : expected;
  if (mark != nullptr && reason == std::string_view(mark->at("$truth").as_string())) return true;
  if (reason == "undefined_type") return conditions_.limited;
  if (reason == "in_vector_register") return passed == "vector";
  if (reason == "optimized_out") {
    if (!is_root()) return false;
    if (root() == "return") return passed == "local" || conditions_.link_time;
    return conditions_.optimised && (passed != "memory" || conditions_.link_time);
  }
  if (reason == "unsupported_type") return passed == "x87" && root() == "return";
  if (reason == "element_limit") {
    return (plain.is_array() && plain.get_array().size() > conditions_.elements) ||
           (plain.is_object() && plain.get_object().size() > conditions_.elements);
  }
  std::string all, shown;
  if (reason == "string_limit") {
    // Up to three bytes of the last character are dropped; wide characters count by their own size.
    return bytes_of(plain, all) && 4 * all.size() > conditions_.string_bytes &&
           (got.is_null() || (bytes_of(got, shown) && 4 * (shown.size() + 3) >= conditions_.string_bytes));
  }
  if (reason == "depth_limit") {
    // References, pointers to pointers and containers are levels without a name.
    const auto levels =
        std::count_if(path_.begin(), path_.end(), [](char c) { return c == '.' || c == '['; });
    return static_cast<std::size_t>(levels) + 2 >= conditions_.depth;
  }
  if (reason == "byte_limit") return row_size_ >= conditions_.bytes / 8;
  return false;
}

}  // namespace backsight::tests
