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
  for (int i = 0; i < count; ++i) {
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
  }
  return total;
}

}  // namespace lines

bool next_round() {
  return truth::next_round();
}

void done() {
  std::cout << "done" << std::endl;
}
