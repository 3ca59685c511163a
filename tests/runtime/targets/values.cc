// Values of the first set, through -O2 calls that cannot be inlined away.
#include "tests/runtime/targets/out_of_line.h"
#include "tests/runtime/targets/truth.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shop {

enum class Color : std::uint8_t { kRed = 1, kGreen = 2 };

struct Flags {
  unsigned urgent : 1;
  unsigned level : 3;
  int balance : 5;
};

struct Item {
  std::string sku;
  int qty;
};

struct Customer {
  const char* name;
  std::string email;
  bool active;
};

struct Base {
  std::int64_t version;
};

struct Order : Base {
  std::uint64_t id;
  double total;
  Color color;
  Flags flags;
  char tag;
  const Customer* customer;
  std::vector<Item> items;
  short grid[2][3];
};

struct Pair {
  long first;
  int second;
};

struct Big {
  long values[6];
};

class Store {
 public:
  explicit Store(int stock) : stock_(stock) {}
  OUT_OF_LINE int reserve(const Order& order, int count);

 private:
  int stock_;
};

int Store::reserve(const Order& order, int count) {
  stock_ -= count;
  return order.items.empty() ? -1 : stock_;
}

OUT_OF_LINE std::string describe(const std::string& text, std::string_view suffix) {
  return std::string(text) + std::string(suffix);
}

OUT_OF_LINE Pair make_pair(Pair value) {
  return {value.first + 1, value.second - 1};
}

OUT_OF_LINE Big make_big(const Big* from, unsigned char tiny, bool on, signed char minus) {
  Big result = *from;
  result.values[0] += tiny + on + minus;
  return result;
}

OUT_OF_LINE Color next_color(Color color) {
  return color == Color::kRed ? Color::kGreen : Color::kRed;
}

OUT_OF_LINE const Customer* find(const std::vector<int>& ids, const Customer* fallback) {
  return ids.empty() ? nullptr : fallback;
}

OUT_OF_LINE double scale(double factor, long times) {
  return factor * static_cast<double>(times);
}

}  // namespace shop

namespace {

std::string json(const shop::Customer& customer) {
  return "{\"name\":" + truth::quote(customer.name) + ",\"email\":" + truth::quote(customer.email) +
         ",\"active\":" + (customer.active ? "true" : "false") + "}";
}

std::string json(const shop::Order& order) {
  std::string items;
  for (const auto& item : order.items) {
    items += (items.empty() ? "" : ",") + std::string("{\"sku\":") + truth::quote(item.sku) +
             ",\"qty\":" + std::to_string(item.qty) + "}";
  }
  return "{\"version\":" + std::to_string(order.version) + ",\"id\":" + std::to_string(order.id) +
         ",\"total\":" + std::to_string(order.total) +
         ",\"color\":" + (order.color == shop::Color::kRed ? "\"kRed\"" : "\"kGreen\"") +
         ",\"flags\":{\"urgent\":" + std::to_string(order.flags.urgent) +
         ",\"level\":" + std::to_string(order.flags.level) +
         ",\"balance\":" + std::to_string(order.flags.balance) +
         "},\"tag\":" + truth::quote(std::string(1, order.tag)) +
         ",\"customer\":" + (order.customer != nullptr ? json(*order.customer) : "null") + ",\"items\":[" +
         items + "],\"grid\":[[1,2,3],[-4,-5," + std::to_string(order.grid[1][2]) + "]]}";
}

void round(int number) {
  using namespace shop;
  const Customer customer{"Ada \"the first\"", "ada@example.org, and long enough for the heap",
                          number % 2 == 0};
  Order order{};
  order.version = -7;
  order.id = 0xfedcba9876543210u + static_cast<unsigned>(number);
  order.total = 12.5 * number;
  order.color = number % 2 == 0 ? Color::kRed : Color::kGreen;
  order.flags = {1, static_cast<unsigned>(number % 8), -(number % 16)};
  order.tag = static_cast<char>('a' + number % 26);
  order.customer = number % 3 == 0 ? nullptr : &customer;
  for (int i = 0; i < number % 5; ++i) {
    order.items.push_back({std::string(static_cast<std::size_t>(i * 9), 's') + std::to_string(i), i - 1});
  }
  const short grid[2][3] = {{1, 2, 3}, {-4, -5, static_cast<short>(number)}};
  std::copy(&grid[0][0], &grid[0][0] + 6, &order.grid[0][0]);
  Store store(100 - number);
  const auto stock = std::to_string(100 - number);
  const int left = store.reserve(order, number);
  truth::call("shop::Store::reserve",
              "{\"this\":{\"stock_\":" + stock + "},\"order\":" + json(order) +
                  ",\"count\":" + std::to_string(number) + "}",
              std::to_string(left));

  const std::string text = "text " + std::to_string(number);
  const std::string suffix(static_cast<std::size_t>(number * 3 % 400), '+');
  const std::string described = describe(text, suffix);
  truth::call("shop::describe",
              "{\"text\":" + truth::quote(text) + ",\"suffix\":" + truth::quote(suffix) + "}",
              truth::quote(described));

  const Pair pair = make_pair({-1L - number, number});
  truth::call(
      "shop::make_pair",
      "{\"value\":{\"first\":" + std::to_string(-1 - number) + ",\"second\":" + std::to_string(number) + "}}",
      "{\"first\":" + std::to_string(pair.first) + ",\"second\":" + std::to_string(pair.second) + "}");

  const Big from{{1, 2, 3, 4, 5, number}};
  const Big big = make_big(&from, 200, true, -3);
  truth::call("shop::make_big",
              "{\"from\":{\"values\":[1,2,3,4,5," + std::to_string(number) +
                  "]},\"tiny\":200,\"on\":true,\"minus\":-3}",
              "{\"values\":[" + std::to_string(big.values[0]) + ",2,3,4,5," + std::to_string(number) + "]}");

  next_color(order.color);
  truth::call("shop::next_color",
              std::string("{\"color\":") + (order.color == Color::kRed ? "\"kRed\"}" : "\"kGreen\"}"),
              order.color == Color::kRed ? "\"kGreen\"" : "\"kRed\"");

  const std::vector<int> ids(static_cast<std::size_t>(number % 4), number);
  const auto* found = find(ids, &customer);
  std::string id_text;
  for (const int id : ids) id_text += (id_text.empty() ? "" : ",") + std::to_string(id);
  truth::call("shop::find", "{\"ids\":[" + id_text + "],\"fallback\":" + json(customer) + "}",
              found == nullptr ? "null" : json(customer));

  scale(1.5, number);
  truth::call("shop::scale", "{\"factor\":null,\"times\":" + std::to_string(number) + "}", "null");
}

}  // namespace

int main() {
  int number = 0;
  while (truth::next_round()) {
    for (int i = 0; i < 40; ++i) round(number++);
    std::cout.flush();
  }
}
