// A C++ target for the planner's tests: every kind of parameter, member and
// result that is captured, at -O2.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

namespace shop {

enum class State : std::uint8_t { kNew, kPaid, kSent };
enum Level { kLow = -1, kHigh = 1 };

struct Item {
  std::string sku;
  int qty;
};

struct Customer {
  std::string email;
  Customer* referrer;
};

struct Base {
  virtual ~Base() = default;
  long created;
};

struct Order : Base {
  std::uint64_t id;
  State state;
  std::vector<Item> items;
  Customer* customer;
  double total;
  const char* note;
  unsigned flags : 3;
  unsigned retries : 12;
  std::uint64_t wide : 40;
  union {
    int small;
    long large;
  } choice;
  struct {
    int left, right;
  };
  int grid[2][3];
  char code[8];
  std::map<int, int> index;
  std::optional<int> rank;
  static int s_count;
};
int Order::s_count = 3;

struct Pair {
  std::uint64_t a, b;
};
struct Mixed {
  double d;
  long l;
};
struct Point {
  float x, y;
};
struct Small {
  int a;
  short b;
};
struct Big {
  long words[4];
};
struct Owner {
  Owner(const Owner&);
  explicit Owner(int);
  ~Owner();
  int value;
};
NOINLINE Owner::Owner(const Owner& other) : value(other.value) {}
NOINLINE Owner::Owner(int v) : value(v) {}
NOINLINE Owner::~Owner() { value = 0; }

int g_stats = 1;
static Order* g_last;

class Checkout {
 public:
  NOINLINE int reserve(const Order& order, int qty, const std::string& who, std::string_view where);
  NOINLINE int reserve(long id) const;
  NOINLINE std::string label(const std::vector<int>& numbers) const;

 private:
  std::vector<int> stock_;
  std::string name_;
};

NOINLINE int Checkout::reserve(const Order& order, int qty, const std::string& who, std::string_view where) {
  if (where.empty()) return -1;
  for (const Item& item : order.items) {
    if (item.qty > qty) throw item.qty;
    stock_.push_back(item.qty);
    std::printf("%s %s\n", item.sku.c_str(), who.c_str());
  }
  name_ = where;
  return static_cast<int>(stock_.size());
}

NOINLINE int Checkout::reserve(long id) const { return static_cast<int>(id) + static_cast<int>(stock_.size()); }

NOINLINE std::string Checkout::label(const std::vector<int>& numbers) const {
  return name_ + std::to_string(numbers.size());
}

NOINLINE Pair make_pair_of(std::uint64_t a) { return {a, a + 1}; }
NOINLINE Mixed make_mixed(double d, long l) { return {d, l}; }
NOINLINE Point make_point(float x) { return {x, x}; }
NOINLINE Small make_small(int a) { return {a, 3}; }
NOINLINE Big make_big(long v) { return {{v, v, v, v}}; }
NOINLINE Owner make_owner(int v) { return Owner(v); }
NOINLINE bool is_even(int v) { return v % 2 == 0; }
NOINLINE Level level_of(int v) { return v > 3 ? kHigh : kLow; }
NOINLINE double half(double v) { return v / 2; }
NOINLINE long take_pair(Pair p, Big big, Owner owner) {
  return static_cast<long>(p.a + p.b) + big.words[2] + owner.value;
}
NOINLINE long seven(int a, int b, int c, int d, int e, int f, long g, short h) { return a + b + c + d + e + f + g + h; }
NOINLINE const char* name_of(State state, signed char tiny, unsigned char* bytes, char letter) {
  bytes[0] = static_cast<unsigned char>(tiny + letter);
  return state == State::kNew ? "new" : "old";
}
template <class T>
NOINLINE T twice(T value) {
  return value + value;
}
NOINLINE int throws_always(int v) {
  if (v > 100) std::abort();
  throw v;
}
NOINLINE int calls_last(int v) { return is_even(v + 1) ? throws_always(v) : level_of(v); }
inline int inlined_only(int v) { return v * 37 + g_stats; }
namespace {
NOINLINE int hidden(int v) { return v ^ 5; }
}  // namespace

}  // namespace shop

int main(int argc, char** argv) {
  shop::Order order{};
  order.items = {{"A1", argc}};
  shop::g_last = &order;
  shop::Checkout checkout;
  int sum = 0;
  try {
    sum += checkout.reserve(order, argc, argv[0], "here");
    sum += checkout.reserve(argc) + static_cast<int>(checkout.label({1, 2}).size());
    sum += static_cast<int>(shop::make_pair_of(3).b + shop::make_mixed(1, 2).l + shop::make_big(argc).words[1]);
    sum += shop::make_small(argc).b + shop::make_owner(argc).value + shop::is_even(argc) + shop::level_of(argc);
    sum += static_cast<int>(shop::half(argc) + shop::make_point(2).x);
    sum += static_cast<int>(shop::take_pair({1, 2}, {{1, 2, 3, 4}}, shop::Owner(argc)));
    sum += static_cast<int>(shop::seven(1, 2, 3, 4, 5, 6, 7, 8));
    unsigned char bytes[4] = {};
    sum += shop::name_of(shop::State::kPaid, -1, bytes, 'x')[0];
    sum += shop::twice(argc) + static_cast<int>(shop::twice(2.5)) + shop::hidden(argc);
    sum += shop::inlined_only(argc) + shop::inlined_only(sum) + shop::g_last->s_count;
    sum += shop::calls_last(argc);
  } catch (int v) {
    sum += v;
  }
  std::printf("%d\n", sum);
  return 0;
}
