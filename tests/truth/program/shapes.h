// Classes as people write them, with what the ABI and the debug information find
// hard: padding, mixed register classes, bit-fields, anonymous members, bases.
#pragma once

#include "standard_text.h"

namespace data {

enum Plain { kPlainZero, kPlainOne, kPlainBig = 70000 };
enum class Small : std::uint8_t { kA = 1, kB = 2, kLast = 255 };
enum class Negative : std::int64_t {
  kLow = std::numeric_limits<std::int64_t>::min(),
  kMinus = -1,
  kZero = 0
};

struct Bytes3 {
  char a, b, c;
};
struct Ints2 {
  int first, second;
};
struct Longs2 {
  long first, second;
};
struct Longs3 {
  long first, second, third;
};
struct IntFloat {
  int i;
  float f;
};
struct Doubles2 {
  double x, y;
};
struct Floats3 {
  float x, y, z;
};
struct LongDouble {
  long i;
  double d;
};
struct DoubleLong {
  double d;
  long i;
};
struct Named {
  char name[12];
  int number;
};
struct Padded {
  char c;
  double d;
  short s;
  bool b;
};
struct __attribute__((packed)) Packed {
  char c;
  long l;
  short s;
};
struct Empty {};
struct Matrix {
  short cells[2][3][2];
  double weights[2];
};
struct Wide {
  long double x;
  __int128 big;
  int after;
};
struct Bits {
  unsigned urgent : 1;
  unsigned level : 3;
  int balance : 5;
  unsigned long serial : 40;
  signed char minus : 4;
  bool on : 1;
  Plain plain : 18;
};
struct Texts {
  std::string first;
  const char* second;
  std::string third;
};
struct Inner {
  int a;
  struct {
    short b;
    long c;
  };
};
struct Outer {
  Inner inner;
  std::vector<Inner> inners;
  Ints2* pointer;
  Small small;
};
struct Base {
  int id;
  long version;
};
struct Derived : Base {
  short id;  // hides the base's
  std::string text;
};
struct Other {
  long other;
};
struct Multiple : Base, Other {
  int own;
};
class Kept {  // not trivially copyable: passed by hidden reference
 public:
  Kept() = default;
  Kept(const Kept& other) : value(other.value) {}
  Kept& operator=(const Kept& other) {
    value = other.value;
    return *this;
  }
  ~Kept() { value = -1; }
  int value = 0;
};
struct Node {
  int value;
  Node* next;
};

}  // namespace data

template <>
struct oracle::Json<data::Plain> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, data::Plain value) {
    switch (value) {
      case data::kPlainZero:
        out += "\"kPlainZero\"";
        break;
      case data::kPlainOne:
        out += "\"kPlainOne\"";
        break;
      case data::kPlainBig:
        out += "\"kPlainBig\"";
        break;
      default:
        out += std::to_string(static_cast<unsigned>(value));
    }
  }
};
template <>
struct oracle::Make<data::Plain> {
  static void fill(Rng& rng, data::Plain& value) {
    static constexpr data::Plain kAll[] = {data::kPlainZero, data::kPlainOne, data::kPlainBig,
                                           static_cast<data::Plain>(5)};
    value = kAll[rng.below(4)];
  }
};
template <>
struct oracle::Json<data::Small> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, data::Small value) {
    out += value == data::Small::kA      ? "\"kA\""
           : value == data::Small::kB    ? "\"kB\""
           : value == data::Small::kLast ? "\"kLast\""
                                         : std::to_string(static_cast<int>(value));
  }
};
template <>
struct oracle::Make<data::Small> {
  static void fill(Rng& rng, data::Small& value) {
    static constexpr int kAll[] = {1, 2, 255, 77};
    value = static_cast<data::Small>(kAll[rng.below(4)]);
  }
};
template <>
struct oracle::Json<data::Negative> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, data::Negative value) {
    out += value == data::Negative::kLow     ? "\"kLow\""
           : value == data::Negative::kMinus ? "\"kMinus\""
           : value == data::Negative::kZero  ? "\"kZero\""
                                             : std::to_string(static_cast<std::int64_t>(value));
  }
};
template <>
struct oracle::Make<data::Negative> {
  static void fill(Rng& rng, data::Negative& value) {
    static constexpr std::int64_t kAll[] = {std::numeric_limits<std::int64_t>::min(), -1, 0, -2};
    value = static_cast<data::Negative>(kAll[rng.below(4)]);
  }
};
ORACLE_STRUCT(data::Bytes3, a, b, c)
ORACLE_STRUCT(data::Ints2, first, second)
ORACLE_STRUCT(data::Longs2, first, second)
ORACLE_STRUCT(data::Longs3, first, second, third)
ORACLE_STRUCT(data::IntFloat, i, f)
ORACLE_STRUCT(data::Doubles2, x, y)
ORACLE_STRUCT(data::Floats3, x, y, z)
ORACLE_STRUCT(data::LongDouble, i, d)
ORACLE_STRUCT(data::DoubleLong, d, i)
ORACLE_STRUCT(data::Named, name, number)
ORACLE_STRUCT(data::Padded, c, d, s, b)
ORACLE_STRUCT(data::Empty)
ORACLE_STRUCT(data::Matrix, cells, weights)
ORACLE_STRUCT(data::Wide, x, big, after)
ORACLE_STRUCT(data::Texts, first, second, third)
ORACLE_STRUCT(data::Inner, a, b, c)
ORACLE_STRUCT(data::Outer, inner, inners, pointer, small)
ORACLE_STRUCT(data::Base, id, version)
ORACLE_STRUCT(data::Multiple, id, version, other, own)
ORACLE_STRUCT(data::Kept, value)
ORACLE_JSON(data::Node, value, next)

// References cannot be bound to these members.
#define ORACLE_PUT_COPY(member)         \
  ::oracle::begin_member(out, #member); \
  ::oracle::put(out, decltype(value.member)(value.member));
#define ORACLE_FILL_COPY(member) value.member = ::oracle::make<decltype(value.member)>(rng);
#define ORACLE_STRUCT_COPY(Type, ...)                                                      \
  template <>                                                                              \
  struct oracle::Json<Type> {                                                              \
    static constexpr bool kFloat = false, kX87 = false;                                    \
    static void put(std::string& out, const Type& value) {                                 \
      out += '{';                                                                          \
      ORACLE_EACH(ORACLE_PUT_COPY, __VA_ARGS__)                                            \
      out += '}';                                                                          \
    }                                                                                      \
  };                                                                                       \
  template <>                                                                              \
  struct oracle::Make<Type> {                                                              \
    static void fill(Rng& rng, Type& value) { ORACLE_EACH(ORACLE_FILL_COPY, __VA_ARGS__) } \
  };
ORACLE_STRUCT_COPY(data::Bits, urgent, level, balance, serial, minus, on, plain)
ORACLE_STRUCT_COPY(data::Packed, c, l, s)

template <>
struct oracle::Json<data::Derived> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::Derived& value) {
    out += "{\"version\":";
    oracle::put(out, value.version);
    out += ",\"data::Base::\":{\"id\":";
    oracle::put(out, value.Base::id);
    out += "},\"id\":";
    oracle::put(out, value.id);
    out += ",\"text\":";
    oracle::put(out, value.text);
    out += '}';
  }
};
template <>
struct oracle::Make<data::Derived> {
  static void fill(Rng& rng, data::Derived& value) {
    oracle::fill(rng, static_cast<data::Base&>(value));
    oracle::fill(rng, value.id);
    oracle::fill(rng, value.text);
  }
};
template <>
struct oracle::Make<data::Node> {
  static void fill(Rng& rng, data::Node& value) {
    oracle::fill(rng, value.value);
    value.next = nullptr;
    for (auto left = rng.below(5); left > 0; --left) {
      value.next = new data::Node{static_cast<int>(rng.next()), value.next};
    }
  }
};
