// A library that the target loads while it is watched.
#include "tests/runtime/targets/out_of_line.h"

extern "C" OUT_OF_LINE long fn_late(long first, int second) {
  return first * second;
}
