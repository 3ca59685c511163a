// An exception that passes through a probed frame.
#include <stdexcept>

extern "C" __attribute__((noinline, used)) long thrower(long value) {
  asm volatile("" ::: "memory");
  if (value > 0) throw std::runtime_error("through");
  return value;
}

extern "C" __attribute__((noinline, used)) long passed_through(long value) {
  const long result = thrower(value) + 1;
  asm volatile("" ::: "memory");
  return result;
}

extern "C" long throw_through(long value) {
  try {
    return passed_through(value);
  } catch (const std::runtime_error&) {
    return 77;
  }
}
