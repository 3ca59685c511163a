// The items of one event, found by root number or by (type, address).
#pragma once

#include "schema/event.h"

#include <cstdint>
#include <vector>

namespace backsight::query {

class ItemIndex {
 public:
  explicit ItemIndex(std::vector<schema::Item> items);

  // The capture's own value: the first item of depth 0 with that root number.
  const schema::Item* find_root(std::uint16_t root) const;
  // The longest captured of the items with that type and address.
  const schema::Item* find(schema::TypeId type, std::uint64_t address) const;
  const std::vector<schema::Item>& items() const { return items_; }

 private:
  std::vector<schema::Item> items_;
  std::vector<std::uint32_t> by_place_;  // indexes of items_, by (type, address, captured descending)
};

}  // namespace backsight::query
