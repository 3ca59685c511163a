// What the shop trades in. This little service is what `tools/demo` watches; it
// knows nothing of the watching.
#pragma once

#include <string>
#include <vector>

namespace shop {

struct Customer {
  std::string name;
  std::string email;
};

struct Item {
  std::string sku;
  int quantity = 0;
};

struct Order {
  long id = 0;
  const Customer* customer = nullptr;
  std::vector<Item> items;
  double total = 0;  // what the customer was shown
};

}  // namespace shop
