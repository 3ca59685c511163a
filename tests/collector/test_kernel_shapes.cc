// Chase operations that follow containers: lists, trees, deques and bits of a
// real program, and of one whose structures are not what they say.
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

// Types of these plans; the layouts are those of libstdc++.
enum : std::uint32_t { kNumber, kLetters, kWhole, kNodes, kBlocks, kElements, kShapeTypes };

// Captures what RDI and RSI point to, `bytes` each, and follows it by `follow`.
CompiledPlan shape_plan(std::uint32_t bytes, std::vector<bs_op> follow, std::uint32_t node_bytes = 8) {
  CompiledPlan plan;
  plan.plan.function = "observe";
  plan.types.assign(kShapeTypes, bs_type{8, kNone, 0, 0});
  plan.types[kNodes].size = node_bytes;
  plan.types[kWhole] = {bytes, 0, 0, 0};
  plan.ops = std::move(follow);
  plan.ops.push_back(op(BS_OP_NEXT));
  plan.entry_pc = static_cast<std::uint32_t>(plan.ops.size());
  for (const auto& [number, root] : {std::pair(BS_RDI, 0), std::pair(BS_RSI, 1)}) {
    plan.ops.push_back(op(BS_OP_ROOT, 0, root));
    plan.ops.push_back(op(BS_OP_PUSH_REG, number));
    plan.ops.push_back(op(BS_OP_COPY, 0, root, kWhole, bytes));
  }
  plan.ops.push_back(op(BS_OP_END));
  return plan;
}

void chase(CompiledPlan& plan, std::uint32_t type, const bs_op& operation) {
  plan.types[type].chase_pc = static_cast<std::uint32_t>(plan.ops.size());
  plan.ops.push_back(operation);
  plan.ops.push_back(op(BS_OP_NEXT));
}

// std::list of words; null-terminated bpf_node; std::unordered_map<long, long>.
const bs_op kStdList = op(BS_OP_CHASE_LIST, 1, 0, kNodes, 24);
const bs_op kNodeList = op(BS_OP_CHASE_LIST, 0, 0, kNodes, 8ull << 32 | 16);
const bs_op kHashed = op(BS_OP_CHASE_LIST, 0, 16, kNodes, 24);
const bs_op kTree = op(BS_OP_CHASE_TREE, 0, 24, kNodes, 40ull << 48 | 0x181008ull << 16 | 48);
const bs_op kDeque = op(BS_OP_CHASE_BLOCKS, 0, 16, kBlocks << 16 | kElements, 48ull << 48 | 64ull << 16 | 8);
const bs_op kNumbered = op(BS_OP_CHASE_BLOCKS, 1, 0, kBlocks << 16 | kElements, 8ull << 48 | 4ull << 16 | 8);

std::vector<Record::Item> of_type(const Record& record, std::uint32_t type) {
  std::vector<Record::Item> items;
  for (const auto& item : record.items)
    if (item.header.type == type) items.push_back(item);
  return items;
}

const Record::Item* find_item(const Record& record, std::uint32_t type, std::uint64_t address) {
  for (const auto& item : record.items)
    if (item.header.type == type && item.header.address == address) return &item;
  return nullptr;
}

// The keys of a tree as one who shows it finds them: by the captured pointers.
std::vector<std::uint64_t> keys_in_order(const Record& record, std::size_t most) {
  std::vector<std::uint64_t> keys;
  std::uint64_t at = record.items.at(0).number(24);
  const auto part = [&](std::uint64_t address, std::size_t offset) -> std::uint64_t {
    const auto* node = find_item(record, kNodes, address);
    return node && !node->bytes.empty() ? node->number(offset) : 0;
  };
  while (keys.size() < most && find_item(record, kNodes, at)) {
    keys.push_back(part(at, 32));
    if (part(at, 24)) {
      for (at = part(at, 24); part(at, 16);) at = part(at, 16);
      continue;
    }
    std::uint64_t child = at;
    for (at = part(at, 8); at && part(at, 24) == child; at = part(at, 8)) child = at;
  }
  return keys;
}

std::vector<std::uint64_t> numbers_to(std::uint64_t count) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < count; i++) numbers.push_back(i);
  return numbers;
}

}  // namespace

TEST_CASE("[bpf] a list: one item for each node, and what its values point to") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(24, {kStdList}, 24);
  chase(plan, kNodes, op(BS_OP_CHASE_CSTR, 0, 16, kLetters));
  setup.attach_entry(plan);
  const auto records = setup.run("lists 0");
  REQUIRE(records.size() == 2);
  const auto nodes = of_type(records[0], kNodes), texts = of_type(records[0], kLetters);
  REQUIRE(nodes.size() == 3);
  REQUIRE(texts.size() == 3);
  for (std::size_t i = 0; i < 3; i++) {
    CHECK(nodes[i].header.depth == 1);
    CHECK(nodes[i].header.status == BS_ITEM_OK);
    CHECK(nodes[i].header.address == (i ? nodes[i - 1].number() : records[0].items[0].number()));
    CHECK(texts[i].header.address == nodes[i].number(16));
    CHECK(texts[i].header.depth == 2);
    CHECK(texts[i].bytes == std::vector<std::string>{"one", "two", "three"}[i]);
  }
  CHECK(nodes[2].number() == records[0].items[0].header.address);  // the end
  CHECK(records[0].header.flags == 0);
  CHECK(of_type(records[1], kNodes).empty());
}

TEST_CASE("[bpf] a list is cut after as many elements as are wanted") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(24, {kStdList}, 24);
  plan.plan.limits.elements = GENERATE(0u, 1u, 32u, 99u, 100u, 101u);
  setup.attach_entry(plan);
  const auto records = setup.run("lists 100");
  REQUIRE(records.size() == 2);
  const auto nodes = of_type(records[1], kNodes);
  CHECK(nodes.size() == std::min(plan.plan.limits.elements, 100u));  // once, though captured twice
  for (std::size_t i = 0; i < nodes.size(); i++) CHECK(nodes[i].number(16) == i);
  CHECK(records[1].header.flags == 0);
}

TEST_CASE("[bpf] lists that share nodes lose none of them") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(8, {kNodeList}, 16));
  const auto records = setup.run("shared_tail");
  REQUIRE(records.size() == 1);
  std::multiset<std::uint64_t> values;
  for (const auto& node : of_type(records[0], kNodes)) values.insert(node.number());
  CHECK(values == std::multiset<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("[bpf] a list goes on behind a node that was captured before") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(8, {op(BS_OP_CHASE_PTR, 0, 0, kNodes, 16), kNodeList}, 16));
  const auto records = setup.run("shared_tail");
  REQUIRE(records.size() == 1);
  CHECK(of_type(records[0], kNodes).size() == 4);
}

TEST_CASE("[bpf] a list that leads into itself or nowhere ends") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(8, {kNodeList}, 16);
  plan.plan.limits.elements = 1'000'000;
  setup.attach_entry(plan);
  const auto records = setup.run("corrupt_lists");
  REQUIRE(records.size() == 1);
  CHECK(records[0].header.flags == 0);
  const auto nodes = of_type(records[0], kNodes);
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[0].header.root == 0);
  CHECK(nodes[3].header.address == 0x10);
  CHECK(nodes[3].header.status == BS_ITEM_BAD_ADDRESS);
}

TEST_CASE("[bpf] the byte limit ends a list with the node that did not fit") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(24, {kStdList}, 24);
  plan.plan.limits.bytes = 24 + 24 + 3 * 24 + 10;
  setup.attach_entry(plan);
  const auto records = setup.run("lists 100");
  REQUIRE(records.size() == 2);
  const auto nodes = of_type(records[1], kNodes);
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[2].header.captured == 24);
  CHECK(nodes[3].header.captured == 0);
  CHECK(nodes[3].header.status == BS_ITEM_BYTE_LIMIT);
  CHECK(records[1].header.flags == BS_EVENT_BYTE_LIMIT);
}

TEST_CASE("[bpf] a hash table is a list of its nodes") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(56, {kHashed}, 24));
  const auto records = setup.run("hashed 20");
  REQUIRE(records.size() == 1);
  std::set<std::uint64_t> keys;
  for (const auto& node : of_type(records[0], kNodes)) {
    CHECK(node.number(16) == node.number(8) * node.number(8));
    keys.insert(node.number(8));
  }
  CHECK(keys.size() == 20);
}

TEST_CASE("[bpf] a tree in order, whole or its first elements") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(48, {kTree}, 48);
  plan.plan.limits.bytes = 32768;
  plan.plan.limits.elements = 50;
  setup.attach_entry(plan);
  const auto size = GENERATE(0u, 1u, 2u, 49u, 50u, 51u, 400u);
  const auto records = setup.run("maps " + std::to_string(size));
  REQUIRE(records.size() == 1);
  CHECK(records[0].items.at(0).number(40) == size);
  CHECK(keys_in_order(records[0], 50) == numbers_to(std::min(size, 50u)));
  const auto nodes = of_type(records[0], kNodes);
  if (size <= 50) CHECK(nodes.size() == size);
  CHECK(nodes.size() <= 60);  // some that lead to the next are met before their turn
  CHECK(records[0].header.flags == 0);
}

TEST_CASE("[bpf] trees that lead into themselves, nowhere, or say too many end") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(48, {kTree}, 48);
  plan.plan.limits.elements = 100;
  setup.attach_entry(plan);
  const auto records = setup.run("corrupt_trees");
  REQUIRE(records.size() == 3);
  CHECK(of_type(records[0], kNodes).size() == 1);
  CHECK(records[0].header.flags == 0);
  const auto bad = of_type(records[1], kNodes);
  REQUIRE(bad.size() == 3);
  CHECK(bad[0].number(32) == 1);
  CHECK(bad[1].number(32) == 2);
  CHECK(bad[2].header.status == BS_ITEM_BAD_ADDRESS);
  CHECK(of_type(records[2], kNodes).size() == 3);  // the header is no node
}

TEST_CASE("[bpf] a deque: its blocks' pointers, then block by block what is used") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(80, {kDeque});
  chase(plan, kBlocks, op(BS_OP_CHASE_PTR, 0, 0, kNumber, 8));  // what a pointer to a number does elsewhere
  plan.plan.limits.elements = GENERATE(10u, 59u, 60u, 195u, 1000u);
  setup.attach_entry(plan);
  const auto records = setup.run("deques 200");
  REQUIRE(records.size() == 1);
  const Record& record = records[0];
  const auto pointers = of_type(record, kBlocks), blocks = of_type(record, kElements);
  REQUIRE(pointers.size() == 1);
  CHECK(of_type(record, kNumber).empty());
  CHECK(pointers[0].header.address == record.items[0].number(40));
  CHECK(pointers[0].header.length == 4 * 8);
  std::uint64_t expected = 5;
  for (std::size_t i = 0; i < blocks.size(); i++) {
    const std::uint64_t begin = i ? pointers[0].number(i * 8) : record.items[0].number(16);
    CHECK(blocks[i].header.address == begin);
    for (std::size_t at = 0; at < blocks[i].bytes.size(); at += 8) CHECK(blocks[i].number(at) == expected++);
  }
  CHECK(expected == std::min(5 + plan.plan.limits.elements, 200u));
  const bool is_cut = plan.plan.limits.elements == 10 || plan.plan.limits.elements == 60;  // in a block
  CHECK(blocks.back().header.status == (is_cut ? BS_ITEM_ELEMENT_LIMIT : BS_ITEM_OK));
  CHECK(record.header.flags == 0);
}

TEST_CASE("[bpf] a deque without elements, or in one block") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(80, {kDeque}));
  const auto none = setup.run("deques 5"), one = setup.run("deques 6");
  REQUIRE(none.size() == 1);
  CHECK(none[0].items.size() == 1 + 1);  // null is no deque
  REQUIRE(one.size() == 1);
  const auto blocks = of_type(one[0], kElements);
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].bytes.size() == 8);
  CHECK(blocks[0].number() == 5);
}

TEST_CASE("[bpf] a deque by numbers") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(24, {kNumbered}));
  const auto records = setup.run("numbered");
  REQUIRE(records.size() == 3);
  const auto blocks = of_type(records[0], kElements);
  REQUIRE(blocks.size() == 3);
  std::vector<std::uint64_t> values;
  for (const auto& block : blocks)
    for (std::size_t at = 0; at < block.bytes.size(); at += 8) values.push_back(block.number(at));
  CHECK(values == std::vector<std::uint64_t>{6, 7, 8, 9, 10, 11, 12});
  CHECK(of_type(records[1], kElements).empty());  // its first block is null
  const auto absurd = of_type(records[2], kBlocks);
  REQUIRE(absurd.size() == 1);
  CHECK(absurd[0].header.status == BS_ITEM_NEGATIVE_LENGTH);
}

TEST_CASE("[bpf] a deque that cannot be has no elements") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  setup.attach_entry(shape_plan(80, {kDeque}));
  const auto records = setup.run("corrupt_deque");
  REQUIRE(records.size() == 2);
  for (const Record& record : records) {
    CHECK(of_type(record, kElements).empty());
    const auto absurd = of_type(record, kBlocks);
    REQUIRE(absurd.size() == 1);
    CHECK(absurd[0].header.status == BS_ITEM_NEGATIVE_LENGTH);
  }
}

TEST_CASE("[bpf] bits in words, up to the last that is used") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  CompiledPlan plan = shape_plan(40, {op(BS_OP_CHASE_BITS, 2, 0, kNumber)});
  plan.plan.limits.elements = 128;
  setup.attach_entry(plan);
  const auto size = GENERATE(0u, 1u, 63u, 64u, 65u, 128u, 129u);
  const auto records = setup.run("bits " + std::to_string(size));
  REQUIRE(records.size() == 1);
  const auto words = of_type(records[0], kNumber);
  if (size == 0) {
    for (const auto& item : words) CHECK(item.header.length == 0);
    return;
  }
  REQUIRE(words.size() == 1);
  CHECK(words[0].header.length == (size + 63) / 64 * 8);
  CHECK(words[0].header.captured == std::min((size + 63) / 64 * 8, 16u));
  CHECK(words[0].header.status == (size > 128 ? BS_ITEM_ELEMENT_LIMIT : BS_ITEM_OK));
  for (unsigned i = 0; i < std::min(size, 128u); i++)
    CHECK((words[0].number(i / 64 * 8) >> i % 64 & 1) == (i % 3 == 0));
}

TEST_CASE("[bpf] bits by their number, and what is followed only where a part says so") {
  Setup setup(each_program());
  if (!setup.kernel) return;
  const std::vector<bs_op> follow = {op(BS_OP_CHASE_BITS, 0, 0, kNumber, 8ull << 32),
                                     op(BS_OP_CHASE_IF, 4, 8, 1, 0xffffffffull << 32 | 12),
                                     op(BS_OP_CHASE_CSTR, 0, 0, kLetters),
                                     op(BS_OP_CHASE_IF, 1, 8, 2, 3ull << 32 | 1),
                                     op(BS_OP_CHASE_CSTR, 0, 0, kLetters),
                                     op(BS_OP_CHASE_CSTR, 0, 0, kLetters)};
  CompiledPlan plan = shape_plan(16, follow);
  plan.entry_pc += 3;  // RSI alone
  setup.attach_entry(plan);
  const auto records = setup.run("containers");
  REQUIRE(records.size() == 3);
  const auto words = of_type(records[0], kNumber), texts = of_type(records[0], kLetters);
  REQUIRE(words.size() == 1);
  CHECK(words[0].bytes == "counted ");
  REQUIRE(texts.size() == 1);
  CHECK(texts[0].bytes == "counted text");
  CHECK(of_type(records[1], kNumber).at(0).header.status == BS_ITEM_NEGATIVE_LENGTH);
  CHECK(of_type(records[1], kLetters).empty());
}
