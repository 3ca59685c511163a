// std::unordered_set, unordered_map and their multi forms: one list of all nodes.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;
using schema::layout::kNoOffset;

Shape chain(std::uint64_t first, std::uint64_t count) {
  Shape shape;
  shape.container = Container::kList;
  shape.offset_a = first;
  shape.offset_b = count;
  shape.layout = {0, kNoOffset};
  return shape;
}

std::optional<Shape> gnu_table(const TypeLayout& layout, const Die& die, DieKey key, DieKey mapped) {
  const auto table = layout.member(die, {"_M_h"});
  const auto first = layout.pointer(die, {{"_M_h", "_M_before_begin", "_M_nxt"}});
  const auto count = layout.integer(die, 8, {{"_M_h", "_M_element_count"}});
  if (!table || !first || !count) return std::nullopt;
  const auto arguments = layout.arguments(table->type);
  if (arguments.size() < 2) return std::nullopt;
  Shape shape = chain(first->offset_bytes, *count);
  shape.target =
      node_target(layout, {table->type, "_Hash_node", {{"_M_storage"}}, 8}, arguments[1].type, key, mapped);
  return shape.target ? std::optional(std::move(shape)) : std::nullopt;
}

// Nodes {next, hash, value}; the value of a map is a wrapper of the pair.
std::optional<Shape> llvm_table(const TypeLayout& layout, const Die& die, DieKey key, DieKey mapped) {
  const auto table = layout.member(die, {"__table_"});
  const auto before = layout.first_member(die, {{"__table_", "__p1_"}, {"__table_", "__first_node_"}});
  const auto first = layout.pointer(
      die, {{"__table_", "__p1_", "__value_", "__next_"}, {"__table_", "__first_node_", "__next_"}});
  const auto count = layout.integer(die, 8, {{"__table_", "__p2_", "__value_"}, {"__table_", "__size_"}});
  if (!table || !before || !first || !count) return std::nullopt;
  const auto arguments = layout.arguments(table->type);
  if (arguments.empty()) return std::nullopt;
  DieKey value = arguments[0].type;
  if (mapped != 0) {
    const Die wrapper = layout.definition(value);
    if (const auto pair = wrapper ? layout.first_member(wrapper, {{"__cc"}, {"__cc_"}}) : std::nullopt)
      value = pair->type;
  }
  Shape shape = chain(first->offset_bytes, *count);
  shape.target = node_target(layout, {before->type, "__hash_node", {{"__value_"}}, 16}, value, key, mapped);
  return shape.target ? std::optional(std::move(shape)) : std::nullopt;
}

std::optional<Shape> table(const TypeLayout& layout, const Die& die, bool is_map) {
  const auto arguments = layout.arguments(die);
  if (arguments.size() < (is_map ? 2u : 1u)) return std::nullopt;
  const DieKey key = arguments[0].type;
  const DieKey mapped = is_map ? arguments[1].type : 0;
  auto shape = gnu_table(layout, die, key, mapped);
  if (!shape) shape = llvm_table(layout, die, key, mapped);
  if (shape) shape->is_map = is_map;
  return shape;
}

}  // namespace

std::optional<Shape> recognise_hash_set(const TypeLayout& layout, const Die& die) {
  return table(layout, die, false);
}

std::optional<Shape> recognise_hash_map(const TypeLayout& layout, const Die& die) {
  return table(layout, die, true);
}

}  // namespace backsight::probes
