// Reads that may sleep: what is not in memory is read all the same, what is no
// memory is still told, and who waits takes nothing from others.
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

constexpr std::uint32_t kSleepable = kLive | BS_PLAN_SLEEPABLE;

KernelOptions each_link() {
  return {.ring_bytes = 1 << 20, .force_perf_uprobes = GENERATE(false, true), .force_no_bpf_loop = false};
}

CompiledPlan word_and_text() {
  const std::vector<bs_op> word = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI),
                                   op(BS_OP_COPY, 0, 0, kWord, 8)};
  const std::vector<bs_op> loaded = {op(BS_OP_ROOT, 0, 1), op(BS_OP_PUSH_REG, BS_RDI),
                                     op(BS_OP_LOAD, 8, 0, kWord, 1), op(BS_OP_EMIT, 0, 1, kWord, 8)};
  const std::vector<bs_op> text = {op(BS_OP_ROOT, 0, 2), op(BS_OP_PUSH_REG, BS_RSI),
                                   op(BS_OP_COPY_CSTR, 0, 2, kChar)};
  CompiledPlan plan = make_plan(word + loaded + text);
  plan.plan.limits.string_bytes = 64;
  return plan;
}

bool can_sleep(const Setup& setup) {
  const bool can = setup.kernel && setup.kernel->features().sleepable;
  if (!can) WARN("SKIPPED: needs BPF with sleepable uprobes (Linux 6.0)");
  return can;
}

}  // namespace

TEST_CASE("[bpf] what is not in memory is read where reads may sleep") {
  Setup setup(each_link());
  if (!can_sleep(setup)) return;
  const auto sites = {entry_site(find_function(Target::path(), "observe"))};
  SECTION("without the option it is told as not resident") {
    setup.attach(word_and_text(), sites);
    const auto records = setup.run("away");
    REQUIRE(records.size() == 1);
    REQUIRE(records[0].items.size() == 3);
    for (const auto& item : records[0].items) CHECK(item.header.status == BS_ITEM_NOT_RESIDENT);
  }
  SECTION("with it the values are there") {
    setup.attach(word_and_text(), sites, kSleepable);
    const auto records = setup.run("away");
    REQUIRE(records.size() == 1);
    REQUIRE(records[0].items.size() == 3);
    for (const auto& item : records[0].items) CHECK(item.header.status == BS_ITEM_OK);
    CHECK(records[0].items[0].number() == 4711);
    CHECK(records[0].items[1].number() == 4711);
    CHECK(records[0].items[2].bytes == "over the boundary");
    CHECK(records[0].padding.find_first_not_of('\0') == std::string::npos);
  }
  SECTION("what is no memory is told, and the end of memory ends a text") {
    setup.attach(word_and_text(), sites, kSleepable);
    for (const char* command : {"bad", "null", "page_end"}) {
      INFO(command);
      const auto records = setup.run(command);
      REQUIRE(records.size() == 1);
      REQUIRE(records[0].items.size() == 3);
      CHECK(records[0].items[0].header.status == BS_ITEM_BAD_ADDRESS);
      CHECK(records[0].items[2].header.status == BS_ITEM_BAD_ADDRESS);
    }
  }
}

TEST_CASE("[bpf] a storm of sleepable hits loses none uncounted") {
  Setup setup({.ring_bytes = 16 << 20, .force_perf_uprobes = false, .force_no_bpf_loop = false});
  if (!can_sleep(setup)) return;
  setup.attach(word_and_text(), {entry_site(find_function(Target::path(), "observe"))}, kSleepable);
  const auto records = setup.run("threads 200");
  const auto counters = setup.kernel->counters(setup.plan_index);
  CHECK(counters.hits == 64 * 200);
  CHECK(counters.kept == records.size());
  std::uint64_t lost = 0;
  for (const auto count : counters.lost) lost += count;
  CHECK(counters.kept + lost == counters.hits);
}
