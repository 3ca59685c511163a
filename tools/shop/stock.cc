#include "tools/shop/stock.h"

#include <cstdio>

namespace shop {

void Stock::add_shelf(std::string sku, int capacity) {
  shelves_.push_back(Shelf{std::move(sku), capacity, capacity});
}

Shelf* Stock::find(const std::string& sku) {
  for (Shelf& shelf : shelves_) {
    if (shelf.sku == sku) return &shelf;
  }
  return nullptr;
}

int Stock::available(const Shelf& shelf) const {
  const std::lock_guard lock(mutex_);
  return shelf.count;
}

int Stock::take(Shelf& shelf, int quantity) {
  const std::lock_guard lock(mutex_);
  shelf.count -= quantity;
  return shelf.count;
}

int Stock::put(Shelf& shelf, int quantity) {
  const std::lock_guard lock(mutex_);
  shelf.count += quantity;
  return shelf.count;
}

int Stock::audit() {
  const std::lock_guard lock(mutex_);
  int oversold = 0;
  for (const Shelf& shelf : shelves_) {
    if (shelf.count >= 0) continue;
    std::printf("audit: %s: %d on the shelf\n", shelf.sku.c_str(), shelf.count);
    oversold -= shelf.count;
  }
  return oversold;
}

void Stock::restock() {
  const std::lock_guard lock(mutex_);
  for (Shelf& shelf : shelves_) {
    if (shelf.count <= 0) shelf.count = shelf.capacity;
  }
}

std::string Stock::metrics() const {
  const std::lock_guard lock(mutex_);
  std::string text = "# HELP shop_shelf_pieces Pieces on a shelf.\n# TYPE shop_shelf_pieces gauge\n";
  for (const Shelf& shelf : shelves_) {
    text += "shop_shelf_pieces{sku=\"" + shelf.sku + "\"} " + std::to_string(shelf.count) + "\n";
  }
  return text;
}

}  // namespace shop
