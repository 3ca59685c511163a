// Today's prices. They live in another system, which takes its time to answer.
#pragma once

#include <string>

namespace shop {

class Prices {
 public:
  // The price of one piece now, asked from the price service.
  double current(const std::string& sku) const;
};

}  // namespace shop
