// First-fit allocation of index ranges [1, end): where a plan's operations and
// types go in their maps. Index 0 is reserved to mean "none".
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace backsight::collector {

class RangeAllocator {
 public:
  explicit RangeAllocator(std::uint32_t end) {
    if (end > 1) free_[1] = end - 1;
  }

  // Nothing where no free range is long enough. A length of 0 gives 0.
  std::optional<std::uint32_t> allocate(std::uint32_t length) {
    if (length == 0) return 0;
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->second < length) continue;
      const auto [begin, available] = *it;
      free_.erase(it);
      if (available > length) free_[begin + length] = available - length;
      return begin;
    }
    return std::nullopt;
  }

  // A range that allocate() gave.
  void release(std::uint32_t begin, std::uint32_t length) {
    if (length == 0) return;
    auto it = free_.emplace(begin, length).first;
    const auto next = std::next(it);
    if (next != free_.end() && it->first + it->second == next->first) {
      it->second += next->second;
      free_.erase(next);
    }
    if (it == free_.begin()) return;
    const auto previous = std::prev(it);
    if (previous->first + previous->second != it->first) return;
    previous->second += it->second;
    free_.erase(it);
  }

 private:
  std::map<std::uint32_t, std::uint32_t> free_;  // begin → length, never adjacent
};

}  // namespace backsight::collector
