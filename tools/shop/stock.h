// What stands on the shelves. Every access is under the lock.
#pragma once

#include <deque>
#include <mutex>
#include <string>

namespace shop {

struct Shelf {
  std::string sku;
  int count = 0;
  int capacity = 0;
};

class Stock {
 public:
  // Before any thread starts.
  void add_shelf(std::string sku, int capacity);
  Shelf* find(const std::string& sku);

  // Pieces on the shelf.
  int available(const Shelf& shelf) const;
  // Takes pieces off the shelf, and returns how many are left.
  int take(Shelf& shelf, int quantity);
  // Puts pieces onto the shelf, and returns how many are there.
  int put(Shelf& shelf, int quantity);

  // Looks for shelves that hold less than nothing; returns the pieces that were
  // sold and never existed.
  int audit();
  // Fills the empty shelves.
  void restock();
  std::string metrics() const;

 private:
  mutable std::mutex mutex_;
  std::deque<Shelf> shelves_;  // a shelf never moves
};

}  // namespace shop
