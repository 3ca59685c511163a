// Functions of every kind that can be named, through an -O2 build: inlined
// copies, constructors, lambdas, a coroutine, templates, aliases, a library
// loaded late. Each call is told by its caller.
#include "tests/runtime/targets/functions.h"

#include "tests/runtime/targets/out_of_line.h"

#include <dlfcn.h>

#include <coroutine>
#include <cstdlib>
#include <string>

namespace fn {

OUT_OF_LINE void keep(long value) {
  asm volatile("" : : "r"(value) : "memory");
}

inline __attribute__((always_inline)) long mix(long a, int b) {
  keep(a);
  long result = a * 31 + b;
  keep(result);
  return result;
}

OUT_OF_LINE long once(long a, int b) {
  told("fn::mix", {{"a", a}, {"b", b}});
  return mix(a, b) + 1;
}

OUT_OF_LINE long many(int count) {
  long total = 0;
  for (int i = 0; i < count; ++i) {
    told("fn::mix", {{"a", total}, {"b", i}});
    total += mix(total, i);
  }
  return total;
}

OUT_OF_LINE long sometimes(long a, int b) {
  if (b % 3 == 0) return 0;
  told("fn::mix", {{"a", a + 1}, {"b", b}});
  return mix(a + 1, b);
}

class Widget {
 public:
  OUT_OF_LINE Widget(int id, long weight) : id_(id), weight_(weight) { keep(id); }
  OUT_OF_LINE ~Widget() { keep(id_); }
  OUT_OF_LINE long heavier(long by) const { return weight_ + by; }

 private:
  int id_;
  long weight_;
};

template <class T>
OUT_OF_LINE T twice(T value) {
  keep(static_cast<long>(value));
  return value + value;
}

namespace {
OUT_OF_LINE int hidden(int value) {
  keep(value);
  return value + 1;
}
}  // namespace

OUT_OF_LINE long with_lambda(int factor) {
  const auto scaled = [factor](int x) __attribute__((noinline)) {
    keep(x);
    return static_cast<long>(x) * factor;
  };
  long total = 0;
  for (int x = 0; x < 3; ++x) {
    told("lambda", {{"x", x}});
    total += scaled(x);
  }
  return total;
}

// Of this lambda there are only the copies in what calls it.
struct Meter {
  long base;
  OUT_OF_LINE long read(int at) {
    const auto one = [this](int x) __attribute__((always_inline)) {
      keep(x);
      return base + x;
    };
    told("inlined lambda", {{"x", at}});
    const long first = one(at);
    told("inlined lambda", {{"x", at + 1}});
    return first + one(at + 1);
  }
};

struct Task {
  struct promise_type {
    long value = 0;
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(long result) { value = result; }
    void unhandled_exception() { std::abort(); }
  };
  std::coroutine_handle<promise_type> handle;
};

__attribute__((noinline)) Task ramp(int id, long seed) {
  keep(id);
  co_return seed* id;
}

}  // namespace fn

extern "C" __attribute__((noinline)) long fn_original(long value) {
  fn::keep(value);
  return value - 1;
}
extern "C" long fn_alias(long value) __attribute__((alias("fn_original")));

namespace {

void round(int number) {
  using namespace fn;
  keep(once(number, 2));
  keep(many(number % 4));
  keep(sometimes(number, number));
  told("fn::Widget::Widget", {{"id", number}, {"weight", 7L * number}});
  {
    Widget widget(number, 7L * number);
    told("fn::Widget::heavier", {{"by", -number}});
    keep(widget.heavier(-number));
    told("fn::Widget::~Widget", {});
  }
  told("fn::twice<int>", {{"value", number}});
  keep(twice(number));
  told("fn::twice<long int>", {{"value", 1L << number}});
  keep(twice(1L << number));
  told("fn::(anonymous namespace)::hidden", {{"value", number}});
  keep(hidden(number));
  keep(with_lambda(number));
  keep(Meter{5L * number}.read(number));
  told("fn::ramp", {{"id", number}, {"seed", 1000L + number}});
  const Task task = ramp(number, 1000L + number);
  task.handle.resume();
  keep(task.handle.promise().value);
  task.handle.destroy();
  told("fn_original", {{"value", number}});
  keep(fn_original(number));
  told("fn_original", {{"value", -number}});
  keep(fn_alias(-number));
  keep(lines::walk(number % 5, number));
  keep(lines::drain(number % 9));
}

}  // namespace

int main(int, char** argv) {
  const std::string self = argv[0];
  int number = 0;
  while (next_round()) {
    const std::string library = self.substr(0, self.rfind('/') + 1) + "libfunctions_late.so";
    void* handle = dlopen(library.c_str(), RTLD_NOW);
    using Late = long (*)(long, int);
    const auto late = handle ? reinterpret_cast<Late>(dlsym(handle, "fn_late")) : nullptr;
    for (int i = 0; i < 20; ++i) {
      round(number++ % 40);
      if (!late) continue;
      fn::told("fn_late", {{"first", i}, {"second", number}});
      fn::keep(late(i, number));
    }
    done();
  }
}
