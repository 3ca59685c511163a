#include "query/item_index.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace backsight::query {

ItemIndex::ItemIndex(std::vector<schema::Item> items) : items_(std::move(items)) {
  by_place_.resize(items_.size());
  std::iota(by_place_.begin(), by_place_.end(), 0u);
  const auto key = [this](std::uint32_t index) {
    const schema::ItemHeader& header = items_[index].header;
    return std::tuple(header.type, header.address, ~header.captured, index);
  };
  std::sort(by_place_.begin(), by_place_.end(),
            [&key](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
}

const schema::Item* ItemIndex::find_root(std::uint16_t root) const {
  for (const schema::Item& item : items_) {
    if (item.header.depth == 0 && item.header.root == root) return &item;
  }
  return nullptr;
}

const schema::Item* ItemIndex::find(schema::TypeId type, std::uint64_t address) const {
  const auto wanted = std::pair(type.value, address);
  const auto found = std::lower_bound(
      by_place_.begin(), by_place_.end(), wanted, [this](std::uint32_t index, const auto& place) {
        return std::pair(items_[index].header.type, items_[index].header.address) < place;
      });
  if (found == by_place_.end()) return nullptr;
  const schema::Item& item = items_[*found];
  return std::pair(item.header.type, item.header.address) == wanted ? &item : nullptr;
}

}  // namespace backsight::query
