// std::list and std::forward_list.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;
using schema::layout::kNoOffset;

Shape linked(std::uint64_t first, std::uint64_t count, std::uint64_t next, std::uint64_t sentinel) {
  Shape shape;
  shape.container = Container::kList;
  shape.offset_a = first;
  shape.offset_b = count;
  shape.layout = {next, sentinel};
  return shape;
}

}  // namespace

std::optional<Shape> recognise_list(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  if (arguments.empty()) return std::nullopt;
  std::optional<Shape> shape;
  if (const auto header = layout.member(die, {"_M_impl", "_M_node"})) {
    const auto first = layout.pointer(die, {{"_M_impl", "_M_node", "_M_next"}});
    const auto count = layout.integer(die, 8, {{"_M_impl", "_M_node", "_M_size"}});
    if (!first || !count) return std::nullopt;
    shape =
        linked(first->offset_bytes, *count, first->offset_bytes - header->offset_bytes, header->offset_bytes);
    shape->target = node_target(layout, {die.key(), "_List_node", {{"_M_storage"}}, 16}, arguments[0].type);
    if (!shape->target) {
      const auto impl = layout.member(die, {"_M_impl"});
      shape->target =
          node_target(layout, {impl->type, "_List_node", {{"_M_storage"}}, 16}, arguments[0].type);
    }
  } else if (const auto end = layout.member(die, {"__end_"})) {
    const auto first = layout.pointer(die, {{"__end_", "__next_"}});
    const auto count = layout.integer(die, 8, {{"__size_alloc_", "__value_"}, {"__size_"}});
    const auto allocator = layout.member(die, {"__size_alloc_"});
    if (!first || !count) return std::nullopt;
    shape = linked(first->offset_bytes, *count, first->offset_bytes - end->offset_bytes, end->offset_bytes);
    shape->target =
        node_target(layout, {allocator ? allocator->type : die.key(), "__list_node", {{"__value_"}}, 16},
                    arguments[0].type);
  }
  return shape && shape->target ? shape : std::nullopt;
}

std::optional<Shape> recognise_forward_list(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  if (arguments.empty()) return std::nullopt;
  std::optional<Shape> shape;
  if (const auto first = layout.pointer(die, {{"_M_impl", "_M_head", "_M_next"}})) {
    const auto impl = layout.member(die, {"_M_impl"});
    shape = linked(first->offset_bytes, kNoOffset, 0, kNoOffset);
    shape->target =
        node_target(layout, {impl->type, "_Fwd_list_node", {{"_M_storage"}}, 8}, arguments[0].type);
  } else if (const auto next = layout.pointer(
                 die, {{"__before_begin_", "__value_", "__next_"}, {"__before_begin_", "__next_"}})) {
    const auto before = layout.member(die, {"__before_begin_"});
    shape = linked(next->offset_bytes, kNoOffset, 0, kNoOffset);
    shape->target =
        node_target(layout, {before->type, "__forward_list_node", {{"__value_"}}, 8}, arguments[0].type);
  }
  return shape && shape->target ? shape : std::nullopt;
}

}  // namespace backsight::probes
