/* Forks, executes itself and loads a library, calling work() a known number of
 * times in each process. Usage: family PLUGIN; "leaf N" is the executed child. */
#include "tests/runtime/targets/out_of_line.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int g_sink;

OUT_OF_LINE int work(int value) {
  g_sink = value;
  return value * 2;
}

static void repeat(int first, int count) {
  for (int i = 0; i < count; ++i) work(first + i);
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "leaf") == 0) {
    repeat(atoi(argv[2]), 10);
    return 0;
  }
  char line[64];
  int round = 0;
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    repeat(1000 * round, 10);
    if (strcmp(line, "fork\n") == 0) {
      const pid_t child = fork();
      if (child == 0) {
        repeat(1000 * round + 100, 10);
        _exit(0);
      }
      waitpid(child, NULL, 0);
    } else if (strcmp(line, "exec\n") == 0) {
      char first[32];
      snprintf(first, sizeof first, "%d", 1000 * round + 200);
      const pid_t child = fork();
      if (child == 0) {
        execl("/proc/self/exe", argv[0], "leaf", first, (char*)NULL);
        _exit(127);
      }
      waitpid(child, NULL, 0);
    } else if (strcmp(line, "load\n") == 0) {
      void* library = dlopen(argv[1], RTLD_NOW);
      if (library == NULL) return 3;
    } else if (strcmp(line, "plugin\n") == 0) {
      void* library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
      int (*plugin_work)(int) = (int (*)(int))dlsym(library, "plugin_work");
      for (int i = 0; i < 10; ++i) plugin_work(1000 * round + i);
    }
    ++round;
    puts("done");
    fflush(stdout);
  }
  return 0;
}
