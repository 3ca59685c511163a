// Functions of which the compiler makes copies that do not take all parameters:
// their values are in the callers alone. A round per line of input.
#include "tests/runtime/targets/truth.h"

#include <cstdlib>

static volatile long total;

static std::string arguments(long gone, long n) {
  return "{\"gone\":" + std::to_string(gone) + ",\"n\":" + std::to_string(n) + "}";
}

[[gnu::noinline]] static void say(const char* function, long gone, long n) {
  truth::call(function, arguments(gone, n), "null");
}

// Leaves by returning only.
[[gnu::noinline]] static long counted(long gone, long n) {
  (void)gone;
  long sum = 0;
  for (long i = 0; i < n; ++i) sum += i * total;
  total = total + sum;
  return sum;
}

// Calls itself, and says what with.
[[gnu::noinline]] static long nested(long gone, long n) {
  (void)gone;
  total = total + n;
  if (n <= 0) return 1;
  say("nested", n * 3, n - 1);
  const long below = nested(n * 3, n - 1);
  total = total ^ below;
  say("nested", below, n - 2);
  const long second = nested(below, n - 2);
  total = total ^ second;
  return below / 2;
}

struct Item {
  long weight;
  int count;
  short kind;
};

static std::string item_text(const Item& item) {
  return "{\"weight\":" + std::to_string(item.weight) + ",\"count\":" + std::to_string(item.count) +
         ",\"kind\":" + std::to_string(item.kind) + "}";
}

[[gnu::noinline]] static void say_item(const Item item, long n) {
  truth::call("taken_apart", "{\"gone\":" + item_text(item) + ",\"n\":" + std::to_string(n) + "}", "null");
}

// Not passed: the pointer. What it takes of the item is.
[[gnu::noinline]] static long taken_apart(Item* gone, long n) {
  total = total + gone->weight + n;
  for (int i = 0; i < 3; ++i) total = total ^ (total >> 3);
  return total;
}

[[gnu::noinline]] static void say_eight(long a, long b, long c, long d, long e, long f, long g, long h) {
  if (a + b + c + d + e + f + g + h == -1) std::cout << "never\n";
}

// Arguments on the stack: GCC 12 names the register with the address of `first` for that of `second`.
[[gnu::noinline]] static long two_items(long n) {
  Item first = {n, static_cast<int>(n) + 1, 2};
  Item second = {total, 4, static_cast<short>(n)};
  Item* held = &first;
  asm volatile("" : "+r"(held) : : "memory");
  say_eight(second.weight, second.count, second.kind, n, n, n, n, n);
  first.weight += 1;
  asm volatile("" : : "r"(&first), "r"(&second) : "memory");
  Item* chosen = &second;
  say_item(*chosen, n);
  const long sum = taken_apart(chosen, n);
  total = total + sum;
  first.weight += 1;
  asm volatile("" : : "r"(&first), "r"(&second) : "memory");
  return total;
}

static long bounced(long gone, long n);

[[gnu::noinline]] static long bounce_back(long n) {
  total = total ^ n;
  say("bounced", n * 100, n);
  return bounced(n * 100, n);  // a jump: on the stack is the return address of an older call
}

[[gnu::noinline]] static long bounced(long gone, long n) {
  (void)gone;
  total = total + n;
  if (n <= 0) return n;
  return bounce_back(n - 1);
}

[[gnu::noinline]] static long by_register(long n) {
  const long gone = n * 7;
  say("counted", gone, n);
  return counted(gone, n) + gone;
}

[[gnu::noinline]] static long by_constant(long n) {
  say("counted", 12, n);
  const long sum = counted(12, n);
  return sum + n;
}

[[gnu::noinline]] static long by_memory(long n, long a, long b, long c, long d, long e, long gone) {
  say("counted", gone, n);
  const long sum = counted(gone, n);
  return sum + a * b * c * d * e + gone;
}

[[gnu::noinline]] static long by_jump(long n) {
  total = total - n;
  say("counted", n + 1, n);
  return counted(n + 1, n);
}

[[gnu::noinline]] static long deep(long n) {
  const long gone = n * 5 + 2;
  say("nested", gone, n);
  return nested(gone, n) + gone;
}

[[gnu::noinline]] static long to_and_fro(long n) {
  const long gone = n * 9;
  say("bounced", gone, n);
  return bounced(gone, n) + gone;
}

int main() {
  while (truth::next_round()) {
    for (long n = 1; n <= 20; ++n) {
      total = total + by_register(n) + by_constant(n) + by_memory(n, 1, 2, 3, 4, 5, n * 13) + by_jump(n);
      total = total + deep(n % 5) + to_and_fro(n % 4) + two_items(n);
    }
    std::cout << "done" << std::endl;
  }
}
