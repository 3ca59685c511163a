/* Calls carry() and its inlined copies as often as a line of input says, with
 * objects that fill the ring quickly. */
#include "tests/runtime/targets/out_of_line.h"

#include <stdio.h>
#include <stdlib.h>

struct load {
  int values[2000];
};

volatile int g_sink;

static inline __attribute__((always_inline)) int carry(const struct load* load, int value) {
  g_sink = load->values[value & 255];
  return value + g_sink;
}

OUT_OF_LINE int by_land(const struct load* load, int value) {
  return carry(load, value) + 1;
}
OUT_OF_LINE int by_sea(const struct load* load, int value) {
  return carry(load, value) + 2;
}
int (*volatile g_by_itself)(const struct load*, int) = carry;

int main(void) {
  static struct load load;
  for (int i = 0; i < 2000; ++i) load.values[i] = i;  // pages that nobody touched have nothing to copy
  char line[64];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    for (int i = atoi(line); i > 0; --i) {
      by_land(&load, i);
      if (i % 2 == 0) by_sea(&load, i);
      g_by_itself(&load, i);
    }
    puts("done");
    fflush(stdout);
  }
  return 0;
}
