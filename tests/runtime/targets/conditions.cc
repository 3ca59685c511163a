// Calls with records of every kind of value that a condition can be about. Reads
// numbers of calls, one a line, and makes as many; "done" follows each.
#include "tests/runtime/targets/out_of_line.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>

namespace {

enum class State : std::uint8_t { kOpen, kPaid, kGone = 7 };
enum Colour { kRed = -1, kGreen = 1 };

struct Customer {
  std::string email;
  std::int32_t age = 0;
};

struct Record {
  std::int64_t id = 0;
  std::int8_t tiny = 0;
  std::uint8_t byte = 0;
  std::int16_t small = 0;
  std::uint16_t word = 0;
  std::int32_t number = 0;
  std::uint32_t natural = 0;
  std::int64_t large = 0;
  std::uint64_t huge = 0;
  bool flag = false;
  char letter = 'a';
  float ratio = 0;
  double total = 0;
  State state = State::kOpen;
  Colour colour = kRed;
  unsigned low : 3;
  int middle : 7;
  unsigned long long high : 40;
  std::string name;
  std::string_view view;
  const char* text = nullptr;
  char fixed[12] = {};
  const Customer* customer = nullptr;
  std::unique_ptr<Customer> owned;
  std::shared_ptr<int> shared;
  std::optional<int> maybe;
  const std::int32_t* pointer = nullptr;
  const double* measure = nullptr;
  const std::int32_t* broken = nullptr;  // memory that cannot be read, at times
  std::vector<std::int32_t> values;
  std::array<std::int32_t, 4> four = {};
  std::map<int, int> tree;
  std::list<int> nodes;
};

std::uint64_t visited = 0;

OUT_OF_LINE int visit(const Record& record, std::int32_t number, std::string_view view, std::uint64_t huge) {
  visited += static_cast<std::uint64_t>(record.id) + huge + view.size();
  asm volatile("" ::"r"(&record) : "memory");
  return number / 2;
}

class Maker {
 public:
  Maker() {
    void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    broken_ = static_cast<const std::int32_t*>(page);
  }

  void call(std::int64_t id) {
    Record record;
    record.id = id;
    record.tiny = static_cast<std::int8_t>(pick());
    record.byte = static_cast<std::uint8_t>(pick());
    record.small = static_cast<std::int16_t>(pick());
    record.word = static_cast<std::uint16_t>(pick());
    record.number = static_cast<std::int32_t>(pick());
    record.natural = static_cast<std::uint32_t>(pick());
    record.large = pick();
    record.huge = static_cast<std::uint64_t>(pick());
    record.flag = chance();
    record.letter = "abxyz"[roll(5)];
    record.ratio = static_cast<float>(real());
    record.total = real();
    record.state = std::array{State::kOpen, State::kPaid, State::kGone}[roll(3)];
    record.colour = chance() ? kRed : kGreen;
    record.low = roll(8);
    record.middle = static_cast<int>(roll(128)) - 64;
    record.high = static_cast<std::uint64_t>(pick()) & 0xffffffffff;
    record.name = words_[roll(words_.size())];
    record.view = words_[roll(words_.size())];
    record.text = chance() ? words_[roll(words_.size())].c_str() : nullptr;
    std::strncpy(record.fixed, words_[roll(words_.size())].c_str(), sizeof record.fixed);
    Customer customer{words_[roll(words_.size())], static_cast<std::int32_t>(roll(90))};
    if (chance()) record.customer = &customer;
    if (chance()) record.owned = std::make_unique<Customer>(customer);
    if (chance()) record.shared = std::make_shared<int>(static_cast<int>(roll(4)));
    if (chance()) record.maybe = static_cast<int>(roll(5));
    const auto pointed = static_cast<std::int32_t>(roll(4)) - 1;
    if (chance()) record.pointer = &pointed;
    const double measured = real();
    if (chance()) record.measure = &measured;
    record.broken = chance() ? broken_ : &pointed;
    record.values.assign(roll(6), static_cast<std::int32_t>(roll(10)));
    record.four = {1, 2, static_cast<std::int32_t>(roll(5)), -4};
    for (std::size_t i = roll(4); i > 0; --i) record.tree[static_cast<int>(i)] = 1;
    record.nodes.assign(roll(4), 3);
    visit(record, static_cast<std::int32_t>(pick()), words_[roll(words_.size())],
          static_cast<std::uint64_t>(pick()));
  }

 private:
  bool chance() { return roll(2) == 0; }
  std::uint32_t roll(std::size_t sides) { return static_cast<std::uint32_t>(random_() % sides); }
  // Small ones, the ends of every width, and any.
  std::int64_t pick() {
    static constexpr std::int64_t kEnds[] = {0,
                                             1,
                                             -1,
                                             2,
                                             7,
                                             100,
                                             127,
                                             128,
                                             -128,
                                             255,
                                             32767,
                                             -32768,
                                             65535,
                                             2147483647,
                                             -2147483648LL,
                                             4294967295LL,
                                             std::numeric_limits<std::int64_t>::max(),
                                             std::numeric_limits<std::int64_t>::min()};
    const auto kind = roll(4);
    if (kind == 0) return static_cast<std::int64_t>(random_());
    if (kind == 1) return static_cast<std::int64_t>(roll(21)) - 10;
    return kEnds[roll(std::size(kEnds))];
  }
  double real() {
    static constexpr double kReals[] = {0.0,
                                        -0.0,
                                        1.0,
                                        -1.5,
                                        0.1,
                                        1e300,
                                        1e-40,
                                        12345.678,
                                        std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::quiet_NaN()};
    return chance() ? kReals[roll(std::size(kReals))] : static_cast<double>(roll(200)) / 8 - 10;
  }

  std::mt19937_64 random_{20261122};
  const std::int32_t* broken_;
  std::vector<std::string> words_ = {"",
                                     "a",
                                     "abc",
                                     "abcdefgh",
                                     "abcdefghi",
                                     "order",
                                     "order-1",
                                     "order-12",
                                     "exactly-12-b",
                                     "a text of more than 16 bytes",
                                     "grün",
                                     "order\nx",
                                     std::string(200, 'w')};
};

}  // namespace

int main() {
  Maker maker;
  std::int64_t id = 0;
  unsigned long count = 0;
  while (std::scanf("%lu", &count) == 1) {
    while (count-- > 0) maker.call(++id);
    std::puts("done");
    std::fflush(stdout);
  }
  return visited == 42 ? 1 : 0;
}
