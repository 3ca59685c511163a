// The capture program and its loader against the real kernel: what each
// operation brings back, and what is said where memory cannot be read.
#include "schema/event.h"
#include "schema/facts.h"
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <cstddef>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

static_assert(sizeof(bs_item) == sizeof(schema::ItemHeader));
static_assert(offsetof(bs_item, type) == offsetof(schema::ItemHeader, type));
static_assert(offsetof(bs_item, root) == offsetof(schema::ItemHeader, root));
static_assert(offsetof(bs_item, status) == offsetof(schema::ItemHeader, status));
static_assert(offsetof(bs_item, depth) == offsetof(schema::ItemHeader, depth));
static_assert(offsetof(bs_item, address) == offsetof(schema::ItemHeader, address));
static_assert(offsetof(bs_item, length) == offsetof(schema::ItemHeader, length));
static_assert(offsetof(bs_item, captured) == offsetof(schema::ItemHeader, captured));
static_assert(int(BS_ITEM_OK) == int(schema::ItemStatus::kOk));
static_assert(int(BS_ITEM_BAD_ADDRESS) == int(schema::ItemStatus::kBadAddress));
static_assert(int(BS_ITEM_UNKNOWN_CALLER) == int(schema::ItemStatus::kUnknownCaller));
static_assert(int(BS_ITEM_CHANGING) == int(schema::ItemStatus::kLast));
static_assert(int(BS_ITEM_NOT_RESIDENT) == int(schema::ItemStatus::kNotResident));
static_assert(int(BS_ITEM_ELEMENT_LIMIT) == int(schema::ItemStatus::kElementLimit));
static_assert(int(BS_ITEM_STRING_LIMIT) == int(schema::ItemStatus::kStringLimit));
static_assert(int(BS_ITEM_BYTE_LIMIT) == int(schema::ItemStatus::kByteLimit));
static_assert(int(BS_ITEM_NEGATIVE_LENGTH) == int(schema::ItemStatus::kNegativeLength));
static_assert(int(BS_SITE_ENTRY) == int(schema::EventKind::kEntry));
static_assert(int(BS_SITE_RETURN) == int(schema::EventKind::kReturn));
static_assert(int(BS_SITE_TAIL_CALL) == int(schema::EventKind::kTailCall));
static_assert(int(BS_SITE_GLOBAL) == int(schema::EventKind::kGlobal));
static_assert(int(BS_EVENT_BYTE_LIMIT) == int(schema::kEventByteLimit));
static_assert(int(BS_EVENT_QUEUE_LIMIT) == int(schema::kEventQueueLimit));
static_assert(int(BS_EVENT_STEP_LIMIT) == int(schema::kEventStepLimit));
static_assert(int(BS_LOSS_RING_FULL) == int(schema::LossReason::kRingFull));
static_assert(int(BS_LOSS_NO_SCRATCH) == int(schema::LossReason::kNoScratch));
static_assert(int(BS_LOSS_NESTED) == int(schema::LossReason::kNestedLimit));
static_assert(int(BS_LOSS_TOO_LARGE) == int(schema::LossReason::kTooLarge));

TEST_CASE("[bpf] features name what this kernel has") {
  const auto features = probe_kernel_features();
  CHECK_FALSE(features.release.empty());
  CHECK(features.bpf == features.lacking.empty());
}

TEST_CASE("[bpf] register values, header and counters") {
  const bool force_perf = GENERATE(false, true);
  Setup setup({.ring_bytes = 1 << 20, .force_perf_uprobes = force_perf, .force_no_bpf_loop = false});
  if (!setup.kernel) return;
  setup.attach_entry(make_plan(emit_register(BS_RDI, kWord, 0) + emit_register(BS_RDX, kWord, 1, 4) +
                               emit_register(BS_R8, kWord, 2, 2)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const Record& record = records[0];
  CHECK(record.header.kind == BS_SITE_ENTRY);
  CHECK(record.header.flags == 0);
  CHECK(record.header.plan == setup.plan_index);
  CHECK(record.header.tgid == static_cast<std::uint32_t>(setup.target.pid()));
  CHECK(record.header.tid == record.header.tgid);
  CHECK(record.header.seq >= 1);
  CHECK(record.header.frame % 16 == 8);
  CHECK(std::string(record.header.comm) == "bpf_target");
  REQUIRE(record.items.size() == 3);
  CHECK(record.items[0].number() == 1);
  CHECK(record.items[1].header.root == 1);
  CHECK(record.items[1].bytes == std::string("\3\0\0\0", 4));
  CHECK(record.items[2].bytes == "\xfb\xff");
  const auto counters = setup.kernel->counters(setup.plan_index);
  CHECK(counters.hits == 1);
  CHECK(counters.kept == 1);
}

TEST_CASE("[bpf] in the midst of a function the frame is told by RBP") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  auto site = entry_site(find_function(Target::path(), "observe"));
  site.kind = BS_SITE_ENTRY_BY_RBP;
  site.frame_adjust = GENERATE(8, -24);
  setup.attach(make_plan(emit_register(BS_RBP, kWord)), {site});
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  CHECK(records[0].header.kind == BS_SITE_ENTRY);
  REQUIRE(records[0].items.size() == 1);
  CHECK(records[0].header.frame ==
        records[0].items[0].number() + static_cast<std::uint64_t>(site.frame_adjust));
}

TEST_CASE("[bpf] arithmetic, loads and wide values") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const std::vector<bs_op> sums = {op(BS_OP_ROOT, 0, 0),
                                   op(BS_OP_PUSH_REG, BS_RDX),
                                   op(BS_OP_PUSH_CONST, 0, 0, 0, 100),
                                   op(BS_OP_MUL),
                                   op(BS_OP_PUSH_REG, BS_RCX),
                                   op(BS_OP_SUB),
                                   op(BS_OP_PUSH_CONST, 0, 0, 0, 1),
                                   op(BS_OP_ADD),
                                   op(BS_OP_ADD_CONST, 0, 0, 0, static_cast<std::uint64_t>(-7)),
                                   op(BS_OP_EMIT, 0, 0, kWord, 8)};
  const std::vector<bs_op> wide = {op(BS_OP_ROOT, 0, 1), op(BS_OP_PUSH_REG, BS_RCX),
                                   op(BS_OP_PUSH_REG, BS_R9), op(BS_OP_EMIT, 0, 1, kWord, 12)};
  const std::vector<bs_op> loaded = {op(BS_OP_ROOT, 0, 2), op(BS_OP_PUSH_REG, BS_RSP),
                                     op(BS_OP_LOAD, 8, 0, kWord, 2), op(BS_OP_LOAD, 1, 1, kWord, 2),
                                     op(BS_OP_EMIT, 0, 2, kWord, 8)};
  const std::vector<bs_op> failing = {op(BS_OP_ROOT, 0, 3), op(BS_OP_PUSH_CONST, 0, 0, 0, 0x18),
                                      op(BS_OP_LOAD, 8, 0, kWord, 3), op(BS_OP_ADD_CONST, 0, 0, 0, 1),
                                      op(BS_OP_EMIT, 0, 3, kWord, 8)};
  setup.attach_entry(make_plan(sums + wide + loaded + failing + emit_register(BS_RDX, kWord, 4)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 5);
  CHECK(items[0].number() == 3 * 100 - 4 + 1 - 7);
  CHECK(items[1].number() == 4);
  CHECK(items[1].bytes.substr(8) == std::string("\6\0\0\0", 4));
  CHECK(items[2].header.status == BS_ITEM_OK);
  CHECK(items[3].header.status == BS_ITEM_BAD_ADDRESS);
  CHECK(items[3].header.root == 3);
  CHECK(items[3].header.address == 0x18);
  CHECK(items[4].number() == 3);
}

TEST_CASE("[bpf] an element is one of those that there are, or says that it is none") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  struct Case {
    std::uint64_t begin, end, index;
    bool is_there;
  };
  constexpr std::uint64_t kBegin = 0x1000, kMinus = ~0ull;
  const std::vector<Case> cases = {{kBegin, kBegin + 48, 0, true},          {kBegin, kBegin + 48, 2, true},
                                   {kBegin, kBegin + 47, 2, false},         {kBegin, kBegin + 48, 3, false},
                                   {kBegin, kBegin + 48, kMinus, false},    {kBegin, kBegin, 0, false},
                                   {kBegin + 48, kBegin, 0, false},         {0, 0, 0, false},
                                   {kBegin, kBegin + 48, 1ull << 60, false}};
  std::vector<bs_op> ops;
  std::uint16_t root = 0;
  for (const Case& wanted : cases) {
    const std::vector<bs_op> one = {op(BS_OP_ROOT, 0, root),
                                    op(BS_OP_PUSH_CONST, 0, 0, 0, wanted.begin),
                                    op(BS_OP_PUSH_CONST, 0, 0, 0, wanted.end),
                                    op(BS_OP_PUSH_CONST, 0, 0, 0, wanted.index),
                                    op(BS_OP_ELEMENT, 0, 0, kWord, 16ull << 16 | root),
                                    op(BS_OP_EMIT, 0, root, kWord, 8)};
    ops.insert(ops.end(), one.begin(), one.end());
    ++root;
  }
  setup.attach_entry(make_plan(ops));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].items.size() == cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const auto& item = records[0].items[i];
    CHECK(item.header.root == i);
    CHECK(item.header.status == (cases[i].is_there ? BS_ITEM_OK : BS_ITEM_BAD_ADDRESS));
    if (cases[i].is_there) CHECK(item.number() == cases[i].begin + 16 * cases[i].index);
  }
}

TEST_CASE("[bpf] a global is found relative to the instruction pointer") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto function = find_function(Target::path(), "observe");
  const auto number_address = find_object_address(Target::path(), "global_number");
  setup.attach_entry(
      make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_IP_REL, 0, 0, 0, number_address - function.address),
                 op(BS_OP_COPY, 0, 0, kWord, 8)}));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].items.size() == 1);
  CHECK(records[0].items[0].number() == 4242);
}

TEST_CASE("[bpf] pointers are chased to the depth that is asked") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = make_plan(emit_register(BS_RDI, kNodePointer));
  plan.plan.limits.depth = GENERATE(0u, 2u, 3u, 9u);
  setup.attach_entry(plan);
  const auto records = setup.run("chain");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 1 + std::min(plan.plan.limits.depth, 3u));
  for (std::size_t i = 1; i < items.size(); i++) {
    CHECK(items[i].header.type == kNode);
    CHECK(items[i].header.depth == i);
    CHECK(items[i].header.address == items[i - 1].number(i == 1 ? 0 : 8));
    CHECK(items[i].number() == 11 * i);
  }
}

TEST_CASE("[bpf] a cyclic structure ends") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = make_plan(emit_register(BS_RDI, kNodePointer));
  plan.plan.limits.depth = 200;
  setup.attach_entry(plan);
  const auto records = setup.run("cycle");
  REQUIRE(records.size() == 1);
  CHECK(records[0].header.flags == 0);
  CHECK(records[0].items.size() == 3);
}

TEST_CASE("[bpf] C strings: exact, cut, empty, unterminated") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(
      make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI), op(BS_OP_COPY_CSTR, 0, 0, kChar)}));
  const auto records = setup.run("strings");
  REQUIRE(records.size() == 3);
  CHECK(records[0].items.at(0).bytes == "12345678");
  CHECK(records[0].items.at(0).header.status == BS_ITEM_OK);
  CHECK(records[1].items.at(0).bytes == "12345678");
  CHECK(records[1].items.at(0).header.status == BS_ITEM_STRING_LIMIT);
  CHECK(records[2].items.at(0).bytes.empty());
  CHECK(records[2].items.at(0).header.status == BS_ITEM_OK);
  const auto unterminated = setup.run("page_end");
  REQUIRE(unterminated.size() == 1);
  CHECK(unterminated[0].items.at(0).header.status == BS_ITEM_BAD_ADDRESS);
  CHECK(unterminated[0].items.at(0).bytes.empty());
}

TEST_CASE("[bpf] spans and counted data") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const std::vector<bs_op> span = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI),
                                   op(BS_OP_COPY, 0, 0, kSpan, 16)};
  const std::vector<bs_op> text = {op(BS_OP_ROOT, 0, 1), op(BS_OP_PUSH_REG, BS_RSI),
                                   op(BS_OP_COPY, 0, 1, kText, 16)};
  setup.attach_entry(make_plan(span + text));
  const auto records = setup.run("containers");
  REQUIRE(records.size() == 3);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 4);
  CHECK(items[2].header.root == 0);
  CHECK(items[2].header.status == BS_ITEM_ELEMENT_LIMIT);
  CHECK(items[2].header.length == 40 * 16);
  CHECK(items[2].header.captured == 32 * 16);
  CHECK(items[2].number(31 * 16) == 31);
  CHECK(items[3].header.root == 1);
  CHECK(items[3].header.status == BS_ITEM_STRING_LIMIT);
  CHECK(items[3].header.length == 12);
  CHECK(items[3].bytes == "counted ");
  REQUIRE(records[1].items.size() == 4);
  CHECK(records[1].items[2].header.status == BS_ITEM_NEGATIVE_LENGTH);
  CHECK(records[1].items[3].header.status == BS_ITEM_NEGATIVE_LENGTH);
  REQUIRE(records[2].items.size() == 3);  // begin == end; and text at null
  CHECK(records[2].items[1].header.status == BS_ITEM_BAD_ADDRESS);
  CHECK(records[2].items[2].header.length == 0);
  CHECK(records[2].items[2].header.status == BS_ITEM_OK);
}

TEST_CASE("[bpf] a range takes its count from the stack") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto range = [](int root, int count) {
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_REG, BS_RSP),
                              op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(count)),
                              op(BS_OP_COPY_RANGE, 0, root, kWord, 8)};
  };
  setup.attach_entry(make_plan(range(0, 3) + range(1, 33) + range(2, 0) + range(3, -1)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 4);
  CHECK(items[0].header.captured == 24);
  CHECK(items[0].header.status == BS_ITEM_OK);
  CHECK(items[1].header.captured == 32 * 8);
  CHECK(items[1].header.length == 33 * 8);
  CHECK(items[1].header.status == BS_ITEM_ELEMENT_LIMIT);
  CHECK(items[2].header.length == 0);
  CHECK(items[2].header.status == BS_ITEM_OK);
  CHECK(items[3].header.status == BS_ITEM_NEGATIVE_LENGTH);
}

TEST_CASE("[bpf] a shifted value has its own upper bits") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto shifted = [](int root, int bits, int is_signed) {
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_CONST, 0, 0, 0, 0xfedcba9876543210),
                              op(BS_OP_SHIFT, bits, is_signed), op(BS_OP_EMIT, 0, root, kWord, 8)};
  };
  setup.attach_entry(
      make_plan(shifted(0, 32, 0) + shifted(1, 32, 1) + shifted(2, 63, 0) + shifted(3, 63, 1)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 4);
  CHECK(items[0].number() == 0xfedcba98);
  CHECK(items[1].number() == 0xfffffffffedcba98);
  CHECK(items[2].number() == 1);
  CHECK(items[3].number() == ~std::uint64_t{0});
}

TEST_CASE("[bpf] a narrow value is what its own bytes say, whatever lies above them") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto narrow = [](int root, std::uint64_t value, int bytes, int is_signed) {
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_CONST, 0, 0, 0, value),
                              op(BS_OP_EXTEND, bytes, is_signed), op(BS_OP_EMIT, 0, root, kWord, 8)};
  };
  const auto range = [](int root, std::uint64_t count) {
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_REG, BS_RSP),
                              op(BS_OP_PUSH_CONST, 0, 0, 0, count), op(BS_OP_EXTEND, 4, 1),
                              op(BS_OP_COPY_RANGE, 0, root, kWord, 8)};
  };
  const std::uint64_t garbage = 0xdeadbeef00000000;
  setup.attach_entry(make_plan(narrow(0, garbage | 0xfffffffe, 4, 1) + narrow(1, garbage | 0xfffffffe, 4, 0) +
                               narrow(2, garbage | 0xcafefffd, 2, 1) + narrow(3, garbage | 0xcafefffd, 2, 0) +
                               narrow(4, garbage | 0xcafecaff, 1, 1) + narrow(5, garbage | 0xcafecaff, 1, 0) +
                               range(6, garbage | 3) + range(7, garbage | 0xffffffff)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 8);
  CHECK(items[0].number() == static_cast<std::uint64_t>(-2));
  CHECK(items[1].number() == 0xfffffffe);
  CHECK(items[2].number() == static_cast<std::uint64_t>(-3));
  CHECK(items[3].number() == 0xfffd);
  CHECK(items[4].number() == static_cast<std::uint64_t>(-1));
  CHECK(items[5].number() == 0xff);
  CHECK(items[6].header.status == BS_ITEM_OK);
  CHECK(items[6].header.captured == 24);
  CHECK(items[7].header.status == BS_ITEM_NEGATIVE_LENGTH);
}

TEST_CASE("[bpf] a range ends where what holds it ends") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto range = [](int root, int end, int count) {
    return std::vector<bs_op>{
        op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_REG, BS_RSP, 0, 0, static_cast<std::uint64_t>(end)),
        op(BS_OP_PUSH_REG, BS_RSP), op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(count)),
        op(BS_OP_COPY_RANGE, 1, root, kWord, 8)};
  };
  setup.attach_entry(make_plan(range(0, 16, 8) + range(1, 64, 2) + range(2, -8, 3) + range(3, 16, -1)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 4);
  CHECK(items[0].header.captured == 16);  // two elements, then the end
  CHECK(items[1].header.captured == 16);  // the count is smaller
  CHECK(items[2].header.captured == 0);   // begins behind the end
  CHECK(items[3].header.status == BS_ITEM_NEGATIVE_LENGTH);
}

TEST_CASE("[bpf] a range does not begin before what holds it") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto range = [](int root, int first, int count) {
    const auto at = [](int offset) {
      return op(BS_OP_PUSH_REG, BS_RSP, 0, 0, static_cast<std::uint64_t>(offset));
    };
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, root),
                              at(16),
                              at(48),
                              at(first),
                              op(BS_OP_PUSH_CONST, 0, 0, 0, static_cast<std::uint64_t>(count)),
                              op(BS_OP_COPY_RANGE, 2, root, kWord, 8)};
  };
  setup.attach_entry(make_plan(range(0, 16, 2) + range(1, 40, 2) + range(2, 8, 3) + range(3, 8, 0)));
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  const auto& items = records[0].items;
  REQUIRE(items.size() == 4);
  CHECK(items[0].header.captured == 16);
  CHECK(items[1].header.captured == 8);  // the end comes first
  CHECK(items[2].header.status == BS_ITEM_NEGATIVE_LENGTH);
  CHECK(items[3].header.status == BS_ITEM_NEGATIVE_LENGTH);
}

TEST_CASE("[bpf] memory that is not there is told from memory that is not resident") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const std::vector<bs_op> copy = {op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI),
                                   op(BS_OP_COPY, 0, 0, kWord, 8)};
  const std::vector<bs_op> text = {op(BS_OP_ROOT, 0, 1), op(BS_OP_PUSH_REG, BS_RSI),
                                   op(BS_OP_COPY_CSTR, 0, 1, kChar)};
  setup.attach_entry(make_plan(copy + text));
  for (const char* command : {"bad", "null", "not_resident"}) {
    INFO(command);
    const auto records = setup.run(command);
    REQUIRE(records.size() == 1);
    const bool is_resident = command != std::string("not_resident") || setup.options.force_no_bpf_loop;
    const auto expected = is_resident ? BS_ITEM_BAD_ADDRESS : BS_ITEM_NOT_RESIDENT;
    for (const auto& item : records[0].items) {
      CHECK(item.header.status == expected);
      CHECK(item.bytes.empty());
    }
    CHECK(records[0].items.size() == 2);
  }
}

TEST_CASE("[bpf] nothing of an earlier event shows in a later one") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan =
      make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI), op(BS_OP_COPY_CSTR, 0, 0, kChar),
                 op(BS_OP_ROOT, 0, 1), op(BS_OP_PUSH_REG, BS_RSI), op(BS_OP_COPY, 0, 1, kWord, 5)});
  plan.plan.limits.string_bytes = 256;
  setup.attach_entry(plan);
  const auto records = setup.run("patterns");
  REQUIRE(records.size() == 2);
  CHECK(records[0].items.at(0).bytes == std::string(255, 'A'));
  CHECK(records[1].items.at(0).bytes == "bbb");
  CHECK(records[1].items.at(1).bytes == std::string("bbb\0\0", 5));
  CHECK(records[1].padding.find('A') == std::string::npos);
}

TEST_CASE("[bpf] the byte limit ends a capture and says so") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan =
      make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_REG, BS_RDI), op(BS_OP_COPY, 0, 0, kSpan, 16)});
  plan.plan.limits.bytes = 100;
  setup.attach_entry(plan);
  const auto records = setup.run("containers");
  REQUIRE(records.size() == 3);
  CHECK(records[0].header.flags == BS_EVENT_BYTE_LIMIT);
  CHECK(records[0].items.at(1).header.status == BS_ITEM_BYTE_LIMIT);
  CHECK(records[0].items.at(1).header.captured == 80);  // whole elements
}
