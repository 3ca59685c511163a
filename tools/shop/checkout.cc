#include "tools/shop/checkout.h"

namespace shop {

Outcome Checkout::reserve(const Order& order) {
  const Outcome outcome = check_and_take(order);
  ++(outcome == Outcome::kReserved ? reserved_ : refused_);
  return outcome;
}

Outcome Checkout::check_and_take(const Order& order) {
  // Is everything there?
  for (const Item& item : order.items) {
    const Shelf* shelf = stock_.find(item.sku);
    if (shelf == nullptr) return Outcome::kUnknownItem;
    if (stock_.available(*shelf) < item.quantity) return Outcome::kSoldOut;
  }
  // Is the price still what the customer was shown?
  double total = 0;
  for (const Item& item : order.items) total += item.quantity * prices_.current(item.sku);
  if (order.total > 0 && total > order.total * 1.1) return Outcome::kPriceChanged;
  // Take it.
  for (const Item& item : order.items) stock_.take(*stock_.find(item.sku), item.quantity);
  return Outcome::kReserved;
}

}  // namespace shop
