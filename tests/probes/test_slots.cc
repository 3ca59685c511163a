// Variables of optimised code that the debug information has in the function's frame,
// where the compiler left out the store, or does it later.
#include "tests/probes/planner_support.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <string>

using namespace backsight;
using namespace backsight::probes;

namespace {

constexpr const char* kProgram = R"(
#include <string>
#define COPIED static inline __attribute__((always_inline))
#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noipa))
#endif
void* volatile sink; volatile int zero;
struct Pair { int a, b; Pair(int x) : a(x), b(x + 1) {} ~Pair() { sink = this; } };
APART int see(const int* p) { sink = (void*)p; return *p; }
APART int parse(int k, int* out) { *out = k; return k; }
COPIED int dead(int a) { sink = &a; return a + 2; }
COPIED int live(int b) { return see(&b); }
COPIED int sent(int c) { see(&c); return c; }
COPIED int referred(const int& r) { sink = (void*)&r; return r; }
COPIED int held(const Pair& p) { sink = (void*)&p; return p.b; }
COPIED int named(const std::string& s) { sink = (void*)&s; return (int)s.size(); }
APART int work(int i) {
  int t = live(i);
  t += dead(i + 1);
  t += live(i + 2);
  t += dead(i + 3);
  return t;
}
APART int sends(int i) {
  int t = sent(i + 6);
  t += see(&t) + sent(i + 7);
  return t;
}
APART int references(int i) { return referred(i * 3) + held(Pair(i)); }
APART int text(int i) { return named(i > 1 ? "longer than what fits" : "another that is long"); }
APART int gone(int i) {
  int gone = i * 2;
  sink = &gone;
  zero = 1;  // line: gone
  return gone + 1;
}
APART int filled(int i) {
  int filled = 0;
  parse(i, &filled);
  zero = 2;  // line: filled
  return see(&filled);
}
int main(int c, char**) { return work(c) + sends(c) + references(c) + text(c) + gone(c) + filled(c); }
)";

std::string line_of(const std::string& mark) {
  const std::string text = kProgram;
  const auto at = text.find("// line: " + mark);
  REQUIRE(at != std::string::npos);
  return "slots.cc:" +
         std::to_string(1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

// In how many instances the variable is available: "1 of 2".
std::string available(const Binary& binary, const std::string& probe, const std::string& variable) {
  int all = 0;
  int there = 0;
  for (const CompiledPlan& plan : binary.plan(probe_of(probe)).plans) {
    for (const schema::Capture& capture : plan.plan.captures) {
      if (capture.name != variable) continue;
      ++all;
      if (capture.unavailable == schema::Unavailable::kNone)
        ++there;
      else
        CHECK(capture.unavailable == schema::Unavailable::kOptimizedOut);
    }
  }
  return std::to_string(there) + " of " + std::to_string(all);
}

}  // namespace

TEST_CASE("what nothing stores in the frame is not there") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "slots.cc") << kProgram;
  for (const char* options : {"-O1", "-O2", "-O3", "-Os", "-O2 -fno-omit-frame-pointer", "-O2 -gdwarf-4"}) {
    INFO(options);
    run("cd " + (scratch / "") + " && g++ -g " + options + " slots.cc -o slots");
    const auto binary = open_target(scratch / "slots");
    CHECK(available(*binary, "dead", "a") == "0 of 2");
    CHECK(available(*binary, "live", "b") == "2 of 2");
    CHECK(available(*binary, "referred", "r") == "0 of 1");
    CHECK(available(*binary, "held", "p") == "0 of 1");
    CHECK(available(*binary, "named", "s") == "1 of 1");
    CHECK(available(*binary, line_of("gone"), "gone") == "0 of 1");
    CHECK(available(*binary, line_of("filled"), "filled") == "1 of 1");
  }
}

TEST_CASE("what is stored right before a copy is entered is there") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "slots.cc") << kProgram;
  for (const char* options : {"-O1", "-O2", "-Os"}) {  // -Os: through a register
    INFO(options);
    run("cd " + (scratch / "") + " && clang++-14 -g " + options + " slots.cc -o slots");
    CHECK(available(*open_target(scratch / "slots"), "sent", "c") == "2 of 2");
  }
}

TEST_CASE("without optimisation a local is always in its place") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "slots.cc") << kProgram;
  for (const char* compiler : {"g++", "clang++-14"}) {
    INFO(compiler);
    run("cd " + (scratch / "") + " && " + compiler + " -g -O0 slots.cc -o slots");
    const auto binary = open_target(scratch / "slots");
    CHECK(available(*binary, line_of("gone"), "gone") == "1 of 1");
    CHECK(available(*binary, line_of("filled"), "filled") == "1 of 1");
  }
}

TEST_CASE("a call fills only what it may know the address of") {
  const ScratchDirectory scratch;
  // GCC leaves out what is stored to `s` first: fill() stores to all of it.
  std::ofstream(scratch / "killed.cc")
      << "struct three { long a; int b; short c; };\n"
         "volatile long sink;\n"
         "__attribute__((noinline)) static void say(long a, int b, int c) { sink = a + b + c; }\n"
         "__attribute__((noinline)) static void fill(three* s, long x) { s->a = x; s->b = (int)x; s->c = 3; "
         "}\n"
         "__attribute__((noinline)) static void see(three* s) { sink = sink + s->a + s->b + s->c; }\n"
         "__attribute__((noinline)) long whole(long x) {\n"
         "  x += sink;\n"
         "  three s{x, (int)x, 5};\n"
         "  say(s.a, s.b, s.c);\n"
         "  fill(&s, 3);\n"
         "  see(&s);\n"
         "  return sink;\n"
         "}\n"
         "int main(int c, char**) { return whole(c); }\n";
  for (const char* options : {"-O1", "-O2", "-Os"}) {
    INFO(options);
    run("cd " + (scratch / "") + " && g++ -g " + options + " killed.cc -o killed");
    const auto binary = open_target(scratch / "killed");
    CHECK(available(*binary, "killed.cc:10", "s") == "0 of 1");
    CHECK(available(*binary, "killed.cc:11", "s") == "1 of 1");
  }
}
