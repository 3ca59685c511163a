// What is done to a plan before it reaches the kernel: checking, fusing, and
// finding room for it. Needs no privilege.
#include "collector/plan_check.h"
#include "collector/range_allocator.h"

#include <catch2/catch.hpp>

using namespace backsight;
using namespace backsight::collector;

namespace {

bs_op op(bs_op_code code, int a = 0, int b = 0, std::uint32_t c = 0, std::uint64_t d = 0) {
  return {static_cast<__u8>(code), static_cast<__u8>(a), static_cast<__u16>(b), c, d};
}

probes::CompiledPlan with_entry(std::vector<bs_op> ops) {
  probes::CompiledPlan plan;
  plan.ops = std::move(ops);
  plan.entry_pc = 0;
  return plan;
}

probes::CompiledPlan with_chase(std::uint32_t size, std::vector<bs_op> ops) {
  probes::CompiledPlan plan;
  plan.ops = std::move(ops);
  plan.types = {{size, 0}};
  return plan;
}

bool is_good(const probes::CompiledPlan& plan) {
  return check_plan(plan).has_value();
}

}  // namespace

TEST_CASE("a plan is checked before the kernel sees it") {
  CHECK(is_good({}));
  CHECK(is_good(with_entry({op(BS_OP_END)})));
  CHECK(is_good(
      with_entry({op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RIP), op(BS_OP_EMIT, 0, 0, 0, 8), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_REG, 17), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_LOAD, 8), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_LOAD, 3), op(BS_OP_END)})));
  CHECK(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EXTEND, 2, 1), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_EXTEND, 4), op(BS_OP_END)})));
  for (const int bytes : {0, 3, 8, 255})
    CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EXTEND, bytes), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EMIT, 0, 0, 0, 16), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EMIT, 0, 0, 0, 0), op(BS_OP_END)})));
  CHECK_FALSE(
      is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_ROOT), op(BS_OP_ADD_CONST), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_CHASE_PTR), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_EMIT_REG), op(BS_OP_END)})));
  const bs_op constant = op(BS_OP_PUSH_CONST), bounded = op(BS_OP_COPY_RANGE, 1, 0, 0, 8);
  CHECK(is_good(with_entry({constant, constant, constant, bounded, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, bounded, op(BS_OP_END)})));
  const bs_op both = op(BS_OP_COPY_RANGE, 2, 0, 0, 8), other = op(BS_OP_COPY_RANGE, 3, 0, 0, 8);
  CHECK(is_good(with_entry({constant, constant, constant, constant, both, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, constant, both, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, constant, constant, constant, other, op(BS_OP_END)})));
  auto outside = with_entry({op(BS_OP_END)});
  outside.entry_pc = 1;
  CHECK_FALSE(is_good(outside));
}

TEST_CASE("a chase program stays inside its element") {
  CHECK(is_good(with_chase(16, {op(BS_OP_CHASE_PTR, 0, 8, 0, 16), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_PTR, 0, 9, 0, 16), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_PTR, 0, 0, 0, 0), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_PTR, 0, 0, 0, BS_MAX_OBJECT + 1), op(BS_OP_NEXT)})));
  CHECK(is_good(with_chase(16, {op(BS_OP_CHASE_SPAN, -1 & 0xff, 8, 0, 4), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_SPAN, 2, 0, 0, 4), op(BS_OP_NEXT)})));
  CHECK(is_good(with_chase(16, {op(BS_OP_CHASE_COUNTED, 1, 0, 0, 8ull << 32 | 1), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_COUNTED, 1, 0, 0, 9ull << 32 | 1), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_COUNTED, 1, 0, 0, 8ull << 32), op(BS_OP_NEXT)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_CHASE_PTR, 0, 0, 0, 8)})));
  CHECK_FALSE(is_good(with_chase(16, {op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_chase(0, {op(BS_OP_NEXT)})));
}

TEST_CASE("a register that is captured whole becomes one operation") {
  std::vector<bs_op> ops = {op(BS_OP_ROOT, 0, 5),
                            op(BS_OP_PUSH_REG, BS_RSI, 0, 0, static_cast<std::uint64_t>(-4)),
                            op(BS_OP_EMIT, 0, 5, 9, 4),
                            op(BS_OP_ROOT, 0, 6),
                            op(BS_OP_PUSH_REG, BS_RDI),
                            op(BS_OP_COPY, 0, 6, 8, 100),
                            op(BS_OP_END)};
  fuse_operations(ops);
  CHECK(ops[0].code == BS_OP_EMIT_REG);
  CHECK(ops[0].a == BS_RSI);
  CHECK(ops[0].b == 5);
  CHECK(ops[0].c == 9);
  CHECK(ops[0].d == (4ull << 32 | 0xfffffffc));
  CHECK(ops[3].code == BS_OP_COPY_REG);
  CHECK(ops[3].d == 100ull << 32);
  CHECK(ops[6].code == BS_OP_END);
}

TEST_CASE("sequences that are not whole captures stay as they are") {
  const std::vector<bs_op> wide = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG), op(BS_OP_EMIT, 0, 0, 0, 9),
                                   op(BS_OP_END)};
  const std::vector<bs_op> far = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG, 0, 0, 0, 1ull << 31),
                                  op(BS_OP_COPY, 0, 0, 0, 8), op(BS_OP_END)};
  const std::vector<bs_op> longer = {
      op(BS_OP_ROOT),     op(BS_OP_PUSH_REG),         op(BS_OP_EMIT, 0, 0, 0, 8),
      op(BS_OP_PUSH_REG), op(BS_OP_EMIT, 0, 0, 0, 8), op(BS_OP_END)};
  for (auto ops : {wide, far, longer}) {
    fuse_operations(ops);
    CHECK(ops[0].code == BS_OP_ROOT);
  }
}

TEST_CASE("ranges are given first fit, never 0, and grow together again") {
  RangeAllocator ranges(10);  // 1…9
  CHECK(ranges.allocate(0) == 0u);
  const auto a = ranges.allocate(3), b = ranges.allocate(3), c = ranges.allocate(3);
  REQUIRE((a && b && c));
  CHECK(*a == 1);
  CHECK(*c == 7);
  CHECK_FALSE(ranges.allocate(1));
  ranges.release(*a, 3);
  ranges.release(*c, 3);
  CHECK_FALSE(ranges.allocate(4));
  CHECK(ranges.allocate(2) == 1u);
  ranges.release(1, 2);
  ranges.release(*b, 3);
  CHECK(ranges.allocate(9) == 1u);
  RangeAllocator none(1);
  CHECK_FALSE(none.allocate(1));
}
