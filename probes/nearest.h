// "Did you mean …?": the names closest to one that does not exist. For keys of
// the configuration and for function names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// Collects the closest of many names in one pass, without keeping the others.
// Close means: few edits (insert, delete, replace, swap of neighbours, case
// counts half), or the same last component ("reserve" for "shop::Checkout::reserve").
class NearestNames {
 public:
  explicit NearestNames(std::string_view wanted, std::size_t max_count = 3);
  void offer(std::string_view name);
  // Best first; equals in alphabetical order; each once. Empty when nothing is close.
  std::vector<std::string> names() const;

 private:
  struct Candidate {
    std::size_t cost;  // in half edits
    std::string name;
  };
  std::string wanted_;
  std::size_t max_count_;
  std::size_t limit_;  // cost beyond which a name is not close
  std::vector<Candidate> best_;
};

std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string_view> names,
                                       std::size_t max_count = 3);

// "did you mean "a", "b" or "c"?", or empty.
std::string suggestion(const std::vector<std::string>& names);

// Cost to turn one into the other, in half edits; any value above `limit` when
// it is more than that.
std::size_t edit_cost(std::string_view from, std::string_view to, std::size_t limit);

}  // namespace backsight::probes
