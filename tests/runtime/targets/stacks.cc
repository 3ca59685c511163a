// Ways to be called, for stacks: inlined functions, recursion, through the C library (qsort), a
// signal handler, a thread. A line "go" runs each once.
#include "tests/runtime/targets/out_of_line.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace shop {

volatile int sink;

OUT_OF_LINE void probed(int id) {
  sink = id;
}

inline __attribute__((always_inline)) void inner(int id) {
  probed(id);
  sink = sink + 1;
}
inline __attribute__((always_inline)) void outer(int id) {
  inner(id + 1);
  sink = sink + 2;
}

struct Checkout {
  OUT_OF_LINE void reserve(int id) {
    char room[200];
    std::snprintf(room, sizeof room, "%d", id);
    outer(id);
    sink = sink + room[0];
  }
};

OUT_OF_LINE void descend(int depth, int id) {
  volatile char room[64];
  room[0] = static_cast<char>(depth);
  if (depth == 0) {
    probed(id);
  } else {
    descend(depth - 1, id);
  }
  sink = sink + room[0];
}

static int compare(const void* a, const void* b) {
  probed(30);
  sink = sink + 1;
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

static void on_signal(int) {
  probed(40);
  sink = sink + 1;
}

OUT_OF_LINE void raise_it() {
  std::raise(SIGUSR1);
  sink = sink + 1;
}

}  // namespace shop

int main() {
  std::signal(SIGUSR1, shop::on_signal);
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    shop::Checkout checkout;
    checkout.reserve(9);
    shop::descend(20, 20);
    int numbers[2] = {2, 1};
    std::qsort(numbers, 2, sizeof numbers[0], shop::compare);
    shop::raise_it();
    std::thread([] { shop::descend(1, 50); }).join();
    shop::descend(300, 60);
    std::puts("done");
    std::fflush(stdout);
  }
}
