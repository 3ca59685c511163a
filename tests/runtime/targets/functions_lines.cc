#include "tests/runtime/targets/functions.h"
#include "tests/runtime/targets/truth.h"

#include <string>

namespace fn {

void told(const char* function, std::initializer_list<Value> arguments) {
  std::string args = "{";
  for (const Value& argument : arguments) {
    if (args.size() > 1) args += ',';
    args += truth::quote(argument.name) + ":" + std::to_string(argument.value);
  }
  truth::call(function, args + "}", "null");
}

}  // namespace fn

namespace lines {

long walk(int count, long start) {
  long total = start;
  fn::told("lines::walk:loop", {{"count", count}, {"start", start}, {"total", total}});
  for (int i = 0; i < count; ++i) {  // the loop line
    const long step = total % 7 + i;
    if (step > 3) {
      const int step = i * 100;  // hides the outer one
      fn::told("lines::walk:inner",
               {{"count", count}, {"start", start}, {"total", total}, {"i", i}, {"step", step}});
      total += step;  // the inner line
    }
    fn::told("lines::walk:outer",
             {{"count", count}, {"start", start}, {"total", total}, {"i", i}, {"step", step}});
    total += step;  // the outer line
    fn::told("lines::walk:loop", {{"count", count}, {"start", start}, {"total", total}, {"i", i}});
  }
  return total;
}

namespace {
struct Guard {
  long* at;
  ~Guard() { *at = -1; }
};
}  // namespace

long drain(int count) {
  long left = count;
  const Guard guard{&left};
  fn::told("lines::drain:loop", {{"count", count}, {"left", left}});
  while (left > 0) {  // the while line
    if (left % 3 == 0) {
      left -= 2;
      fn::told("lines::drain:skip", {{"count", count}, {"left", left}});
      if (left > 1) fn::told("lines::drain:loop", {{"count", count}, {"left", left}});
      if (left > 1) continue;  // the skipping line
    }
    --left;
    fn::told("lines::drain:loop", {{"count", count}, {"left", left}});
  }
  fn::told("lines::drain:return", {{"count", count}, {"left", left}});
  return left;  // the last line
}

}  // namespace lines

bool next_round() {
  return truth::next_round();
}

void done() {
  std::cout << "done" << std::endl;
}
