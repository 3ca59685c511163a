// Leaves a frame in every way: return, exception, longjmp, tail call, deep
// recursion; then in the end by exit() or death inside a call.
#include "tests/runtime/targets/out_of_line.h"
#include "tests/runtime/targets/truth.h"

#include <unistd.h>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace leave {

std::jmp_buf g_landing;
volatile int g_sink = 0;

OUT_OF_LINE int inner(int value) {
  if (value % 3 == 0) throw std::runtime_error("thrown");
  g_sink = value;
  return value * 2;
}

OUT_OF_LINE int outer(int value) {
  const int result = inner(value);
  g_sink = result;
  return result + 1;
}

OUT_OF_LINE int jumps(int value) {
  g_sink = value;
  if (value % 2 == 0) std::longjmp(g_landing, 1);
  return value;
}

OUT_OF_LINE void try_jump(int value) {
  if (setjmp(g_landing) == 0) jumps(value);
}

OUT_OF_LINE int callee(int value) {
  g_sink = value;
  return value + 5;
}

OUT_OF_LINE int tail(int value) {
  g_sink = value;
  return callee(value + 1);
}

OUT_OF_LINE int recurse(int depth) {  // NOLINT(misc-no-recursion)
  g_sink = depth;
  const int below = depth == 0 ? 0 : recurse(depth - 1);
  g_sink = below;
  return below + 1;
}

OUT_OF_LINE void dies(int how) {
  g_sink = how;
  if (how == 1) std::raise(SIGKILL);
  if (how == 2) std::exit(7);
  pause();
}

[[noreturn]] OUT_OF_LINE void refuses(int value) {
  g_sink = value;
  throw std::runtime_error("refused");
}

[[noreturn]] OUT_OF_LINE void serves(int port) {
  while (true) {
    g_sink = port;
    pause();
  }
}

}  // namespace leave

int main(int argc, char** argv) {
  using namespace leave;
  const int how = argc > 1 ? std::atoi(argv[1]) : 0;
  int caught = 0;
  while (truth::next_round()) {
    for (int i = 0; i < 30; ++i) {
      try {
        outer(i);
      } catch (const std::runtime_error&) {
        ++caught;
      }
      try {
        if (i % 5 == 0) refuses(i);
      } catch (const std::runtime_error&) {
        g_sink = i;
      }
      try_jump(i);
      tail(i);
    }
    recurse(200);
    std::cout << "caught " << caught << std::endl;
    if (how == 3) serves(how);
    if (how != 0) dies(how);
  }
  std::cout << "finished" << std::endl;
}
