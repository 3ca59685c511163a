/* A library that is loaded late. */
#include "tests/runtime/targets/out_of_line.h"

int plugin_calls = 100; /* exported: others may replace it */
static volatile long plugin_last = -1;

OUT_OF_LINE int plugin_work(int value) {
  ++plugin_calls;
  plugin_last = value;
  return value + 1;
}
