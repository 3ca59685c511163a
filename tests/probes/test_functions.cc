// Which functions a name means, what inlined copies and lines become, and which
// variables are where.
#include "tests/probes/planner_support.h"

#include <algorithm>
#include <set>

namespace backsight::probes {

namespace {

using Catch::Contains;

std::multiset<std::string> names(const PlanResult& result) {
  std::multiset<std::string> found;
  for (const CompiledPlan& plan : result.plans) found.insert(plan.plan.function);
  return found;
}

PlanResult plan_of(const std::string& binary, const std::string& probe,
                   const std::vector<std::string>& captures = {}) {
  return open_target(target(binary))->plan(probe_of(probe, captures));
}

const schema::Capture* capture_of(const CompiledPlan& plan, const std::string& name) {
  for (const schema::Capture& capture : plan.plan.captures) {
    if (capture.name == name) return &capture;
  }
  return nullptr;
}

using Names = std::multiset<std::string>;

}  // namespace

TEST_CASE(
    "functions: local classes, lambdas, parts of coroutines and copies have the names of their symbols") {
  const std::string binary = "planner_names";
  CHECK(names(plan_of(binary, "names::ramp")) == Names{"names::ramp"});
  CHECK(names(plan_of(binary, "names::ramp.actor")) == Names{"names::ramp.actor"});
  CHECK(names(plan_of(binary, "names::*")).count("names::ramp.destroy") == 1);
  CHECK(names(plan_of(binary, "names::make(int)::{lambda(int)#1}::operator()")) ==
        Names{"names::make(int)::{lambda(int)#1}::operator()"});
  CHECK(names(plan_of(binary, "*{lambda*}::operator()"))
            .count("names::make(int)::{lambda(int)#1}::operator()") == 1);
  CHECK(names(plan_of(binary, "deep")) == Names{"names::Base::get(int) const::Local::deep"});
  const PlanResult lambda = plan_of(binary, "names::make(int)*");
  REQUIRE(lambda.plans.size() == 1);
  CHECK(lambda.plans[0].plan.source.line == 27);
  CHECK_THAT(lambda.plans[0].plan.source.file, Catch::EndsWith("planner_names.cc"));
  const PlanResult reduced = plan_of(binary, "reduced");
  REQUIRE(reduced.plans.size() == 1);
  CHECK_THAT(reduced.plans[0].plan.signature, Contains("[clone ."));
}

TEST_CASE("functions: inlined copies of lambdas have the names of lambdas") {
  const auto copies = [](const std::string& binary, const std::string& pattern) {
    const PlanResult result = plan_of(binary, pattern);
    for (const CompiledPlan& plan : result.plans) {
      CHECK(plan.plan.inlined);
      CHECK_FALSE(plan.plan.on_return);
      CHECK(plan.plan.signature.find(plan.plan.function + "(int)") == 0);
    }
    const Names all = names(result);
    return std::set<std::string>(all.begin(), all.end());
  };
  using Set = std::set<std::string>;
  const std::string counted = "names::Till::count(int)::{lambda(int)#1}::operator()";
  for (const char* binary : {"planner_names", "planner_names_clang"}) {
    INFO(binary);
    CHECK(copies(binary, counted) == Set{counted});
    CHECK(copies(binary, "names::Till::*::operator()") == Set{counted});
    CHECK(plan_of(binary, "names::Till::count(int)::{lambda(long)#1}::operator()").plans.empty());
  }
  // GCC gives this one no name: which of its function's it is, is not known.
  const Set unnumbered = {"names::add_up(int, int)::{lambda(int)}::operator()"};
  CHECK(copies("planner_names", "names::add_up(int, int)::{lambda(int)#1}::operator()") == unnumbered);
  CHECK(copies("planner_names", "add_up::{lambda(int)#1}::operator()") == unnumbered);
  CHECK(copies("planner_names", "names::add*{lambda*}::operator()") == unnumbered);
  CHECK(plan_of("planner_names", "names::add_up(int)::{lambda(int)#1}::operator()").plans.empty());
  CHECK(plan_of("planner_names", "names::add_up(int, int)::{lambda(long)#1}::operator()").plans.empty());
  const Set by_clang = copies("planner_names_clang", "names::add_up(int, int)::$_*::operator()");
  REQUIRE(by_clang.size() == 1);
  CHECK(copies("planner_names_clang", *by_clang.begin()) == by_clang);
}

TEST_CASE("functions: parts of coroutines by clang") {
  CHECK(names(plan_of("planner_names_clang", "names::ramp.resume")) == Names{"names::ramp.resume"});
  const PlanResult destroy = plan_of("planner_names_clang", "names::ramp.destroy");
  REQUIRE(destroy.plans.size() == 1);
  CHECK(capture_of(destroy.plans[0], "ret") == nullptr);
  CHECK(capture_of(destroy.plans[0], "id")->unavailable == schema::Unavailable::kOptimizedOut);
}

TEST_CASE("functions: any symbol of the code names it, and others are told") {
  const std::string binary = "planner_names";
  const PlanResult alias = plan_of(binary, "alias_of");
  CHECK(names(alias) == Names{"original"});
  REQUIRE_FALSE(alias.plans[0].issues.empty());
  CHECK_THAT(alias.plans[0].issues[0].message, Contains("alias_of"));
  CHECK(names(plan_of(binary, "::alias_of")) == Names{"original"});
  CHECK(names(plan_of(binary, "_ZN5names4BaseC1Ei")) == Names{"names::Base::Base"});
  CHECK(names(plan_of(binary, "_ZN5names4BaseC2Ei")) == Names{"names::Base::Base"});
  CHECK(names(plan_of(binary, "_ZN5names5twiceIlEET_S1_")).size() == 1);
  CHECK(names(plan_of(binary, "names::hidden")) == Names{"names::(anonymous namespace)::hidden"});
  CHECK(names(plan_of(binary, "names::Base::~Base")).size() == 2);  // one deletes
}

TEST_CASE("functions: template arguments are found as the compiler, the symbol or a person spells them") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "sum.cc")
      << "template <class T, int n> struct Sum {\n"
         "  __attribute__((noinline)) T of(T a) const { return a * n; }\n"
         "};\n"
         "int main(int c, char**) { return Sum<long, 3>().of(c) + Sum<short, 3>().of(short(c)); }\n";
  for (const char* compiler : {"g++", "clang++-14"}) {
    INFO(compiler);
    run("cd " + (scratch / "") + " && " + compiler + " -O0 -g sum.cc -o sum");
    const auto binary = open_target(scratch / "sum");
    for (const char* name : {"Sum<long, 3>::of", "Sum<long,3>::of", "::Sum<long, 3>::of"}) {
      INFO(name);
      const PlanResult result = binary->plan(probe_of(name));
      REQUIRE(result.plans.size() == 1);
      CHECK_THAT(result.plans[0].plan.signature, Contains("3>::of(long)"));
    }
    CHECK(binary->plan(probe_of("Sum::of")).plans.empty());
  }
}

TEST_CASE("functions: a name that must be exact is not the end of another") {
  const auto binary = open_target(target("planner_shop"));
  ProbeConfig probe = probe_of("reserve");
  CHECK_FALSE(binary->plan(probe).plans.empty());  // shop::Checkout::reserve
  CHECK(binary->has_function(searched_text(probe)));
  probe.exact_name = true;
  CHECK(binary->plan(probe).plans.empty());
  CHECK_FALSE(binary->has_function(searched_text(probe)));
  probe.function = "shop::Checkout::reserve";
  CHECK_FALSE(binary->plan(probe).plans.empty());
  CHECK(binary->has_function(searched_text(probe)));
}

TEST_CASE("inlined copies are instances at their entry, without return") {
  const PlanResult result = plan_of("planner_lines", "add");
  REQUIRE(result.plans.size() == 3);
  std::set<std::uint64_t> sites;
  for (const CompiledPlan& plan : result.plans) {
    INFO(dump_plan(plan));
    CHECK(plan.plan.inlined);
    CHECK(plan.plan.function == "add");
    CHECK(plan.plan.return_via == schema::ReturnVia::kNone);
    CHECK_FALSE(plan.plan.on_return);
    REQUIRE(plan.sites.size() == 1);
    CHECK(plan.sites[0].is_entry());
    CHECK(plan.plan.address < plan.plan.site);  // of the function around it
    CHECK_THAT(plan.plan.site_reason, Contains("inlined into "));
    sites.insert(plan.plan.site);
  }
  CHECK(sites.size() == 3);
}

TEST_CASE("inlined copies of what was inlined at link time, and the copies that cannot be probed") {
  // When the entry of the function was written, it was not known that it would be inlined.
  const PlanResult result = plan_of("planner_lines_lto", "add");
  CHECK(names(result) == Names{"add", "add"});
  REQUIRE(result.issues.size() == 1);
  CHECK_THAT(result.issues[0].message, Contains("1 inlined copy of add cannot be probed"));
}

TEST_CASE("inlined copies in a lambda of a function of which only a clone is left") {
  // The code of the lambda is described inside of the function, which has none itself.
  const ScratchDirectory scratch;
  std::ofstream(scratch / "local.cc")
      << "volatile long sink;\n"
         "static inline long part(long x) { sink = sink + x; return sink * x; }\n"
         "__attribute__((noinline)) static long outer(long n, long) {\n"
         "  const auto apart = [&](long y) { for (int i = 0; i < 30; ++i) {\n"
         "    part(y + n); part(y * 3 + n); sink = sink ^ (sink >> i);\n"
         "    part(y + 1); part(y + 2); part(y + 3); part(y + 4); } };\n"
         "  apart(n); if (sink & 1) apart(n + 2); return n; }\n"
         "int main(int c, char**) { return outer(c, 3) + outer(c + 1, 3); }\n";
  run("cd " + (scratch / "") + " && g++ -O2 -g local.cc -o local");
  const PlanResult result = open_target(scratch / "local")->plan(probe_of("part"));
  CHECK(result.issues.empty());
  REQUIRE(result.plans.size() == 6);
  CHECK_THAT(result.plans[0].plan.site_reason, Contains("{lambda(long)#1}"));
}

TEST_CASE("lines: the locals visible there, inner ones first") {
  for (const char* binary : {"planner_lines_o0", "planner_lines_clang_o0"}) {
    INFO(binary);
    const PlanResult inner = plan_of(binary, "planner_lines.c:17");
    REQUIRE(inner.plans.size() == 1);
    const CompiledPlan& plan = inner.plans[0];
    INFO(dump_plan(plan));
    CHECK(plan.plan.function == "total_of");
    CHECK(plan.plan.probe == "planner_lines.c:17");
    CHECK(plan.plan.source.line == 17);
    CHECK(plan.plan.captures.size() == 5);
    for (const char* name : {"count", "values", "total", "i", "value"}) {
      REQUIRE(capture_of(plan, name) != nullptr);
      CHECK(capture_of(plan, name)->unavailable == schema::Unavailable::kNone);
    }
    // Frames of unoptimised code are found by RBP.
    CHECK(plan.sites[0].kind == BS_SITE_ENTRY_BY_RBP);
    CHECK(plan.sites[0].frame_adjust == 8);
    const PlanResult outer = plan_of(binary, "targets/planner_lines.c:21");
    REQUIRE(outer.plans.size() == 1);
    CHECK(outer.plans[0].plan.captures.size() == 3);
  }
}

TEST_CASE("lines: sequences of rows begin in file 1, which need not be the unit's own") {
  // The unit with the code of all is none of a source file.
  CHECK(names(plan_of("planner_lines_lto", "planner_lines.c:40")) == Names{"main"});
  CHECK(names(plan_of("planner_lines_lto", "planner_lines.c:12")) == Names{"total_of"});
  // The unit's own is 0, that of the inline function may be 1.
  const std::string compiler = GENERATE("g++", "clang++-14");
  const std::string options =
      GENERATE("-gdwarf-5", "-gdwarf-4", "-gdwarf-5 -gz=zlib", "-gdwarf-5 -gsplit-dwarf");
  INFO(compiler << " " << options);
  const ScratchDirectory scratch;
  std::ofstream(scratch / "half.h") << "inline int half(int v) {\n"
                                       "  asm(\"\");\n"
                                       "  v /= 2;\n"
                                       "  asm(\"\");\n"
                                       "  return v;\n"
                                       "}\n";
  std::ofstream(scratch / "main.cc") << "#include \"half.h\"\n"
                                        "int main(int c, char**) {\n"
                                        "  int k = c * 3;\n"
                                        "  asm(\"\");\n"
                                        "  return half(k);\n"
                                        "}\n";
  run("cd " + (scratch / "") + " && " + compiler + " -O0 -g " + options + " main.cc -o main");
  const auto binary = open_target(scratch / "main");
  CHECK(names(binary->plan(probe_of("half.h:5"))) == Names{"half"});
  CHECK(names(binary->plan(probe_of("half.h:3"))) == Names{"half"});
  CHECK(names(binary->plan(probe_of("main.cc:5"))) == Names{"main"});
  CHECK(names(binary->plan(probe_of("main.cc:3"))) == Names{"main"});
}

TEST_CASE("lines: what a later statement at the same address does is not there yet") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "later.cc") << "volatile long sink;\n"
                                         "__attribute__((noipa)) void see(long i) { sink = i; }\n"
                                         "__attribute__((noipa)) long later(long x) {\n"
                                         "  long v = 26;\n"
                                         "  see(v);\n"
                                         "  long unused = v * 3;\n"  // without code, as the next
                                         "  v = x * 2;\n"
                                         "  see(x);\n"
                                         "  return sink + v;\n"
                                         "}\n"
                                         "int main(int c, char**) { return later(c); }\n";
  for (const char* options : {"-O1", "-O2"}) {
    run("cd " + (scratch / "") + " && g++ -g " + options + " later.cc -o later");
    const PlanResult result = open_target(scratch / "later")->plan(probe_of("later.cc:6"));
    REQUIRE(result.plans.size() == 1);
    const schema::Capture* variable = capture_of(result.plans[0], "v");
    REQUIRE(variable);
    CHECK(variable->unavailable == schema::Unavailable::kOptimizedOut);
  }
}

TEST_CASE("lines: inside of inlined copies, the copy's variables") {
  const PlanResult result = plan_of("planner_lines", "planner_lines.c:8");
  REQUIRE(result.plans.size() == 3);
  for (const CompiledPlan& plan : result.plans) {
    CHECK(plan.plan.function == "add");
    CHECK(plan.plan.inlined);
    CHECK(capture_of(plan, "total") == nullptr);
  }
  CHECK(names(plan_of("planner_lines", "planner_lines.c:19")) == Names{"total_of"});
}

TEST_CASE("lines: what has no code is told with its neighbours") {
  const PlanResult none = plan_of("planner_lines_o0", "planner_lines.c:24");
  CHECK(none.plans.empty());
  REQUIRE(none.issues.size() == 1);
  CHECK_THAT(none.issues[0].hint, Contains("22 and 25"));
  const PlanResult file = plan_of("planner_lines_o0", "lines.c:6");
  REQUIRE(file.issues.size() == 1);
  CHECK_THAT(file.issues[0].message, Contains("no source file lines.c"));
  const auto binary = open_target(target("planner_lines_o0"));
  CHECK(binary->has_function("planner_lines.c:6"));
  CHECK_FALSE(binary->has_function("planner_lines.c:24"));
}

TEST_CASE("variables of a library: its own, or through the slot that the dynamic linker fills") {
  const auto plan = [](const std::string& variable) {
    PlanResult result = plan_of("planner_library", "use", {variable});
    REQUIRE(result.plans.size() == 1);
    return std::move(result.plans[0]);
  };
  for (const char* own : {"own", "hidden"}) {
    const std::string text = dump_plan(plan(own));
    INFO(text);
    CHECK_THAT(text, Contains("push ip+…\n    copy"));
  }
  CHECK_THAT(dump_plan(plan("exported")), Contains("push ip+…\n    load 8\n    copy"));
  CHECK_THAT(dump_plan(plan("never_used")),
             Contains("UNAVAILABLE unsupported_type") && Contains("another module may have its own copy"));
  CHECK_THAT(dump_plan(plan("per_thread")),
             Contains("UNAVAILABLE unsupported_type") && Contains("thread-local"));
}

TEST_CASE("functions that the linker merged are not taken for each other") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "merged.cc")
      << "struct Foo { int a, n; }; struct Bar { int l, r; };\n"
         "__attribute__((noinline)) int foo(const Foo* f) { asm volatile(\"\" ::: \"memory\"); return f->n; "
         "}\n"
         "__attribute__((noinline)) int bar(const Bar* b) { asm volatile(\"\" ::: \"memory\"); return b->r; "
         "}\n"
         "int main(int c, char**) { Foo f{c, c}; Bar b{c, c}; return foo(&f) + bar(&b); }\n";
  run("cd " + (scratch / "") +
      " && g++ -O2 -g -fno-ipa-icf -ffunction-sections -fuse-ld=gold -Wl,--icf=all merged.cc -o merged && "
      "g++ -O2 -g -fno-ipa-icf merged.cc -o apart");
  CHECK(open_target(scratch / "apart")->plan(probe_of("foo")).plans.size() == 1);
  const PlanResult merged = open_target(scratch / "merged")->plan(probe_of("foo"));
  CHECK(merged.plans.empty());
  REQUIRE(merged.issues.size() == 1);
  CHECK_THAT(merged.issues[0].message, Contains("foo was merged with bar(Bar const*)"));
}

TEST_CASE("a function without debug information is not said to be missing") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "bare.c") << "int bare(int a) { return a + 1; }\n";
  std::ofstream(scratch / "main.c") << "int bare(int a);\nint main(int c, char** v) { return bare(c); }\n";
  run("cd " + (scratch / "") + " && gcc -c bare.c && gcc -g main.c bare.o -o program");
  const PlanResult result = open_target(scratch / "program")->plan(probe_of("bare"));
  REQUIRE(result.issues.size() == 1);
  CHECK_THAT(result.issues[0].message, Contains("has code of bare, but no debug information"));
}

namespace {

constexpr const char* kParts = R"(extern int id(int);
extern void see(const void*);
struct Guard { int* n; ~Guard() { see(n); } };
int loop(int n) {
  int sum = 0;
  for (int i = 0; i < n; i++) {
    sum += id(i);
  }
  while (id(n) > sum) {
    see(&sum);
    if (id(sum) & 1) continue;
    sum += id(2);
  }
  Guard guard{&sum};
  return sum + id(id(1) +
                  id(2));
}
template <class T> __attribute__((noinline)) T twice(T a) {
  T twofold = a + id(int(a));
  see(&twofold);
  return twofold;
}
int use(int n) { return twice(n); }
static inline int half(int a) {
  return id(a / 2);
}
int halves(int a, int b) { return half(a) + half(b) * half(a + b); }
)";

std::size_t places_of(const std::string& path, int line) {
  return open_target(path)->plan(probe_of("parts.cc:" + std::to_string(line))).plans.size();
}

}  // namespace

TEST_CASE("lines: the parts of one are not the line again") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "parts.cc") << kParts;
  for (const char* compiler : {"g++-12", "clang++-14"}) {
    for (const char* level : {"-O0", "-O1", "-O2", "-Os"}) {
      run("cd " + (scratch / "") + " && " + compiler + " -shared -fPIC " + level +
          " -g parts.cc -o parts.so");
      const std::string path = scratch / "parts.so";
      INFO(compiler << " " << level);
      CHECK(places_of(path, 6) <= 2);  // the init, and the step with the condition
      CHECK(places_of(path, 7) <= 2);  // clang moves the store behind the loop
      CHECK(places_of(path, 9) <= 2);  // optimised code begins a loop with a copy of its condition
      CHECK(places_of(path, 11) == 1);
      CHECK(places_of(path, 15) == 1);
      // Templates too, in which GCC does not mark where statements begin.
      CHECK(places_of(path, 19) == 1);
      CHECK(places_of(path, 20) == 1);
    }
    // Only there: elsewhere what is not marked is what was moved there.
    if (compiler == std::string("g++-12")) {
      const PlanResult end = open_target(scratch / "parts.so")->plan(probe_of("parts.cc:17"));
      CHECK(end.plans.empty());
      REQUIRE(end.issues.size() == 1);
      CHECK_THAT(end.issues[0].message, Contains("line 17 of parts.cc has no code"));
    }
    // Copies are executions of their own.
    run("cd " + (scratch / "") + " && " + compiler + " -shared -fPIC -O2 -g parts.cc -o parts.so");
    CHECK(places_of(scratch / "parts.so", 25) == 3);
  }
}

TEST_CASE("lines: what follows the destructors is the same return, seen once") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "once.cc") << "struct Guard { int* n; ~Guard() { ++*n; } };\n"
                                        "int once(int c) {\n"
                                        "  Guard guard{&c};\n"
                                        "  return c;\n"
                                        "}\n"
                                        "int main(int c, char**) { return once(c); }\n";
  run("cd " + (scratch / "") + " && g++ -O0 -g once.cc -o once");
  CHECK(open_target(scratch / "once")->plan(probe_of("once.cc:4")).plans.size() == 1);
}

}  // namespace backsight::probes
