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
  plan.types = {{size, 0, 0, 0}};
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
  CHECK(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_SHIFT, 63, 1), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_SHIFT, 4), op(BS_OP_END)})));
  for (const int bits : {0, 64, 255})
    CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_SHIFT, bits), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EMIT, 0, 0, 0, 16), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_EMIT, 0, 0, 0, 0), op(BS_OP_END)})));
  CHECK_FALSE(
      is_good(with_entry({op(BS_OP_PUSH_CONST), op(BS_OP_ROOT), op(BS_OP_ADD_CONST), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_CHASE_PTR), op(BS_OP_END)})));
  CHECK(is_good(with_entry({op(BS_OP_PUSH_LINKED), op(BS_OP_EMIT, 0, 0, 0, 8), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_EMIT_REG), op(BS_OP_END)})));
  const bs_op constant = op(BS_OP_PUSH_CONST), bounded = op(BS_OP_COPY_RANGE, 1, 0, 0, 8);
  CHECK(is_good(with_entry({constant, constant, constant, bounded, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, bounded, op(BS_OP_END)})));
  const bs_op both = op(BS_OP_COPY_RANGE, 2, 0, 0, 8), other = op(BS_OP_COPY_RANGE, 3, 0, 0, 8);
  CHECK(is_good(with_entry({constant, constant, constant, constant, both, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, constant, both, op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, constant, constant, constant, other, op(BS_OP_END)})));
  const bs_op element = op(BS_OP_ELEMENT, 0, 0, 0, 8 << 16);
  CHECK(is_good(
      with_entry({constant, constant, constant, element, op(BS_OP_COPY, 0, 0, 0, 8), op(BS_OP_END)})));
  CHECK_FALSE(is_good(with_entry({constant, constant, element, op(BS_OP_END)})));
  CHECK_FALSE(
      is_good(with_entry({constant, constant, constant, op(BS_OP_ELEMENT, 0, 0, 0, 7), op(BS_OP_END)})));
  const bs_op first = op(BS_OP_IF_CALLER, 1, 0, 1, 8), next = op(BS_OP_IF_CALLER, 0, 0, 1, 9);
  const bs_op need = op(BS_OP_NEED_CALLER), emit = op(BS_OP_EMIT, 0, 0, 0, 8), end = op(BS_OP_END);
  CHECK(is_good(with_entry({first, constant, next, constant, need, emit, end})));
  CHECK(is_good(with_entry({constant, first, constant, need, op(BS_OP_ADD), emit, end})));
  CHECK_FALSE(is_good(with_entry({next, constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({first, constant, first, constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({first, constant, emit, end})));
  CHECK_FALSE(is_good(with_entry({first, constant, constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({constant, first, op(BS_OP_ADD_CONST), need, emit, end})));
  CHECK_FALSE(is_good(with_entry({constant, first, emit, constant, constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({first, op(BS_OP_ROOT), constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_IF_CALLER, 1, 0, 2, 8), constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_IF_CALLER, 1, 0, 1, 0), constant, need, emit, end})));
  CHECK_FALSE(is_good(with_entry({op(BS_OP_IF_CALLER, 1, 0, 0, 8), need, emit, end})));
  CHECK_FALSE(is_good(with_entry({need, end})));
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

namespace {

bool is_good_chase(std::uint32_t size, const bs_op& operation) {
  auto plan = with_chase(size, {operation, op(BS_OP_NEXT)});
  plan.types.push_back({8, 0xffffffff, 0, 0});  // type 1
  return is_good(plan);
}

}  // namespace

TEST_CASE("a chase operation names types of its plan") {
  for (const std::uint32_t type : {0u, 1u, 2u, 0xffffffffu}) {
    const bool is_there = type < 2;
    CHECK(is_good_chase(16, op(BS_OP_CHASE_PTR, 0, 0, type, 8)) == is_there);
    CHECK(is_good_chase(16, op(BS_OP_CHASE_CSTR, 0, 0, type)) == is_there);
    CHECK(is_good_chase(16, op(BS_OP_CHASE_BITS, 0, 0, type, 8ull << 32)) == is_there);
    CHECK(is_good_chase(16, op(BS_OP_CHASE_DYNAMIC, 0, 0, 1, std::uint64_t{type} << 32 | 8)) == is_there);
    CHECK(is_good_chase(16, op(BS_OP_CHASE_DYNAMIC, 0, 0, type, 1ull << 32 | 8)) == is_there);
  }
  auto plan = with_entry({op(BS_OP_END)});
  plan.types = {{8, 0xffffffff, 0, 0}};
  plan.vtables = {{0x1000, {0}}};
  CHECK(is_good(plan));
  plan.vtables = {{0x1000, {1}}};
  CHECK_FALSE(is_good(plan));
}

TEST_CASE("what is skipped lies in the chase program") {
  const bs_op pointer = op(BS_OP_CHASE_PTR, 0, 0, 0, 8), next = op(BS_OP_NEXT);
  for (const std::uint32_t skipped : {0u, 1u, 2u, 3u, 0xffffffffu}) {
    const bs_op condition = op(BS_OP_CHASE_IF, 1, 0, skipped, 0xffull << 32 | 1);
    CHECK(is_good(with_chase(8, {condition, pointer, pointer, next})) == (skipped <= 2));
    // The operations behind the end belong to another program.
    CHECK(is_good(with_chase(8, {condition, pointer, next, pointer, next})) == (skipped <= 1));
  }
  for (const int bytes : {0, 1, 2, 3, 4, 8})
    CHECK(is_good(with_chase(4, {op(BS_OP_CHASE_IF, bytes, 0), next})) ==
          (bytes == 1 || bytes == 2 || bytes == 4));
  CHECK(is_good(with_chase(8, {op(BS_OP_CHASE_IF, 1, 7), next})));
  CHECK_FALSE(is_good(with_chase(8, {op(BS_OP_CHASE_IF, 2, 7), next})));
}

TEST_CASE("walks read inside their element and their nodes") {
  CHECK(is_good_chase(40, op(BS_OP_CHASE_BITS, 3, 4, 1)));
  CHECK_FALSE(is_good_chase(39, op(BS_OP_CHASE_BITS, 3, 4, 1)));
  CHECK_FALSE(is_good_chase(16, op(BS_OP_CHASE_BITS, 0, 0, 1, 9ull << 32)));
  const auto list = [](std::uint64_t next, std::uint64_t bytes) {
    return op(BS_OP_CHASE_LIST, 0, 0, 1, next << 32 | bytes);
  };
  CHECK(is_good_chase(8, list(8, 16)));
  CHECK_FALSE(is_good_chase(8, list(9, 16)));
  CHECK_FALSE(is_good_chase(7, list(8, 16)));
  CHECK_FALSE(is_good_chase(8, list(0, BS_MAX_OBJECT + 1)));
  const auto tree = [](std::uint64_t count, std::uint64_t parts, std::uint64_t bytes) {
    return op(BS_OP_CHASE_TREE, 0, 0, 1, count << 48 | parts << 16 | bytes);
  };
  CHECK(is_good_chase(16, tree(8, 0x181008, 32)));
  CHECK_FALSE(is_good_chase(16, tree(9, 0x181008, 32)));
  CHECK_FALSE(is_good_chase(16, tree(8, 0x191008, 32)));
  CHECK_FALSE(is_good_chase(16, tree(8, 0x181908, 32)));
  CHECK_FALSE(is_good_chase(16, tree(8, 0x181019, 32)));
  const auto blocks = [](int a, std::uint64_t other, std::uint64_t each, std::uint32_t types) {
    return op(BS_OP_CHASE_BLOCKS, a, 0, types, other << 48 | each << 16 | 8);
  };
  CHECK(is_good_chase(64, blocks(0, 32, 64, 1u << 16)));
  CHECK_FALSE(is_good_chase(64, blocks(0, 33, 64, 1u << 16)));
  CHECK_FALSE(is_good_chase(64, blocks(0, 32, 0, 1u << 16)));
  CHECK_FALSE(is_good_chase(64, blocks(0, 32, 64, 2u << 16)));
  CHECK_FALSE(is_good_chase(64, blocks(0, 32, 64, 2u)));
  CHECK(is_good_chase(24, blocks(1, 8, 64, 1u << 16)));
  CHECK_FALSE(is_good_chase(24, blocks(1, 9, 64, 1u << 16)));
  CHECK_FALSE(is_good_chase(24, op(static_cast<bs_op_code>(42))));
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

TEST_CASE("ranges that are zeroed lie inside of their type") {
  const auto with_blanks = [](std::uint32_t size, std::vector<bs_op> blanks, std::uint32_t pc = 0) {
    probes::CompiledPlan plan;
    plan.types = {{size, 0xffffffff, pc, static_cast<std::uint32_t>(blanks.size())}};
    plan.ops = std::move(blanks);
    return plan;
  };
  CHECK(is_good(with_blanks(16, {op(BS_OP_BLANK, 0, 0, 0, 8), op(BS_OP_BLANK, 0, 12, 0, 4)})));
  CHECK_FALSE(is_good(with_blanks(16, {op(BS_OP_BLANK, 0, 12, 0, 5)})));
  CHECK_FALSE(is_good(with_blanks(16, {op(BS_OP_BLANK, 0, 0, 0, ~0ull)})));
  CHECK_FALSE(is_good(with_blanks(16, {op(BS_OP_BLANK)})));
  CHECK_FALSE(is_good(with_blanks(16, {op(BS_OP_NEXT, 0, 0, 0, 8)})));
  CHECK_FALSE(is_good(with_blanks(16, {op(BS_OP_BLANK, 0, 0, 0, 8)}, 1)));
  CHECK_FALSE(is_good(with_blanks(0, {op(BS_OP_BLANK, 0, 0, 0, 8)})));
  CHECK(is_good(with_blanks(128, std::vector<bs_op>(BS_MAX_BLANKS, op(BS_OP_BLANK, 0, 0, 0, 1)))));
  CHECK_FALSE(is_good(with_blanks(128, std::vector<bs_op>(BS_MAX_BLANKS + 1, op(BS_OP_BLANK, 0, 0, 0, 1)))));
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
