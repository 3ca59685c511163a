// Kinds of functions: what is declared here is called with known values. Each is
// compiled as every other function of the program is, its callers too.
#pragma once

#include "classes.h"
#include "shapes.h"

#define NOINLINE __attribute__((noinline))

namespace truth {

// Overloads, and a template.
NOINLINE long over(int i, long j);
NOINLINE long over(const std::string& text);
NOINLINE data::Ints2 over(data::Ints2 pair, const data::Longs3* far);

namespace inner::deep {
NOINLINE int nested(int depth, const data::Outer& outer);
}

class Counter {
 public:
  Counter(int start, std::string label);
  ~Counter();
  NOINLINE int add(int amount);
  NOINLINE int peek(const Counter& other) const;
  NOINLINE static int shared(int amount);
  NOINLINE virtual int late(int amount);
  NOINLINE Counter& operator+=(const data::Ints2& pair);
  NOINLINE int operator()(short amount) const;
  int start_;
  std::string label_;
};

NOINLINE int recursive(int depth, const std::string& text);
// Optimised, all of it is a jump to another function.
NOINLINE int wrapped(int value);
NOINLINE int wrapper(int value);
NOINLINE int variadic(int count, ...);

}  // namespace truth

extern "C" {
struct truth_packet {
  unsigned short length;
  unsigned char data[];
};
NOINLINE int truth_flexible(const struct truth_packet* packet, int salt);
}
