// Customers: orders at random, a few at a time.
//
//   shop-load PORT [ORDERS_PER_SECOND [SECONDS]]
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 5;
constexpr const char* kSkus[] = {"tea-green", "tea-black", "tea-white", "cup-small",
                                 "cup-large", "pot-iron",  "honey",     "biscuits"};
constexpr const char* kCustomers[] = {"Anna", "Bruno", "Chandra", "Dilek", "Emeka"};

// One or two different items, a piece or two of each.
std::string random_order(std::mt19937& random) {
  const std::size_t first = random() % std::size(kSkus);
  const std::size_t second = (first + 1 + random() % (std::size(kSkus) - 1)) % std::size(kSkus);
  const auto item = [&](std::size_t sku) {
    return std::string("{\"sku\":\"") + kSkus[sku] +
           "\",\"quantity\":" + std::to_string(random() % 4 == 0 ? 2 : 1) + "}";
  };
  const std::string items = random() % 4 == 0 ? item(first) + "," + item(second) : item(first);
  return std::string("{\"customer\":\"") + kCustomers[random() % std::size(kCustomers)] + "\",\"items\":[" +
         items + "],\"total\":" + std::to_string(50 + random() % 100) + "}";
}

// One customer's connection; returns when it breaks or time is up.
void order_until(Clock::time_point end, std::uint16_t port, std::chrono::duration<double> mean_pause,
                 std::mt19937& random) {
  boost::asio::io_context context;
  beast::tcp_stream stream(context);
  beast::error_code error;
  stream.connect({boost::asio::ip::make_address("127.0.0.1"), port}, error);
  if (error) return;
  stream.socket().set_option(tcp::no_delay(true), error);
  std::exponential_distribution<double> pause(1 / mean_pause.count());
  beast::flat_buffer buffer;
  while (!error && Clock::now() < end) {
    http::request<http::string_body> out(http::verb::post, "/orders", 11);
    out.set(http::field::host, "127.0.0.1");
    out.body() = random_order(random);
    out.prepare_payload();
    http::write(stream, out, error);
    if (error) return;
    http::response<http::string_body> in;
    http::read(stream, buffer, in, error);
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: shop-load PORT [ORDERS_PER_SECOND [SECONDS]]\n", stderr);
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const double rate = argc > 2 ? std::atof(argv[2]) : 100;
  const auto end = Clock::now() + std::chrono::seconds(argc > 3 ? std::atoi(argv[3]) : 3600);
  const std::chrono::duration<double> mean_pause(kClients / rate);

  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([=] {
      std::mt19937 random(std::random_device{}());
      while (Clock::now() < end) {
        order_until(end, port, mean_pause, random);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  return 0;
}
