#include "tools/shop/prices.h"

#include <chrono>
#include <functional>
#include <random>
#include <thread>

namespace shop {

double Prices::current(const std::string& sku) const {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto round_trip = std::chrono::microseconds(2000 + random() % 6000);
  std::this_thread::sleep_for(round_trip);  // stands for the network
  return 1.0 + static_cast<double>(std::hash<std::string>{}(sku) % 2000) / 100;
}

}  // namespace shop
