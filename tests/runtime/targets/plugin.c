/* A library that is loaded late. */
#include "tests/runtime/targets/out_of_line.h"

OUT_OF_LINE int plugin_work(int value) {
  return value + 1;
}
