// Stacks that are none: full of garbage, at the end of their mapping, at odd addresses. Whoever
// looks at them must not disturb the program, nor believe them.
#include "tests/runtime/targets/out_of_line.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace shop {

volatile int sink;

OUT_OF_LINE void probed(int id) {
  sink = id;
}

}  // namespace shop

namespace {

constexpr std::size_t kPage = 4096;

// Two pages with garbage, and nothing behind them.
unsigned char* garbage() {
  auto* pages = static_cast<unsigned char*>(
      mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(pages + 2 * kPage, kPage, PROT_NONE);
  std::memset(pages, 0xa5, 2 * kPage);
  return pages;
}

// Calls probed(id) on another stack, with a frame pointer that leads nowhere.
OUT_OF_LINE void call_on(unsigned char* stack, std::uint64_t frame, int id) {
  asm volatile(
      "mov %%rsp, %%r12\n\t"
      "mov %%rbp, %%r13\n\t"
      "mov %0, %%rsp\n\t"
      "mov %1, %%rbp\n\t"
      "call _ZN4shop6probedEi\n\t"
      "mov %%r13, %%rbp\n\t"
      "mov %%r12, %%rsp\n\t"
      :
      : "r"(stack), "r"(frame), "D"(id)
      : "r12", "r13", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
}

ucontext_t main_context, other_context;

void on_other_stack() {
  shop::probed(6);
  swapcontext(&other_context, &main_context);
}

}  // namespace

int main() {
  unsigned char* pages = garbage();
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    call_on(pages + 2 * kPage - 64, 0xa5a5a5a5a5a5a5a5, 1);
    call_on(pages + 2 * kPage - 61, 1, 2);
    call_on(pages + 2 * kPage, 2, 3);
    // A loop of frames.
    auto* frame = reinterpret_cast<std::uint64_t*>(pages + kPage);
    frame[0] = reinterpret_cast<std::uint64_t>(frame);
    frame[1] = reinterpret_cast<std::uint64_t>(&main);
    call_on(pages + kPage, reinterpret_cast<std::uint64_t>(frame), 4);
    call_on(pages + kPage, reinterpret_cast<std::uint64_t>(pages + 2 * kPage), 5);
    getcontext(&other_context);
    other_context.uc_stack.ss_sp = pages;
    other_context.uc_stack.ss_size = 2 * kPage;
    makecontext(&other_context, on_other_stack, 0);
    swapcontext(&main_context, &other_context);
    std::puts("done");
    std::fflush(stdout);
  }
}
