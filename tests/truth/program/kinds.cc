#include "kinds.h"

#include <cstdarg>

namespace data {

int Animal::legs() const {
  return 4;
}
int Dog::legs() const {
  return 3;
}
int Snake::legs() const {
  return 0;
}
int Swimmer::depth() const {
  return 1;
}
int Otter::depth() const {
  return 9;
}
void Device::reset() {
  port = 0;
}
void Reader::reset() {
  read = 0;
}
void Printer::reset() {
  printed = 0;
}
void Copier::reset() {
  copies = 0;
}
int Holder::late() {
  return other;
}

}  // namespace data

namespace truth {

long over(int i, long j) {
  oracle::sink(&i);
  return j + oracle::zero;
}
long over(const std::string& text) {
  return static_cast<long>(text.size()) + oracle::zero;
}
data::Ints2 over(data::Ints2 pair, const data::Longs3* far) {
  oracle::sink(far);
  return {pair.second, pair.first};
}

namespace inner::deep {
int nested(int depth, const data::Outer& outer) {
  oracle::sink(&outer);
  return depth - 1;
}
}  // namespace inner::deep

Counter::Counter(int start, std::string label) : start_(start), label_(std::move(label)) {
  oracle::sink(this);
}
Counter::~Counter() {
  oracle::sink(this);
}
int Counter::add(int amount) {
  start_ += amount & 0xff;
  return start_;
}
int Counter::peek(const Counter& other) const {
  return start_ - other.start_;
}
int Counter::shared(int amount) {
  return amount / 2 + oracle::zero;
}
int Counter::late(int amount) {
  return start_ ^ amount;
}
Counter& Counter::operator+=(const data::Ints2& pair) {
  start_ ^= pair.first;
  return *this;
}
int Counter::operator()(short amount) const {
  return start_ ^ amount;
}

int recursive(int depth, const std::string& text) {
  oracle::sink(&text);
  if (depth == 0) return oracle::zero;
  const int below = recursive(depth - 1, text);
  oracle::sink(&depth);
  return below + depth;
}

int wrapped(int value) {
  oracle::sink(&value);
  return value / 3;
}
int wrapper(int value) {
  return wrapped(value);
}

int variadic(int count, ...) {
  va_list list;
  va_start(list, count);
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += va_arg(list, int);
  va_end(list);
  return sum;
}

}  // namespace truth

int truth_flexible(const truth_packet* packet, int salt) {
  oracle::sink(packet);
  return packet->length + (salt & 1);
}

// What follows is called from this file alone.
namespace truth {

template <class T>
NOINLINE T templated(const T& value, int salt) {
  oracle::sink(&salt);
  return value;
}

namespace {
NOINLINE long hidden(long value, data::Longs2 pair) {
  oracle::sink(&pair);
  return value ^ pair.second;
}
}  // namespace

// Clones: one argument is a constant everywhere, one is never used, of one only a
// member is.
NOINLINE static int cloned(int value, int constant, const data::Longs3& longs, int unused) {
  static_cast<void>(unused);
  for (int i = 0; i < constant; ++i) oracle::sink(nullptr);
  return value + static_cast<int>(longs.second & 0xff);
}

// Its cold part is moved away.
NOINLINE static int chilly(int value, const std::string& text) {
  if (__builtin_expect(oracle::zero == 0, 1)) return value + 1;
  for (const char c : text) oracle::sink(&c);
  std::abort();
}

}  // namespace truth

template <>
struct oracle::Json<truth::Counter> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const truth::Counter& value) {
    out += "{\"$type\":\"truth::Counter\",\"start_\":" + std::to_string(value.start_) + ",\"label_\":";
    oracle::put(out, value.label_);
    out += '}';
  }
};

namespace {

using oracle::Call;
using oracle::make;
using oracle::Signature;

void call_recursive(int depth, const std::string& text) {
  // One row per level, outermost first: every level's return is known.
  std::vector<Call> calls;
  for (int d = depth; d >= 0; --d) calls.emplace_back("truth::recursive").arg("depth", d).arg("text", text);
  const int result = truth::recursive(depth, text);
  int d = depth, value = result;
  for (auto& call : calls) {
    call.ret(value);
    value -= d--;
  }
}

void call_methods(oracle::Rng& rng) {
  const int start = static_cast<int>(rng.next());
  const auto label = make<std::string>(rng);
  truth::Counter counter(start, label), other(make<int>(rng), label);
  const int amount = static_cast<int>(rng.below(100));
  {
    counter.start_ &= 0xffff;
    Call call("truth::Counter::add");
    call.arg("this", counter).arg("amount", amount);
    call.ret(counter.add(amount));
  }
  {
    counter.start_ = 5;
    other.start_ = 3;
    Call call("truth::Counter::peek");
    call.arg("this", counter).arg("other", other);
    call.ret(counter.peek(other));
  }
  {
    Call call("truth::Counter::shared");
    call.arg("amount", amount);
    call.ret(truth::Counter::shared(amount));
  }
  {
    Call call("truth::Counter::late");
    call.arg("this", counter).arg("amount", amount);
    call.ret(counter.late(amount));
  }
  {
    const auto pair = make<data::Ints2>(rng);
    Call call("truth::Counter::operator+=");
    call.arg("this", counter).arg("pair", pair);
    call.ret(counter += pair);
  }
  {
    const auto small = make<short>(rng);
    Call call("truth::Counter::operator()");
    call.arg("this", counter).arg("amount", small);
    call.ret(counter(small));
  }
}

void call_free(oracle::Rng& rng) {
  {
    const int i = make<int>(rng);
    const long j = make<long>(rng);
    Call call("truth::over");
    call.arg("i", i).arg("j", j);
    call.ret(truth::over(i, j));
  }
  {
    const auto text = make<std::string>(rng);
    Call call("truth::over");
    call.arg("text", text);
    call.ret(truth::over(text));
  }
  {
    const auto pair = make<data::Ints2>(rng);
    const auto far = make<data::Longs3>(rng);
    Call call("truth::over");
    call.arg("pair", pair).arg("far", &far);
    call.ret(truth::over(pair, &far));
  }
  {
    const int depth = static_cast<int>(rng.below(50));
    data::Outer outer;
    fill(rng, outer);
    Call call("truth::inner::deep::nested");
    call.arg("depth", depth).arg("outer", outer);
    call.ret(truth::inner::deep::nested(depth, outer));
  }
  {
    const int value = make<int>(rng);
    Call outer("truth::wrapper"), inner("truth::wrapped");
    outer.arg("value", value);
    inner.arg("value", value);
    const int result = truth::wrapper(value);
    outer.ret(result);
    inner.ret(result);
  }
  {
    const int count = static_cast<int>(rng.below(3)) + 1;
    Call call("truth::variadic");
    call.arg("count", count);
    call.ret(truth::variadic(count, 5, -7, 11));
  }
}

void call_local(oracle::Rng& rng) {
  {
    const auto value = make<data::Longs3>(rng);
    const int salt = make<int>(rng);
    Call call("truth::templated<data::Longs3>");
    call.arg("value", value).arg("salt", salt);
    call.ret(truth::templated(value, salt));
  }
  {
    const auto value = make<short>(rng);
    const int salt = make<int>(rng);
    Call call("truth::templated<short>");
    call.arg("value", value).arg("salt", salt);
    call.ret(truth::templated(value, salt));
  }
  {
    const auto value = make<long>(rng);
    const auto pair = make<data::Longs2>(rng);
    Call call("truth::(anonymous namespace)::hidden");
    call.arg("value", value).arg("pair", pair);
    call.ret(truth::hidden(value, pair));
  }
  {
    const int value = static_cast<int>(rng.below(1000)), unused = make<int>(rng), three = 3;
    const auto longs = make<data::Longs3>(rng);
    Call call("truth::cloned");
    call.arg("value", value).arg("constant", three).arg("longs", longs).arg("unused", unused);
    call.ret(truth::cloned(value, 3, longs, unused));
  }
  {
    const int value = static_cast<int>(rng.below(1000));
    const auto text = make<std::string>(rng);
    Call call("truth::chilly");
    call.arg("value", value).arg("text", text);
    call.ret(truth::chilly(value, text));
  }
}

void call_flexible(oracle::Rng& rng) {
  static std::uint64_t space[8];
  auto* packet = reinterpret_cast<truth_packet*>(space);
  packet->length = static_cast<unsigned short>(rng.below(40));
  std::string bytes;
  for (unsigned i = 0; i < packet->length; ++i) {
    packet->data[i] = static_cast<unsigned char>(rng.next());
    bytes += (bytes.empty() ? "" : ",") + std::to_string(packet->data[i]);
  }
  const int salt = make<int>(rng);
  Call call("truth_flexible");
  call.json("packet", "{\"length\":" + std::to_string(packet->length) + "}").json("bytes", "[" + bytes + "]");
  call.arg("salt", salt);
  call.ret(truth_flexible(packet, salt));
}

}  // namespace

void declare_kinds() {
  Signature("truth::over")
      .arg<int>("i")
      .arg<long>("j")
      .arg<const std::string&>("text")
      .arg<data::Ints2>("pair")
      .arg<const data::Longs3*>("far")
      .ret<long>();
  Signature("truth::inner::deep::nested").arg<int>("depth").arg<const data::Outer&>("outer").ret<int>();
  Signature("truth::recursive").arg<int>("depth").arg<const std::string&>("text").ret<int>();
  Signature("truth::wrapper").arg<int>("value").ret<int>();
  Signature("truth::wrapped").arg<int>("value").ret<int>();
  Signature("truth::variadic").arg<int>("count").ret<int>();
  for (const char* method : {"add", "late", "peek", "operator+=", "operator()"}) {
    Signature("truth::Counter::" + std::string(method))
        .arg<const truth::Counter*>("this")
        .arg<int>("amount")
        .arg<const truth::Counter&>("other")
        .arg<const data::Ints2&>("pair")
        .ret<int>();
  }
  Signature("truth::Counter::shared").arg<int>("amount").ret<int>();
  Signature("truth::templated<data::Longs3>")
      .arg<const data::Longs3&>("value")
      .arg<int>("salt")
      .ret<data::Longs3>();
  Signature("truth::templated<short>").arg<const short&>("value").arg<int>("salt").ret<short>();
  Signature("truth::(anonymous namespace)::hidden").arg<long>("value").arg<data::Longs2>("pair").local_ret();
  Signature("truth::cloned")
      .arg<int>("value")
      .arg<int>("constant")
      .arg<const data::Longs3&>("longs")
      .arg<int>("unused")
      .local_ret();
  Signature("truth::chilly").arg<int>("value").arg<const std::string&>("text").local_ret();
  Signature("truth_flexible")
      .arg<unsigned short>("packet.length")
      .arg<const truth_packet*>("packet")
      .arg<int>("salt")
      .arg<int*>("bytes")
      .ret<int>();
}

void call_kinds(oracle::Rng& rng) {
  call_free(rng);
  call_methods(rng);
  call_local(rng);
  call_recursive(static_cast<int>(rng.below(4)), make<std::string>(rng));
  call_recursive(200, "deep");
  call_flexible(rng);
}
