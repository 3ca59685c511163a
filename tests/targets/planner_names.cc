// Functions of every kind that can be named, for the planner's tests.
#include <coroutine>
#include <cstdio>
#include <cstdlib>

#define NOINLINE __attribute__((noinline))

namespace names {

struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
  std::coroutine_handle<promise_type> handle;
};

NOINLINE Task ramp(int id, const char* name) {
  std::printf("%d %s\n", id, name);
  co_return;
}

NOINLINE auto make(int factor) {
  return [factor](int x) __attribute__((noinline)) { return std::printf("%d\n", x * factor); };
}

volatile int seen;
// All that is left of these lambdas are copies in what calls them; of the second
// function's, no symbol of it could have a name outside of this file.
NOINLINE int add_up(int count, int by) {
  const auto step = [by](int x) { return seen = x * by; };
  int sum = step(count);
  for (int i = 0; i < count; ++i) sum += step(i + seen);
  return sum;
}
struct Till {
  int cash = 3;
  NOINLINE int count(int coins) {
    const auto one = [this](int x) { return seen = x + cash; };
    return one(coins);
  }
};

template <class T>
NOINLINE T twice(T value) {
  std::printf("twice\n");
  return value + value;
}

namespace {
NOINLINE int hidden(int a) {
  return std::printf("hidden %d\n", a);
}
}  // namespace

class Base {
 public:
  NOINLINE explicit Base(int a) : a_(a) { std::printf("made\n"); }
  NOINLINE virtual ~Base() { std::printf("gone\n"); }
  NOINLINE int get(int by) const {
    struct Local {
      NOINLINE static int deep(int z) { return std::printf("deep %d\n", z); }
    };
    return Local::deep(a_ + by);
  }

 private:
  int a_;
};

}  // namespace names

extern "C" NOINLINE int original(int a) {
  return std::printf("original %d\n", a);
}
extern "C" int alias_of(int a) __attribute__((alias("original")));

static NOINLINE int reduced(int a, int unused) {
  if (unused == 7) return std::printf("seven");
  return std::printf("%d\n", a);
}

int main(int argc, char**) {
  using namespace names;
  const Task task = ramp(argc, "x");
  task.handle.resume();
  task.handle.destroy();
  make(argc)(3);
  add_up(argc, 2);
  Till().count(argc);
  twice(argc);
  twice(1L + argc);
  hidden(1 + argc);
  Base* base = new Base(argc);
  base->get(3);
  delete base;
  original(1);
  alias_of(2);
  reduced(argc, 3);
  reduced(argc + 1, 3);
  return 0;
}
