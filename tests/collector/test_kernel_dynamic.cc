// What is at a link-time address, and polymorphic objects as what they are.
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <string>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

enum : std::uint32_t { kPointer, kStatic, kLink, kLeft, kBoth, kDynamicTypes };
constexpr std::uint32_t kLeftBytes = 16, kBothBytes = 40;

std::uint64_t vtable_of(const char* symbol) {
  return find_object_address(Target::path(), symbol) + 16;
}

// Follows the pointers that RDI and RSI point to, at entry and at return.
CompiledPlan object_plan() {
  CompiledPlan plan;
  plan.plan.function = "observe";
  plan.plan.address = find_function(Target::path(), "observe").address;
  plan.types = {{8, 0, 0, 0},
                {kLeftBytes, kNone, 0, 0},
                {16, kNone, 0, 0},
                {kLeftBytes, kNone, 0, 0},
                {kBothBytes, kNone, 0, 0}};
  plan.ops = {op(BS_OP_CHASE_DYNAMIC, 0, 0, kStatic, std::uint64_t{kLink} << 32 | kLeftBytes),
              op(BS_OP_NEXT)};
  plan.entry_pc = plan.return_pc = 2;
  for (const auto& [number, root] : {std::pair(BS_RDI, 0), std::pair(BS_RSI, 1)}) {
    plan.ops.push_back(op(BS_OP_ROOT, 0, root));
    plan.ops.push_back(op(BS_OP_PUSH_REG, number));
    plan.ops.push_back(op(BS_OP_COPY, 0, root, kPointer, 8));
  }
  plan.ops.push_back(op(BS_OP_END));
  plan.vtables = {{vtable_of("_ZTV4Left"), {kLeft}}, {vtable_of("_ZTV4Both"), {kBoth}}};
  return plan;
}

// Link-time address that a function's call of itself returns to.
std::uint64_t return_of_own_call(const FunctionPlace& function) {
  std::ifstream file(Target::path(), std::ios::binary);
  std::string code(function.size, '\0');
  file.seekg(static_cast<std::streamoff>(function.file_offset));
  file.read(code.data(), static_cast<std::streamsize>(code.size()));
  for (std::size_t i = 0; i + 5 <= code.size(); ++i) {
    std::int32_t distance = 0;
    std::memcpy(&distance, &code[i + 1], sizeof distance);
    if (static_cast<std::uint8_t>(code[i]) == 0xe8 && distance == -static_cast<std::int64_t>(i + 5))
      return function.address + i + 5;
  }
  return 0;
}

void check_object(const Record::Item& item, std::uint32_t type, std::uint64_t address, std::uint32_t bytes) {
  CHECK(item.header.type == type);
  CHECK(item.header.address == address);
  CHECK(item.header.captured == bytes);
  CHECK(item.header.depth == 1);
}

}  // namespace

TEST_CASE("[bpf] what lies at a link-time address is found at entry and at returns") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const bool by_uretprobe = GENERATE(false, true);
  const auto function = find_function(Target::path(), "observe");
  const std::vector<bs_op> read = {
      op(BS_OP_ROOT, 0, 3),
      op(BS_OP_PUSH_LINKED, 0, 3, kWord, find_object_address(Target::path(), "global_number")),
      op(BS_OP_COPY, 0, 3, kWord, 8)};
  CompiledPlan plan = make_plan(read, read + emit_register(BS_RAX, kWord, 1));
  plan.plan.address = function.address - GENERATE(0x1000, -0x1000);  // sites lie before and behind
  auto sites = by_uretprobe ? std::vector{uretprobe_site(function)} : ret_sites(function);
  sites.insert(sites.begin(), entry_site(function));
  setup.attach(plan, sites);
  const auto records = setup.run("values");
  REQUIRE(records.size() == 2);
  CHECK(records[0].items.at(0).number() == 4242);
  REQUIRE(records[1].items.size() == 2);
  CHECK(records[1].items[1].number() == 7);
  if (by_uretprobe) {  // the instruction pointer is not at the site
    CHECK(records[1].items[0].header.status == BS_ITEM_BAD_ADDRESS);
    CHECK(records[1].items[0].header.root == 3);
  } else {
    CHECK(records[1].items[0].number() == 4242);
  }
}

TEST_CASE("[bpf] a value that is not passed is chosen by the return address") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto function = find_function(Target::path(), "recurse");
  const std::uint64_t own = return_of_own_call(function);
  REQUIRE(own != 0);
  const auto choice = [&](std::uint64_t first, std::uint64_t second) {
    return std::vector<bs_op>{op(BS_OP_ROOT, 0, 2),
                              op(BS_OP_IF_CALLER, 1, 0, 1, first),
                              op(BS_OP_PUSH_CONST, 0, 0, 0, 5),
                              op(BS_OP_IF_CALLER, 0, 0, 2, second),
                              op(BS_OP_PUSH_CONST, 0, 0, 0, 6),
                              op(BS_OP_ADD_CONST, 0, 0, 0, 1),
                              op(BS_OP_NEED_CALLER, 0, 2, kWord),
                              op(BS_OP_EMIT, 0, 2, kWord, 8)};
  };
  const bool is_first = GENERATE(true, false);
  CompiledPlan plan = make_plan(choice(is_first ? own : own + 1, is_first ? own + 1 : own) +
                                emit_register(BS_RDI, kWord, 1) + choice(own + 1, own + 2));
  plan.plan.function = "recurse";
  plan.plan.address = function.address;
  setup.attach(plan, {entry_site(function)});
  const auto records = setup.run("recurse 2");
  REQUIRE(records.size() == 3);
  for (std::size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i].items.size() == 3);
    const bool is_own = i > 0;  // the first was called from elsewhere
    CHECK(records[i].items[0].header.status == (is_own ? BS_ITEM_OK : BS_ITEM_UNKNOWN_CALLER));
    CHECK(records[i].items[0].header.root == 2);
    if (is_own) CHECK(records[i].items[0].number() == (is_first ? 5 : 7));
    CHECK(records[i].items[1].number() == 2 - i);
    CHECK(records[i].items[2].header.status == BS_ITEM_UNKNOWN_CALLER);
    CHECK(records[i].items[2].header.captured == 0);
  }
}

TEST_CASE("[bpf] without a load bias no caller is known") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const auto function = find_function(Target::path(), "recurse");
  CompiledPlan plan =
      make_plan({op(BS_OP_ROOT), op(BS_OP_IF_CALLER, 1, 0, 1, return_of_own_call(function)),
                 op(BS_OP_PUSH_CONST), op(BS_OP_NEED_CALLER, 0, 0, kWord), op(BS_OP_EMIT, 0, 0, kWord, 8)});
  plan.plan.address = function.address + (1 << 23);
  setup.attach(plan, {entry_site(function)});
  const auto records = setup.run("recurse 1");
  REQUIRE(records.size() == 2);
  for (const auto& record : records) CHECK(record.items.at(0).header.status == BS_ITEM_UNKNOWN_CALLER);
}

TEST_CASE("[bpf] a site too far from its function has no load bias") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan =
      make_plan({op(BS_OP_ROOT), op(BS_OP_PUSH_LINKED, 0, 0, kWord, 0x1000), op(BS_OP_COPY, 0, 0, kWord, 8)});
  plan.plan.address = find_function(Target::path(), "observe").address + GENERATE(1 << 23, -(1 << 23));
  setup.attach_entry(plan);
  const auto records = setup.run("values");
  REQUIRE(records.size() == 1);
  CHECK(records[0].items.at(0).header.status == BS_ITEM_BAD_ADDRESS);
  CHECK(records[0].items.at(0).header.address == 0);
}

TEST_CASE("[bpf] an object is captured as what it is, through any of its parts") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(object_plan());
  const auto records = setup.run("objects");
  REQUIRE(records.size() == 4);
  const auto& items = records[0].items;  // both as Left*, both as Right*
  REQUIRE(items.size() == 2 + 2 + 1);
  const std::uint64_t left = items[0].number(), right = items[1].number();
  CHECK(right == left + 16);
  check_object(items[2], kLink, left, 16);
  CHECK(items[2].number(0) == left);
  CHECK(items[2].number(8) == kBoth);
  check_object(items[3], kBoth, left, kBothBytes);
  CHECK(items[3].number(8) == 1);
  CHECK(items[3].number(24) == 2);
  CHECK(items[3].number(32) == 3);
  check_object(items[4], kLink, right, 16);
  CHECK(items[4].number(0) == left);
  CHECK(items[4].number(8) == kBoth);
}

TEST_CASE("[bpf] what is not known to be an object of a class is its static type") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(object_plan());
  const auto records = setup.run("objects");
  REQUIRE(records.size() == 4);
  const auto& known = records[1].items;  // a Left, and a class without a vtable here
  REQUIRE(known.size() == 5);
  CHECK(known[2].number(8) == kLeft);
  check_object(known[3], kLeft, known[0].number(), kLeftBytes);
  check_object(known[4], kStatic, known[1].number(), kLeftBytes);
  for (const std::size_t nonsense : {2u, 3u}) {
    const auto& items = records[nonsense].items;
    REQUIRE(items.size() == 4);
    for (const std::size_t i : {0u, 1u}) {
      CHECK(items[2 + i].header.type == kStatic);
      CHECK(items[2 + i].header.address == items[i].number());
    }
  }
  CHECK(records[3].items[3].header.status == BS_ITEM_BAD_ADDRESS);
}

TEST_CASE("[bpf] the class of an object is known at returns, but not in a return probe") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const bool by_uretprobe = GENERATE(false, true);
  const auto function = find_function(Target::path(), "observe");
  setup.attach(object_plan(), by_uretprobe ? std::vector{uretprobe_site(function)} : ret_sites(function));
  const auto records = setup.run("objects");
  REQUIRE(records.size() == 4);
  CHECK(records[0].items.at(2).header.type == (by_uretprobe ? kStatic : kLink));
}

TEST_CASE("[bpf] vtables go with their plan, and belong to no other") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(object_plan());
  CompiledPlan without = object_plan();
  without.vtables.clear();
  setup.attachment.reset();
  setup.attach_entry(without);
  auto records = setup.run("objects");
  REQUIRE(records.size() == 4);
  CHECK(records[0].items.at(2).header.type == kStatic);
  // Removed and installed anew, many times: the space comes back.
  setup.attachment.reset();
  setup.kernel->remove_plan(setup.plan_index);
  CompiledPlan many = object_plan();
  for (std::uint64_t i = 0; i < 5'000; i++) many.vtables.push_back({i + 1, {kLeft}});
  for (int i = 0; i < 20; i++) {
    setup.attach_entry(many);
    setup.attachment.reset();
    setup.kernel->remove_plan(setup.plan_index);
    drain(*setup.kernel);
  }
  setup.attach_entry(object_plan());
  records = setup.run("objects");
  REQUIRE(records.size() == 4);
  CHECK(records[0].items.at(2).header.type == kLink);
}

TEST_CASE("[bpf] classes that find no room are counted, and are not told") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan full = object_plan();
  full.vtables.clear();
  for (std::uint64_t i = 0; i < BS_MAX_VTABLES - 1; ++i) full.vtables.push_back({0x1000 + i * 8, {kLeft}});
  const auto first = setup.kernel->install_plan(full, 0, 0);
  REQUIRE(first.has_value());
  CHECK(setup.kernel->classes_left_out(*first) == 0);
  const CompiledPlan plan = object_plan();
  const auto second = setup.kernel->install_plan(plan, 0, 0);
  REQUIRE(second.has_value());
  CHECK(setup.kernel->classes_left_out(*second) == 1);
  setup.kernel->remove_plan(*first);
  setup.kernel->remove_plan(*second);
  CHECK(setup.kernel->classes_left_out(12'345) == 0);
}
