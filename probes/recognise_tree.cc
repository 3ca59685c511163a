// std::set, multiset, map, multimap: red-black trees.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;

// What the debug information says where it has the node, else what the libraries
// have always had: {colour, parent, left, right} and {left, right, parent, colour}.
std::optional<Shape> gnu_tree(const TypeLayout& layout, const Die& die, DieKey key, DieKey mapped) {
  const auto tree = layout.member(die, {"_M_t"});
  const auto impl = layout.member(die, {"_M_t", "_M_impl"});
  const auto header = layout.member(die, {"_M_t", "_M_impl", "_M_header"});
  const auto leftmost = layout.pointer(die, {{"_M_t", "_M_impl", "_M_header", "_M_left"}});
  const auto right = layout.pointer(die, {{"_M_t", "_M_impl", "_M_header", "_M_right"}});
  const auto parent = layout.pointer(die, {{"_M_t", "_M_impl", "_M_header", "_M_parent"}});
  const auto count = layout.integer(die, 8, {{"_M_t", "_M_impl", "_M_node_count"}});
  if (!tree || !impl || !header || !leftmost || !right || !parent || !count) return std::nullopt;
  const auto arguments = layout.arguments(tree->type);
  if (arguments.size() < 2) return std::nullopt;
  Shape shape;
  shape.container = Container::kTree;
  shape.offset_a = leftmost->offset_bytes;
  shape.offset_b = *count;
  shape.layout = {parent->offset_bytes - header->offset_bytes, leftmost->offset_bytes - header->offset_bytes,
                  right->offset_bytes - header->offset_bytes};
  shape.target = node_target(layout, {impl->type, "_Rb_tree_node", {{"_M_storage"}, {"_M_value_field"}}, 32},
                             arguments[1].type, key, mapped);
  return shape.target ? std::optional(std::move(shape)) : std::nullopt;
}

// The value of a libc++ map is a wrapper of the pair.
DieKey unwrapped(const TypeLayout& layout, DieKey value) {
  const Die wrapper = layout.definition(value);
  const auto pair = wrapper ? layout.first_member(wrapper, {{"__cc"}, {"__cc_"}}) : std::nullopt;
  return pair ? pair->type : value;
}

std::optional<Shape> llvm_tree(const TypeLayout& layout, const Die& die, DieKey key, DieKey mapped) {
  const auto tree = layout.member(die, {"__tree_"});
  const auto leftmost = layout.pointer(die, {{"__tree_", "__begin_node_"}});
  const auto count = layout.integer(die, 8, {{"__tree_", "__pair3_", "__value_"}, {"__tree_", "__size_"}});
  const auto root = layout.member(die, {"__tree_", "__pair1_"});
  if (!tree || !leftmost || !count) return std::nullopt;
  const auto arguments = layout.arguments(tree->type);
  if (arguments.empty()) return std::nullopt;
  const DieKey value = mapped != 0 ? unwrapped(layout, arguments[0].type) : arguments[0].type;
  Shape shape;
  shape.container = Container::kTree;
  shape.offset_a = leftmost->offset_bytes;
  shape.offset_b = *count;
  shape.layout = {16, 0, 8};
  // The colour ends at byte 25, and the value may follow it at once.
  shape.target = node_target(layout, {root ? root->type : tree->type, "__tree_node", {{"__value_"}}, 25},
                             value, key, mapped);
  return shape.target ? std::optional(std::move(shape)) : std::nullopt;
}

std::optional<Shape> tree(const TypeLayout& layout, const Die& die, bool is_map) {
  const auto arguments = layout.arguments(die);
  if (arguments.size() < (is_map ? 2u : 1u)) return std::nullopt;
  const DieKey key = arguments[0].type;
  const DieKey mapped = is_map ? arguments[1].type : 0;
  auto shape = gnu_tree(layout, die, key, mapped);
  if (!shape) shape = llvm_tree(layout, die, key, mapped);
  if (shape) shape->is_map = is_map;
  return shape;
}

}  // namespace

std::optional<Shape> recognise_set(const TypeLayout& layout, const Die& die) {
  return tree(layout, die, false);
}

std::optional<Shape> recognise_map(const TypeLayout& layout, const Die& die) {
  return tree(layout, die, true);
}

}  // namespace backsight::probes
