// The account that tests/runtime/targets/functions.cc gives of itself.
#ifndef BACKSIGHT_TESTS_FUNCTIONS_H
#define BACKSIGHT_TESTS_FUNCTIONS_H

#include <initializer_list>

namespace fn {
struct Value {
  const char* name;
  long value;
};
// The next call of that function, and its arguments.
void told(const char* function, std::initializer_list<Value> arguments);
}  // namespace fn

namespace lines {
// Built without optimisation: its locals stand where they are said to.
long walk(int count, long start);
long drain(int count);
}  // namespace lines

// False at the end of input.
bool next_round();
void done();

#endif
