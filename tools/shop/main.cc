// The shop: POST /orders on one port, /metrics on another, and a warehouse thread
// that audits and fills the shelves once a second.
//
//   shop [ORDER_PORT [METRICS_PORT]]      (0: any free one; both are printed)
#include "tools/shop/checkout.h"
#include "tools/shop/http.h"

#include <boost/json.hpp>

#include <pthread.h>

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

namespace shop {
namespace {

constexpr int kWorkers = 6;
constexpr int kMetricsThreads = 4;

class Service {
 public:
  Service() : checkout_(stock_, prices_) {
    for (const char* sku :
         {"tea-green", "tea-black", "tea-white", "cup-small", "cup-large", "pot-iron", "honey", "biscuits"}) {
      stock_.add_shelf(sku, 20);
    }
    for (const char* name : {"Anna", "Bruno", "Chandra", "Dilek", "Emeka"}) {
      std::string email = std::string(name) + "@example.com";
      customers_[name] = Customer{name, std::move(email)};
    }
  }

  Response order(const Request& request) {
    if (request.method != "POST" || request.path != "/orders") return {404, "text/plain", "not found\n"};
    boost::system::error_code error;
    const boost::json::value body = boost::json::parse(request.body, error);
    if (error) return {400, "text/plain", "not JSON\n"};
    try {
      const Order order = read_order(body);
      const Outcome outcome = checkout_.reserve(order);
      return {outcome == Outcome::kReserved ? 200 : 409, "application/json",
              "{\"order\":" + std::to_string(order.id) + "}\n"};
    } catch (const std::exception&) {
      return {400, "text/plain", "not an order\n"};
    }
  }

  Response metrics(const Request& request) const {
    if (request.path != "/metrics") return {404, "text/plain", "not found\n"};
    return {200, "text/plain; version=0.0.4",
            "# HELP shop_orders_total Orders answered.\n# TYPE shop_orders_total counter\n"
            "shop_orders_total{outcome=\"reserved\"} " +
                std::to_string(checkout_.reserved()) + "\nshop_orders_total{outcome=\"refused\"} " +
                std::to_string(checkout_.refused()) +
                "\n# HELP shop_oversold_total Pieces sold that never existed.\n"
                "# TYPE shop_oversold_total counter\nshop_oversold_total " +
                std::to_string(oversold_) + "\n" + stock_.metrics()};
  }

  void run_warehouse() {
    for (;;) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      oversold_ += stock_.audit();
      std::fflush(stdout);
      stock_.restock();
    }
  }

 private:
  Order read_order(const boost::json::value& body) {
    Order order;
    order.id = ++last_order_;
    const auto customer = customers_.find(std::string(body.at("customer").as_string()));
    if (customer != customers_.end()) order.customer = &customer->second;
    for (const auto& item : body.at("items").as_array()) {
      order.items.push_back(
          {std::string(item.at("sku").as_string()), static_cast<int>(item.at("quantity").to_number<int>())});
    }
    order.total = body.at("total").to_number<double>();
    return order;
  }

  Stock stock_;
  Prices prices_;
  Checkout checkout_;
  std::map<std::string, Customer> customers_;
  std::atomic<long> last_order_{1000};
  std::atomic<long> oversold_{0};
};

int run(int argc, char** argv) {
  const auto port = [&](int i) { return static_cast<std::uint16_t>(argc > i ? std::atoi(argv[i]) : 0); };
  Service service;
  const HttpPort orders(port(1), kWorkers, "worker", [&](const Request& r) { return service.order(r); });
  const HttpPort metrics(port(2), kMetricsThreads, "metrics",
                         [&](const Request& r) { return service.metrics(r); });
  std::printf("orders on 127.0.0.1:%u, metrics on 127.0.0.1:%u\n", orders.port(), metrics.port());
  std::fflush(stdout);
  std::signal(SIGTERM, [](int) { _exit(0); });  // nothing here is worth a longer goodbye
  std::signal(SIGINT, [](int) { _exit(0); });
  std::thread warehouse([&] { service.run_warehouse(); });
  pthread_setname_np(warehouse.native_handle(), "warehouse");
  warehouse.join();
  return 0;
}

}  // namespace
}  // namespace shop

int main(int argc, char** argv) {
  try {
    return shop::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shop: %s\n", error.what());
    return 1;
  }
}
