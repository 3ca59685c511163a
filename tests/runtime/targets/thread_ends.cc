// Frames that end with their thread or process: pthread_exit, cancellation at a
// call and in the midst of computing, a child of vfork, exit while other threads
// are in calls, and death of the whole process by a signal to one thread.
#include "tests/runtime/targets/out_of_line.h"
#include "tests/runtime/targets/truth.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace gone {

volatile int g_sink = 0;
std::atomic<int> g_inside{0};
std::atomic<int> g_undone{0};

struct Undo {
  ~Undo() { ++g_undone; }
};

OUT_OF_LINE void leaves_thread(int value) {
  const Undo undo;
  g_sink = value;
  if (value >= 0) pthread_exit(nullptr);
  g_sink = value + 1;
}

OUT_OF_LINE void waits(int value) {
  const Undo undo;
  g_sink = value;
  ++g_inside;
  for (;;) pause();
}

// Calls nothing: cancelled in the midst of its own instructions.
OUT_OF_LINE int computes(volatile int* sink, int value) {
  for (unsigned i = 0; i < 4'000'000'000u; ++i) *sink = value;
  return value;
}

OUT_OF_LINE int in_child(int value) {
  g_sink = value;
  return value + 1;
}

OUT_OF_LINE int forks(int value) {
  const pid_t child = vfork();
  if (child == 0) {
    in_child(value);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return value * 2;
}

OUT_OF_LINE void dies(int how) {
  g_sink = how;
  if (how == 1) syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
  if (how == 2) syscall(SYS_exit_group, 7);
  pause();
}

}  // namespace gone

namespace {

using Body = void* (*)(void*);

pthread_t start(Body body, int* value) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, value) != 0) std::abort();
  return thread;
}

void* run_leaves(void* value) {
  const gone::Undo undo;
  gone::leaves_thread(*static_cast<int*>(value));
  return nullptr;
}

void* run_waits(void* value) {
  gone::waits(*static_cast<int*>(value));
  return nullptr;
}

void* run_computes(void* value) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  ++gone::g_inside;
  gone::computes(&gone::g_sink, *static_cast<int*>(value));
  return nullptr;
}

void await_inside() {
  while (gone::g_inside == 0) usleep(100);
  usleep(2000);
  gone::g_inside = 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int how = argc > 1 ? std::atoi(argv[1]) : 0;
  while (truth::next_round()) {
    for (int i = 0; i < 20; ++i) {
      pthread_join(start(run_leaves, &i), nullptr);
      pthread_t thread = start(run_waits, &i);
      await_inside();
      pthread_cancel(thread);
      pthread_join(thread, nullptr);
      thread = start(run_computes, &i);
      await_inside();
      pthread_cancel(thread);
      pthread_join(thread, nullptr);
      gone::forks(i);
    }
    std::cout << "undone " << gone::g_undone << std::endl;
    if (how != 0) {
      int values[] = {100, 101, 102};
      for (int& value : values) {
        start(run_waits, &value);
        await_inside();
      }
      gone::dies(how);
    }
  }
  std::cout << "finished" << std::endl;
}
