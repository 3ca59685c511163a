// The checkout: reserves what a customer has ordered.
#pragma once

#include "tools/shop/order.h"
#include "tools/shop/prices.h"
#include "tools/shop/stock.h"

#include <atomic>

namespace shop {

enum class Outcome { kReserved, kSoldOut, kUnknownItem, kPriceChanged };

class Checkout {
 public:
  Checkout(Stock& stock, const Prices& prices) : stock_(stock), prices_(prices) {}

  // Takes the order's items off the shelves, all of them or none. Any thread.
  Outcome reserve(const Order& order);

  long reserved() const { return reserved_; }
  long refused() const { return refused_; }

 private:
  Outcome check_and_take(const Order& order);

  Stock& stock_;
  const Prices& prices_;
  std::atomic<long> reserved_{0};
  std::atomic<long> refused_{0};
};

}  // namespace shop
