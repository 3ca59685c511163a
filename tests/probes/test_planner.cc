// Plans of small target programs, compared with goldens and point by point.
// BACKSIGHT_UPDATE_GOLDENS=1 writes the goldens anew.
#include "tests/probes/planner_support.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace backsight::probes {

namespace {

const std::string kExpressions = "Checkout::reserve(shop::Order const&, *)";

std::string dump(const std::string& name, const std::vector<ProbeConfig>& probes) {
  const auto binary = open_target(target(name));
  std::string text;
  for (const ProbeConfig& probe : probes) {
    const PlanResult result = binary->plan(probe);
    for (const CompiledPlan& plan : result.plans) text += dump_plan(plan) + "\n";
    for (const Issue& issue : result.issues) text += "issue: " + issue.message + " [" + issue.hint + "]\n\n";
  }
  return text;
}

void compare(const std::string& name, const std::vector<ProbeConfig>& probes) {
  const std::string golden = std::string(BACKSIGHT_GOLDEN_DIR "/") + name + ".txt";
  const std::string target_name = name.substr(0, name.find('-'));
  const std::string text = dump(target_name, probes);
  if (std::getenv("BACKSIGHT_UPDATE_GOLDENS")) {
    std::ofstream(golden, std::ios::binary) << text;
    return;
  }
  CHECK(text == read_text(golden));
}

std::vector<ProbeConfig> shop_functions() {
  std::vector<ProbeConfig> probes;
  for (const char* function : {"shop::Checkout::*", "shop::make_*", "shop::take_pair", "shop::seven",
                               "shop::name_of", "shop::level_of", "shop::half", "shop::twice*",
                               "shop::calls_last", "shop::throws_always", "hidden", "shop::inlined_only"}) {
    probes.push_back(probe_of(function));
  }
  return probes;
}

std::vector<ProbeConfig> c_functions() {
  std::vector<ProbeConfig> probes;
  for (const char* function :
       {"set_command", "leaf", "make_plain", "precise", "by_table", "through_pointer", "sometimes", "nothing",
        "unused_result", "address_taken", "varied", "only_inlined"}) {
    probes.push_back(probe_of(function));
  }
  return probes;
}

const schema::Capture& capture(const CompiledPlan& plan, const std::string& name) {
  for (const schema::Capture& candidate : plan.plan.captures) {
    if (candidate.name == name) return candidate;
  }
  FAIL("no capture " << name);
  std::abort();
}

}  // namespace

TEST_CASE("default captures of C++ functions at -O2 and -O0, by gcc and clang") {
  for (const char* name :
       {"planner_shop", "planner_shop_o0", "planner_shop_clang", "planner_shop_clang_o0"}) {
    compare(name, shop_functions());
  }
}

TEST_CASE("default captures of C functions, DWARF 4 and 5, with and without CET") {
  for (const char* name : {"planner_c", "planner_c_o0", "planner_c_cet", "planner_c_clang"}) {
    compare(name, c_functions());
  }
}

TEST_CASE("expressions in captures") {
  compare(
      "planner_shop-expressions",
      {probe_of(kExpressions, {"order.items[0..8].sku", "name_", "order.customer->referrer->email",
                               "order.grid[1][2]", "order.code[0..20]", "shop::g_stats", "g_stats", "where",
                               "qty", "order.created", "order.left", "order->id", "*order.customer",
                               "this->stock_", "stock_[1..3]", "ret", "(long)order.customer"})});
  compare(
      "planner_c-expressions",
      {probe_of("set_command", {"(text)c->argv[1]->ptr", "c->argv[0..c->argc]", "c->argv[0..c->argc]->ptr",
                                "(struct client*)c->argv[0]->ptr", "(text)c->argv[0..c->argc]->ptr",
                                "c->weights[1..c->argc]", "counter", "last_client->id",
                                "(unsigned char*)c->callback", "c->tail", "c->argv[c->argc-1]"})});
}

TEST_CASE("an expression that cannot be captured is an issue of that capture alone") {
  const auto binary = open_target(target("planner_shop"));
  const auto message = [&](const std::string& expression, schema::Unavailable reason) {
    const PlanResult result = binary->plan(probe_of(kExpressions, {"qty", expression}));
    REQUIRE(result.plans.size() == 1);
    const auto& captures = result.plans[0].plan.captures;
    const bool has_meaning = reason != schema::Unavailable::kNone;
    REQUIRE(captures.size() == (has_meaning ? 2 : 1));
    if (has_meaning) {
      CHECK(captures[1].expression == expression);
      CHECK(captures[1].name == expression);
      CHECK(captures[1].unavailable == reason);
      CHECK(captures[1].type == schema::kNoType);
    }
    REQUIRE(result.plans[0].issues.size() == 1);
    const Issue& issue = result.plans[0].issues[0];
    return issue.message + " [" + issue.hint + "]";
  };
  using Catch::Contains;
  constexpr auto kMeaningless = schema::Unavailable::kNone;
  constexpr auto kUnsupported = schema::Unavailable::kUnsupportedType;
  CHECK_THAT(message("ordr.id", kMeaningless), Contains("'ordr'") && Contains("^") && Contains("\"order\""));
  CHECK_THAT(message("order.itemz", kMeaningless),
             Contains("no member 'itemz' in shop::Order") && Contains("\"items\""));
  CHECK_THAT(message("order.total > 3", kUnsupported), Contains("not supported yet"));
  CHECK_THAT(message("len(order.items)", kUnsupported), Contains("not supported yet"));
  CHECK_THAT(message("order.grid[2][0]", kMeaningless), Contains("outside of the array of 2 elements"));
  CHECK_THAT(message("order.grid[-1][0]", kMeaningless), Contains("column"));
  CHECK_THAT(message("qty.x", kMeaningless), Contains("int has no members"));
  CHECK_THAT(message("*qty", kMeaningless), Contains("int is not a pointer"));
  CHECK_THAT(message("qty[0]", kMeaningless), Contains("int has no elements"));
  CHECK_THAT(message("order.items[0..2].nothing", kMeaningless), Contains("no such member"));
  CHECK_THAT(message("(nowhere::T*)order.customer", kMeaningless), Contains("no type 'nowhere::T'"));
  CHECK_THAT(message("ordr.total > 3", kMeaningless), Contains("'ordr'"));
  CHECK_THAT(message("order.items[0].sku[0]", kUnsupported),
             Contains("elements of std::string are not supported"));
  CHECK_THAT(message("*order.items[0].sku", kMeaningless), Contains("std::string is not a pointer"));
  CHECK_THAT(message("order.items[-1]", kMeaningless), Contains("begins at 0"));
  CHECK_THAT(message("order.items[0..ret]", kUnsupported), Contains("entry and of return"));
  CHECK_THAT(message("order.index.size", kUnsupported), Contains("not supported yet"));
}

TEST_CASE("a capture that is refused has its place, and the others run") {
  const auto binary = open_target(target("planner_shop"));
  const PlanResult result =
      binary->plan(probe_of(kExpressions, {"order.index.size", "qty", "order.nothing"}));
  REQUIRE(result.plans.size() == 1);
  const CompiledPlan& plan = result.plans[0];
  REQUIRE(plan.plan.captures.size() == 2);
  CHECK(plan.plan.captures[0].path == std::vector<std::string>{"order", "index", "size"});
  CHECK_FALSE(plan.plan.captures[0].at_return);
  CHECK(plan.plan.captures[1].unavailable == schema::Unavailable::kNone);
  CHECK(plan.issues.size() == 2);
  for (const bs_op& op : plan.ops) CHECK((op.code != BS_OP_ROOT || op.b == 1));
  const PlanResult alone = binary->plan(probe_of(kExpressions, {"order.index.size"}));
  REQUIRE(alone.plans.size() == 1);
  CHECK(alone.plans[0].ops.empty());
  CHECK(alone.plans[0].plan.types.empty());
}

TEST_CASE("a cast that moves the pointer is refused") {
  const auto binary = open_target(target("planner_bases"));
  const auto issues = [&](const std::string& expression) {
    const PlanResult result = binary->plan(probe_of("bases::see", {expression}));
    REQUIRE(result.plans.size() == 1);
    return result.plans[0].issues;
  };
  for (const char* same : {"(bases::Both*)first", "(bases::More*)first", "(bases::First*)both",
                           "(bases::Both*)any", "(bases::More*)both", "(int*)second"}) {
    INFO(same);
    CHECK(issues(same).empty());
  }
  for (const char* moved :
       {"(bases::Both*)second", "(bases::More*)second", "(bases::Second*)both",
        "((bases::Both*)second)->both", "(bases::First*)shared", "(bases::Shared*)first"}) {
    INFO(moved);
    REQUIRE(issues(moved).size() == 1);
    CHECK_THAT(issues(moved)[0].message, Catch::Contains("does not lie at its beginning"));
  }
}

TEST_CASE("a range is bounded by what holds it") {
  const auto binary = open_target(target("planner_shop"));
  const PlanResult result =
      binary->plan(probe_of(kExpressions, {"order.items[0..8].sku", "order.code[0..20]"}));
  REQUIRE(result.plans.size() == 1);
  const std::string text = dump_plan(result.plans[0]);
  CHECK_THAT(text, Catch::Contains("copy_range #0 shop::Item, 40 bytes each, bounded"));
  CHECK_THAT(text, Catch::Contains("push 8\n    copy_range #1 char, 1 bytes each\n"));
  CHECK(capture(result.plans[0], "order.items[0..8].sku").projection == std::vector<std::string>{"sku"});
}

TEST_CASE("a range whose first index is not known is bounded on both sides") {
  const auto binary = open_target(target("planner_c"));
  const auto text = [&](const std::string& expression) {
    const PlanResult result = binary->plan(probe_of("set_command", {expression}));
    REQUIRE(result.plans.size() == 1);
    return dump_plan(result.plans[0]);
  };
  CHECK_THAT(text("c->weights[c->argc..3]"), Catch::Contains(", bounded on both sides\n"));
  CHECK_THAT(text("c->weights[1..c->argc]"), Catch::Contains(", bounded\n"));
  CHECK_THAT(text("c->argv[c->argc..3]"), !Catch::Contains("bounded"));
}

TEST_CASE("a bound in a register is taken for as wide as its type") {
  const auto binary = open_target(target("planner_shop"));
  const PlanResult result =
      binary->plan(probe_of(kExpressions, {"order.items[0..qty]", "order.code[qty..20]"}));
  REQUIRE(result.plans.size() == 1);
  CHECK(result.plans[0].issues.empty());
  const std::string text = dump_plan(result.plans[0]);
  CHECK_THAT(text, Catch::Contains("push rdx+0\n    extend 4 signed\n    copy_range"));
  CHECK_THAT(text, Catch::Contains("push rdx+0\n    extend 4 signed\n    push 1\n    mul\n    add\n"));
}

TEST_CASE("a projected range follows only what was asked") {
  const auto binary = open_target(target("planner_c"));
  const PlanResult result = binary->plan(probe_of("set_command", {"c->argv[0..2]->refcount"}));
  REQUIRE(result.plans.size() == 1);
  CHECK(capture(result.plans[0], "c->argv[0..2]->refcount").is_range);
  const PlanResult next = binary->plan(probe_of("set_command", {"last_client->argv[0..2]"}));
  REQUIRE(next.plans.size() == 1);
}

TEST_CASE("sites: every probe lies on an instruction, and its bytes go with it") {
  const auto binary = open_target(target("planner_shop"));
  const PlanResult result = binary->plan(probe_of("shop::*"));
  REQUIRE(result.plans.size() > 15);
  for (const CompiledPlan& plan : result.plans) {
    INFO(plan.plan.signature);
    REQUIRE_FALSE(plan.sites.empty());
    CHECK(plan.sites[0].is_entry());
    CHECK(plan.sites[0].address == plan.plan.site);
    for (const Site& site : plan.sites) {
      CHECK_FALSE(site.bytes.empty());
      if (!site.is_entry()) CHECK(site.frame_adjust == (site.is_uretprobe ? -8 : 0));
    }
    CHECK(plan.plan.build_id == binary->build_id());
    CHECK(plan.types.size() == plan.plan.types.size());
  }
}

TEST_CASE("sites: a C leaf may have its return address replaced, nothing else") {
  const auto binary = open_target(target("planner_c"));
  const auto via = [&](const std::string& function) {
    const PlanResult result = binary->plan(probe_of(function));
    REQUIRE(result.plans.size() == 1);
    return result.plans[0].plan.return_via;
  };
  CHECK(via("leaf") == schema::ReturnVia::kUretprobe);
  CHECK(via("set_command") == schema::ReturnVia::kRetSites);
  CHECK(via("through_pointer") == schema::ReturnVia::kRetSites);
  const PlanResult leaf = binary->plan(probe_of("leaf"));
  REQUIRE(leaf.plans[0].sites.size() == 2);
  CHECK(leaf.plans[0].sites[1].is_uretprobe);
  CHECK(leaf.plans[0].sites[1].frame_adjust == -8);
  CHECK(leaf.plans[0].sites[1].address == leaf.plans[0].plan.address);
}

TEST_CASE("sites: behind endbr64 where that is cheaper") {
  const auto binary = open_target(target("planner_c_cet"));
  const PlanResult result = binary->plan(probe_of("set_command"));
  REQUIRE(result.plans.size() == 1);
  CHECK(result.plans[0].plan.site == result.plans[0].plan.address + 4);
  CHECK(result.plans[0].plan.site_class == schema::SiteClass::kEmulated);
}

TEST_CASE("what is asked for: entry, return or both") {
  const auto binary = open_target(target("planner_shop"));
  ProbeConfig probe = probe_of("shop::is_even");
  probe.on_return = false;
  PlanResult result = binary->plan(probe);
  REQUIRE(result.plans.size() == 1);
  CHECK(result.plans[0].sites.size() == 1);
  CHECK_FALSE(result.plans[0].plan.on_return);
  CHECK(result.plans[0].return_pc == 0xffffffff);
  probe.on_return = true;
  probe.on_entry = false;
  result = binary->plan(probe);
  REQUIRE(result.plans.size() == 1);
  CHECK(result.plans[0].entry_pc == 0xffffffff);
  CHECK(result.plans[0].plan.captures.size() == 1);
  CHECK(result.plans[0].sites[0].kind == BS_SITE_RETURN);
}

TEST_CASE("functions are found by name, glob, overload and mangled name") {
  const auto binary = open_target(target("planner_shop"));
  const auto count = [&](const std::string& function) {
    return binary->plan(probe_of(function)).plans.size();
  };
  CHECK(count("shop::Checkout::reserve") == 2);
  CHECK(count("reserve") == 2);
  CHECK(count("shop::Checkout::re*") == 2);
  CHECK(count("reserve(long)") == 1);
  CHECK(count("reserve(long int)") == 1);
  CHECK(count("reserve(const shop::Order&, *)") == 1);
  CHECK(count("reserve(int, *)") == 0);
  CHECK(count("shop::twice") == 2);
  CHECK(count("shop::twice<int>") == 1);
  CHECK(count("_ZNK4shop8Checkout7reserveEl") == 1);
  CHECK(count("shop::(anonymous namespace)::hidden") == 1);
  CHECK(binary->has_function("shop::Checkout::*"));
  CHECK_FALSE(binary->has_function("shop::Checkout::reserv"));
  const PlanResult wrong = binary->plan(probe_of("shop::Checkout::reserv"));
  REQUIRE(wrong.issues.size() == 1);
  CHECK_THAT(wrong.issues[0].hint, Catch::Contains("shop::Checkout::reserve"));
  const PlanResult inlined = binary->plan(probe_of("shop::inlined_only"));
  CHECK(inlined.issues.empty());
  REQUIRE(inlined.plans.size() == 2);
  for (const CompiledPlan& plan : inlined.plans) CHECK(plan.plan.inlined);
}

TEST_CASE("limits reach the plan") {
  const auto binary = open_target(target("planner_c"));
  ProbeConfig probe = probe_of("set_command");
  probe.limits.depth = 0;
  const PlanResult shallow = binary->plan(probe);
  REQUIRE(shallow.plans.size() == 1);
  CHECK(shallow.plans[0].plan.limits.depth == 0);
  CHECK(shallow.plans[0].plan.types.size() < 5);
  probe.limits.depth = 10;
  CHECK(binary->plan(probe).plans[0].plan.types.size() > 20);
}

TEST_CASE("a parameter that was changed on the way to the site is not what was passed") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "changed.c")
      << "void see(const short*);\n"
         "__attribute__((noinline)) int changed(short count, long more) { count += 1; see(&count); return "
         "count + more; }\n"
         "int main(int c, char** v) { return changed(c, c); }\n"
         "void __attribute__((noinline)) see(const short* p) { asm volatile(\"\" ::\"r\"(p) : \"memory\"); "
         "}\n";
  run("cd " + (scratch / "") + " && clang-14 -O2 -g changed.c -o changed");
  const PlanResult result = open_target(scratch / "changed")->plan(probe_of("changed"));
  REQUIRE(result.plans.size() == 1);
  const schema::Plan& plan = result.plans[0].plan;
  REQUIRE(plan.captures.size() == 3);
  CHECK(plan.captures[0].expression == "count");
  CHECK(plan.captures[0].unavailable == schema::Unavailable::kOptimizedOut);
  CHECK(plan.captures[1].unavailable == schema::Unavailable::kNone);
}

TEST_CASE("an argument on the stack, where clang means RSP of a frame that not every call sets up") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "wrapped.c")
      << "void see(const long*);\n"
         "__attribute__((noinline)) void wrapped(int a, int b, int c, int d, long e, long f, int g) {\n"
         "  if (f == 0) return;\n"
         "  e += g; see(&e);\n"
         "}\n"
         "int main(int c, char** v) { wrapped(1, 2, 3, 4, c, c, c); return 0; }\n"
         "void __attribute__((noinline)) see(const long* p) { asm volatile(\"\" ::\"r\"(p) : \"memory\"); "
         "}\n";
  run("cd " + (scratch / "") + " && clang-14 -O2 -g wrapped.c -o wrapped");
  const PlanResult result = open_target(scratch / "wrapped")->plan(probe_of("wrapped", {"g"}));
  REQUIRE(result.plans.size() == 1);
  // RSP + 8 at the entry is the first of them; the list says RSP + 16.
  const std::string dump = dump_plan(result.plans[0]);
  INFO(dump);
  CHECK(dump.find("rsp+16") == std::string::npos);
}

TEST_CASE("what another parameter brought is not what was passed") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "assigned.c")
      << "#define APART __attribute__((noinline, noclone))\n"
         "void see(const void*);\n"
         "long many(long, long, long, long, long, long, long, long);\n"
         "struct big { long a, b, c; };\n"
         "APART void assigned(int a, int b) { a = b; see(&a); }\n"
         "APART void stacked(long a, long b, long c, long d, long e, long f, long g, long h) { g = h; "
         "see(&g); }\n"
         "APART long pushes(struct big x, int k) { see(&x); return many(1, 2, 3, 4, 5, 6, x.a, k); }\n"
         "int main(int c, char** v) { assigned(c, 2); stacked(c, 2, 3, 4, 5, 6, 7, 8);\n"
         "  struct big x = {c, 2, 3}; return pushes(x, c); }\n"
         "APART void see(const void* p) { asm volatile(\"\" ::\"r\"(p) : \"memory\"); }\n"
         "APART long many(long a, long b, long c, long d, long e, long f, long g, long h) { see(0); return a "
         "+ g + h; }\n";
  for (const char* compiler : {"gcc -O1", "gcc -O2", "clang-14 -O1", "clang-14 -O2", "clang-14 -Os"}) {
    INFO(compiler);
    run("cd " + (scratch / "") + " && " + compiler + " -g assigned.c -o assigned");
    const auto binary = open_target(scratch / "assigned");
    // Is it not there, or in this register or slot?
    const auto is_own = [&](const char* function, std::size_t index, std::uint8_t reg, std::int64_t offset) {
      const PlanResult result = binary->plan(probe_of(function));
      REQUIRE(result.plans.size() == 1);
      const CompiledPlan& compiled = result.plans[0];
      if (compiled.plan.captures.at(index).unavailable != schema::Unavailable::kNone) return true;
      std::size_t root = 0;
      while (root < compiled.ops.size() &&
             (compiled.ops[root].code != BS_OP_ROOT || compiled.ops[root].b != index))
        ++root;
      const bs_op& op = compiled.ops.at(root + 1);
      const auto at_entry = static_cast<std::int64_t>(op.d) - compiled.sites.at(0).frame_adjust;
      return op.code == BS_OP_PUSH_REG && op.a == reg && (reg != BS_RSP || at_entry == offset);
    };
    CHECK(is_own("assigned", 0, BS_RDI, 0));
    CHECK(is_own("stacked", 6, BS_RSP, 8));
    CHECK(is_own("pushes", 0, BS_RSP, 8));
    CHECK(binary->plan(probe_of("pushes")).plans[0].plan.captures[0].unavailable ==
          schema::Unavailable::kNone);
  }
}

TEST_CASE("one constant for all of a variable's scope is only believed where it cannot change") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "constants.c") << "#define APART __attribute__((noinline))\n"
                                            "APART void see(long v) { asm volatile(\"\" ::\"r\"(v)); }\n"
                                            "int main(void) {\n"
                                            "  const int fixed = 7;\n"
                                            "  int loose = 8;\n"
                                            "  see(fixed);\n"
                                            "  see(loose);\n"
                                            "  return 0; }\n";
  run("cd " + (scratch / "") + " && clang-14 -O2 -g constants.c -o constants");
  const PlanResult result = open_target(scratch / "constants")->plan(probe_of("constants.c:7"));
  REQUIRE(result.plans.size() == 1);
  std::map<std::string, schema::Unavailable> seen;
  for (const schema::Capture& capture : result.plans[0].plan.captures)
    seen[capture.name] = capture.unavailable;
  CHECK(seen.at("fixed") == schema::Unavailable::kNone);
  CHECK(seen.at("loose") == schema::Unavailable::kOptimizedOut);
}

TEST_CASE("a structure of which the last pieces are left out is not all there") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "half.cc")
      << "struct pair { long u, w; };\n"
         "volatile long sink;\n"
         "static inline long part(pair p) { sink = sink * 7; sink = sink + p.u; return sink; }\n"
         "__attribute__((noinline)) long whole(long x) {\n"
         "  pair p{sink * x, x + 1};\n"
         "  asm volatile(\"\" ::: \"rax\", \"rbx\", \"rcx\", \"rdx\", \"rsi\", \"rdi\", \"rbp\", \"r8\", "
         "\"r9\", \"r10\",\n"
         "    \"r11\", \"r12\", \"r13\", \"r14\", \"r15\", \"memory\");\n"
         "  return part(p); }\n"
         "int main(int c, char**) { return whole(c); }\n";
  run("cd " + (scratch / "") + " && clang++-14 -O2 -g half.cc -o half");
  const PlanResult result = open_target(scratch / "half")->plan(probe_of("part"));
  REQUIRE(result.plans.size() == 1);
  INFO(dump_plan(result.plans[0]));
  REQUIRE(result.plans[0].plan.captures.size() == 1);
  CHECK(result.plans[0].plan.captures[0].unavailable == schema::Unavailable::kOptimizedOut);
}

TEST_CASE("what was assigned to a parameter is not what was passed, not even at the entry") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "made.cc")
      << "#define APART __attribute__((noinline))\n"
         "struct pair { long a, b; }; struct small { int a, b; };\n"
         "volatile long sink;\n"
         "APART void see(const void* p) { asm volatile(\"\" ::\"r\"(p) : \"memory\"); }\n"
         "APART long use(long x, long y) { sink = x; return x + y; }\n"
         "APART long constant(long x) { x = 5; see(&x); return x; }\n"
         "APART long constant_only(long x) { x = 5; use(x, 1); return use(x, 2); }\n"
         "APART long copied(long x, long y) { x = y; use(x, 1); return use(y, 2); }\n"
         "APART long swapped(long x, long y) { long z = x; x = y; y = z; return use(x, y); }\n"
         "APART long moved(const pair* p, long y) { p++; return use(p->a, y); }\n"
         "APART long masked(int x, long y) { x &= 0xff; return use(x, y); }\n"
         "APART long pair_swapped(pair v) { long z = v.a; v.a = v.b; v.b = z; see(&v); return v.a; }\n"
         "APART long pair_copied(pair v) { v.a = v.b; return use(v.a, v.b); }\n"
         "APART long small_copied(small v) { v.a = v.b; return use(v.a, v.b); }\n"
         "APART long small_constant(small v, int k) { v.b = 5; v.a += k; return use(v.a, v.b); }\n"
         "static APART long local(long x, long y) { x = y; return use(x, y) + x; }\n"
         "static APART long local_constant(long x, long y) { x = 7; return use(x, y) + x; }\n"
         "int main(int c, char**) { pair p[2] = {{c, 1}, {2, c}}; small s{c, 1};\n"
         "  return constant(c) + constant_only(c) + copied(c, 1) + swapped(c, 1) + moved(p, c) + masked(c, "
         "1) +\n"
         "    pair_swapped(p[0]) + pair_copied(p[1]) + small_copied(s) + small_constant(s, c) + local(c, 1) "
         "+\n"
         "    local_constant(c, c); }\n";
  for (const char* compiler : {"g++ -O1", "g++ -O2", "clang++-14 -O1", "clang++-14 -O2", "clang++-14 -Os"}) {
    run("cd " + (scratch / "") + " && " + compiler + " -g made.cc -o made");
    const auto binary = open_target(scratch / "made");
    std::size_t shown = 0;
    // The first parameter: not there, or the registers that bring it, whole and in order.
    for (const auto& [function, registers] :
         std::map<std::string, std::vector<int>>{{"constant", {BS_RDI}},
                                                 {"constant_only", {BS_RDI}},
                                                 {"copied", {BS_RDI}},
                                                 {"swapped", {BS_RDI}},
                                                 {"moved", {BS_RDI}},
                                                 {"masked", {BS_RDI}},
                                                 {"pair_swapped", {BS_RDI, BS_RSI}},
                                                 {"pair_copied", {BS_RDI, BS_RSI}},
                                                 {"small_copied", {BS_RDI}},
                                                 {"small_constant", {BS_RDI}},
                                                 {"local", {BS_RDI}},
                                                 {"local_constant", {BS_RDI}}}) {
      const PlanResult result = binary->plan(probe_of(function));
      REQUIRE(result.plans.size() == 1);
      const CompiledPlan& compiled = result.plans[0];
      INFO(compiler << "\n" << dump_plan(compiled));
      const auto& captures = compiled.plan.captures;
      const auto first = std::find_if(captures.begin(), captures.end(), [](const schema::Capture& capture) {
        return capture.name == "x" || capture.name == "p" || capture.name == "v";
      });
      REQUIRE(first != captures.end());
      if (first->unavailable != schema::Unavailable::kNone) continue;
      ++shown;
      const bool by_caller = std::any_of(compiled.ops.begin(), compiled.ops.end(),
                                         [](const bs_op& op) { return op.code == BS_OP_IF_CALLER; });
      if (by_caller) continue;  // it is not passed to this copy
      std::vector<int> used;
      bool is_first = false;
      for (const bs_op& op : compiled.ops) {
        if (op.code == BS_OP_ROOT) is_first = op.b == first - captures.begin();
        if (!is_first) continue;
        CHECK((op.code != BS_OP_PUSH_CONST || op.d >= 1ull << 32));  // those move bytes to their place
        if (op.code != BS_OP_PUSH_REG) continue;
        CHECK(op.d == 0);
        if (used.empty() || used.back() != op.a) used.push_back(op.a);
      }
      CHECK(used == registers);
    }
    CHECK(shown >= (std::string(compiler).starts_with("g++") ? 8 : 1));
  }
}

TEST_CASE("parameters of a frame that is realigned, where it is not optimised") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "realigned.cc")
      << "void see(const void*);\n"
         "__attribute__((noinline)) int realigned(int a, const long* b, double d, long c, long e, long f, "
         "long g, "
         "bool h) {\n"
         "  alignas(64) char room[128] = {}; see(room);"
         "\n#ifdef ROOM\nsee(__builtin_alloca(a));\n#endif\n"
         " return room[5] + a + (int)d + c + e + f + g + h; }\n"
         "int main(int c, char**) { long b = 2; return realigned(c, &b, 3, 4, 5, 6, 7, true); }\n"
         "void __attribute__((noinline)) see(const void* p) { asm volatile(\"\" ::\"r\"(p) : \"memory\"); "
         "}\n";
  // With alloca GCC copies the return address below, and has RBP in the realigned part.
  for (const std::string compiler : {"g++", "clang++-14", "g++ -DROOM"}) {
    INFO(compiler);
    run("cd " + (scratch / "") + " && " + compiler + " -O0 -g realigned.cc -o realigned");
    const PlanResult result = open_target(scratch / "realigned")->plan(probe_of("realigned"));
    REQUIRE(result.plans.size() == 1);
    const CompiledPlan& compiled = result.plans[0];
    INFO(dump_plan(compiled));
    std::map<std::string, int> in_register;  // DWARF number
    for (const schema::Capture& capture : compiled.plan.captures) {
      INFO(capture.name);
      const bool is_vector = capture.name == "d";
      CHECK(capture.unavailable ==
            (is_vector ? schema::Unavailable::kInVectorRegister : schema::Unavailable::kNone));
    }
    for (std::size_t i = 0; i + 1 < compiled.ops.size(); ++i) {
      const bs_op& op = compiled.ops[i + 1];
      if (compiled.ops[i].code == BS_OP_ROOT && op.code == BS_OP_PUSH_REG && op.d == 0)
        in_register[compiled.plan.captures.at(compiled.ops[i].b).name] = op.a;
    }
    CHECK(in_register == std::map<std::string, int>{{"a", BS_RDI},
                                                    {"b", BS_RSI},
                                                    {"c", BS_RDX},
                                                    {"e", BS_RCX},
                                                    {"f", BS_R8},
                                                    {"g", BS_R9},
                                                    {"ret", BS_RAX}});
  }
}

TEST_CASE("a small class in a register, of which only parts are described") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "parts.cc")
      << "struct three { short a, b, c; }; struct seven { char c[7]; }; struct two { int a, b; };\n"
         "void* volatile sink;\n"
         "#define APART __attribute__((noinline))\n"
         "APART three of_three(three v, int k) { sink = &k; v.b += k; return v; }\n"
         "APART seven of_seven(seven v) { sink = 0; v.c[0] = 'Q'; return v; }\n"
         "APART int of_two(two v, int k) { sink = 0; return v.a + k; }\n"
         "int main(int c, char**) { three a{1, 2, 3}; seven b{{char(c)}};\n"
         "  return of_three(a, c).b + of_seven(b).c[0] + of_two({c, c}, c); }\n";
  run("cd " + (scratch / "") + " && clang++-14 -O2 -g parts.cc -o parts");
  const auto binary = open_target(scratch / "parts");
  for (const char* function : {"of_three", "of_seven", "of_two"}) {
    INFO(function);
    const PlanResult result = binary->plan(probe_of(function, {"v"}));
    REQUIRE(result.plans.size() == 1);
    INFO(dump_plan(result.plans[0]));
    CHECK(result.plans[0].plan.captures.at(0).unavailable == schema::Unavailable::kNone);
    const auto& ops = result.plans[0].ops;
    const auto root =
        std::find_if(ops.begin(), ops.end(), [](const bs_op& op) { return op.code == BS_OP_ROOT; });
    REQUIRE(ops.end() - root > 1);
    CHECK((root + 1)->code == BS_OP_PUSH_REG);
    CHECK((root + 1)->a == BS_RDI);
  }
}

TEST_CASE("what -g1 leaves out is said") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "little.cc") << "__attribute__((noinline)) int twice(int n) { return 2 * n; }\n"
                                          "__attribute__((noinline)) int none() { return 2; }\n"
                                          "int main(int c, char**) { return twice(c) + none(); }\n";
  run("cd " + (scratch / "") + " && g++ -O1 -g1 little.cc -o little");
  const auto binary = open_target(scratch / "little");
  const PlanResult twice = binary->plan(probe_of("twice"));
  REQUIRE(twice.plans.size() == 1);
  REQUIRE(twice.plans[0].issues.size() == 1);
  CHECK(twice.plans[0].issues[0].hint == "-g1 leaves them out; build with -g");
  CHECK(binary->plan(probe_of("none")).plans.at(0).issues.empty());
}

}  // namespace backsight::probes
