// How a probe names functions: "shop::Checkout::reserve", globs, overloads
// "reserve(int, *)", and mangled names. "(anonymous namespace)::" may be left out.
// "::reserve" is the function of just that name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

class FunctionPattern {
 public:
  explicit FunctionPattern(const std::string& text);

  bool is_mangled() const { return is_mangled_; }
  bool is_glob() const { return is_glob_; }
  const std::string& name() const { return name_; }
  bool has_parameters() const { return parameters_.has_value(); }
  bool matches_name(const std::string& qualified) const;
  // "take" names "take.part.0" too: what is left of it where a part was inlined.
  bool names_parts_of(const std::string& qualified) const;
  // Without a glob and a full name: "reserve" also finds "shop::Checkout::reserve",
  // and "add" finds "add<int>". For when no name matches as it is.
  bool matches_loosely(const std::string& qualified) const;
  // Parameter types as declared. A final "*" stands for any number of them.
  bool matches_parameters(const std::vector<std::string>& types) const;

 private:
  std::string name_;
  std::optional<std::vector<std::string>> parameters_;
  bool is_glob_ = false;
  bool is_mangled_ = false;
  bool is_exact_ = false;
};

}  // namespace backsight::probes
