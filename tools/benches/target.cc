// backsight-bench-target RATE SECONDS: calls handle() RATE times a second with
// changing values, as a service would; prints the number of calls. Two events a
// call.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace bench {

struct Request {
  long id;
  int kind;
  bool urgent;
  double amount;
  std::string customer;
  std::vector<long> items;
};

// NOLINTNEXTLINE(misc-use-internal-linkage): it is probed by name
__attribute__((noinline)) long handle(const Request& request, int priority) {
  asm volatile("" ::"r"(&request), "r"(priority) : "memory");
  return request.id % 7 == 0 ? -1 : priority;
}

}  // namespace bench

namespace {

std::vector<bench::Request> make_requests() {
  std::mt19937 random(7);
  std::vector<bench::Request> requests(997);
  for (std::size_t i = 0; i < requests.size(); i++) {
    auto& request = requests[i];
    request = {static_cast<long>(i),
               static_cast<int>(random() % 5),
               random() % 4 == 0,
               static_cast<double>(random() % 100000) / 100,
               "customer-" + std::to_string(random() % 100000),
               {}};
    for (unsigned n = random() % 5; n > 0; n--) request.items.push_back(static_cast<long>(random() % 1000));
  }
  return requests;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long rate = std::atol(argv[1]);
  const std::chrono::duration<double> span(std::atof(argv[2]));
  auto requests = make_requests();
  const auto start = std::chrono::steady_clock::now();
  long calls = 0, sum = 0;
  for (;;) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    if (passed >= span) break;
    const long due = static_cast<long>(passed.count() * static_cast<double>(rate));
    for (; calls < due; calls++) {
      auto& request = requests[static_cast<std::size_t>(calls) % requests.size()];
      request.id = calls;
      sum += bench::handle(request, static_cast<int>(calls % 3));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::cout << calls << std::endl;
  return sum == 1 ? 1 : 0;
}
