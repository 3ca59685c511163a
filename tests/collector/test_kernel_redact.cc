// Redaction in the kernel: what is blanked never reaches the ring, and nothing is
// followed that was found there.
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

using Ranges = std::vector<std::pair<int, unsigned>>;  // offset, length

void blank(CompiledPlan& plan, std::uint32_t type, const Ranges& ranges) {
  plan.types[type].blank_pc = static_cast<std::uint32_t>(plan.ops.size());
  plan.types[type].blanks = static_cast<std::uint32_t>(ranges.size());
  for (const auto& [offset, length] : ranges) plan.ops.push_back(op(BS_OP_BLANK, 0, offset, 0, length));
}

// `count` elements of kText (`size` bytes each) of what RDI points to: 255 times 'A'.
CompiledPlan elements_plan(std::uint32_t size, int count, const Ranges& ranges) {
  CompiledPlan plan = make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI),
                                 op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(count)),
                                 op(BS_OP_COPY_RANGE, 0, 0, kText, size)});
  plan.types[kText] = {size, kNone, 0, 0};
  plan.plan.limits.elements = 4096;
  blank(plan, kText, ranges);
  return plan;
}

std::string first_item(Setup& setup, const CompiledPlan& plan) {
  setup.attach_entry(plan);
  const auto records = setup.run("patterns");
  REQUIRE(records.size() == 2);
  return records[0].items.at(0).bytes;
}

}  // namespace

TEST_CASE("[bpf] blanks of an object, at its begin, inside and at its end") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  std::string expected(24, 'A');
  for (const std::size_t at : {0, 3, 4, 9, 22, 23}) expected[at] = 0;
  CHECK(first_item(setup, elements_plan(24, 1, {{0, 1}, {3, 2}, {9, 1}, {22, 2}})) == expected);
}

TEST_CASE("[bpf] blanks of every element, whatever its size") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto [size, count] =
      GENERATE(std::pair(8, 31), std::pair(5, 50), std::pair(1, 255), std::pair(23, 11));
  INFO(size);
  const Ranges ranges = size == 1 ? Ranges{{0, 1}} : Ranges{{1, 2}, {4, 1}};
  std::string expected(static_cast<std::size_t>(size * count), 'A');
  for (std::size_t at = 0; at < expected.size(); at++) {
    for (const auto& [offset, length] : ranges) {
      const auto in = static_cast<int>(at) % size - offset;
      if (in >= 0 && in < static_cast<int>(length)) expected[at] = 0;
    }
  }
  CHECK(first_item(setup, elements_plan(static_cast<std::uint32_t>(size), count, ranges)) == expected);
}

TEST_CASE("[bpf] elements whose blanks would be too many are not taken") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  Ranges ranges;
  for (int at = 0; at < 2; at++) ranges.emplace_back(at, 1);
  // Beyond the pattern lies more of the program's memory.
  setup.attach_entry(elements_plan(2, 600, ranges));
  const auto records = setup.run("patterns");
  REQUIRE(records.size() == 2);
  const auto& item = records[0].items.at(0);
  CHECK(item.header.length == 1200);
  CHECK(item.header.captured == BS_MAX_BLANKED);
  CHECK(item.header.status == BS_ITEM_BYTE_LIMIT);
  CHECK(item.bytes == std::string(BS_MAX_BLANKED, '\0'));
}

TEST_CASE("[bpf] blanks of what came in registers") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const std::vector<bs_op> wide = {op(BS_OP_ROOT), op(BS_OP_PUSH_CONST, 0, 0, 0, 0x1122334455667788),
                                   op(BS_OP_PUSH_CONST, 0, 0, 0, 0x99aabbccddeeff00),
                                   op(BS_OP_EMIT, 0, 0, kText, 16)};
  CompiledPlan plan = make_plan(wide + emit_register(BS_RDX, kWord, 1));
  plan.types[kText] = {16, kNone, 0, 0};
  blank(plan, kText, {{2, 7}, {15, 1}});
  blank(plan, kWord, {{0, 8}});
  setup.attach_entry(plan);
  const auto records = setup.run("patterns");
  REQUIRE(records.size() == 2);
  CHECK(records[0].items.at(0).number(0) == 0x7788);
  CHECK(records[0].items.at(0).number(8) == 0x00aabbccddeeff00);
  CHECK(records[0].items.at(1).number() == 0);
}

TEST_CASE("[bpf] nothing is followed from what is blanked, at any depth") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = make_plan(emit_register(BS_RDI, kNodePointer));
  plan.plan.limits.depth = static_cast<std::uint32_t>(GENERATE(1, 9));
  blank(plan, kNode, {{8, 8}});
  setup.attach_entry(plan);
  const auto records = setup.run("chain");
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].items.size() == 2);
  CHECK(records[0].items[1].number() == 11);
  CHECK(records[0].items[1].number(8) == 0);
}

TEST_CASE("[bpf] blanks hold where the event has no room, and in nodes of a walk") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = elements_plan(40, 6, {{0, 39}});
  plan.plan.limits.bytes = 100;  // two of them
  const std::string bytes = first_item(setup, plan);
  REQUIRE(bytes.size() == 80);
  CHECK(std::count(bytes.begin(), bytes.end(), 'A') == 2);
}

TEST_CASE("[bpf] blanks hold where reads may sleep") {
  Setup setup(KernelOptions{.ring_bytes = 1 << 20, .force_perf_uprobes = false, .force_no_bpf_loop = false});
  if (!setup.kernel) return;
  if (!setup.kernel->features().sleepable) {
    WARN("SKIPPED: needs BPF with sleepable uprobes (Linux 6.0)");
    return;
  }
  const CompiledPlan plan = elements_plan(8, 2, {{0, 3}, {7, 1}});
  setup.attach(plan, {entry_site(find_function(Target::path(), "observe"))}, kLive | BS_PLAN_SLEEPABLE);
  const auto records = setup.run("patterns");
  REQUIRE(records.size() == 2);
  const std::string element = std::string(3, '\0') + "AAAA" + std::string(1, '\0');
  CHECK(records[0].items.at(0).bytes == element + element);
}
