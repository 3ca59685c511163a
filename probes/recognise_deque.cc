// std::deque: a map of pointers to blocks of elements.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;

Shape blocks(DieKey element, bool by_iterators, std::uint64_t block_elements) {
  Shape shape;
  shape.container = Container::kDeque;
  shape.layout = {by_iterators ? std::uint64_t{1} : 0, block_elements};
  shape.target = Target{element};
  shape.parts.push_back({"block", 0, 0, Part::Form::kAddress});
  return shape;
}

// libstdc++: iterators {current, first, last, place in the map}; 512 bytes a block.
std::optional<Shape> by_iterators(const TypeLayout& layout, const Die& die) {
  const auto start = layout.member(die, {"_M_impl", "_M_start"});
  const auto finish = layout.member(die, {"_M_impl", "_M_finish"});
  if (!start || !finish) return std::nullopt;
  const Die iterator = layout.definition(start->type);
  const auto current = layout.pointer(iterator, {{"_M_cur"}});
  const auto first = layout.pointer(iterator, {{"_M_first"}});
  const auto last = layout.pointer(iterator, {{"_M_last"}});
  const auto place = layout.pointer(iterator, {{"_M_node"}});
  if (!current || !first || !last || !place || finish->type != start->type) return std::nullopt;
  if (current->offset_bytes != 0 || first->offset_bytes != 8 || last->offset_bytes != 16 ||
      place->offset_bytes != 24) {
    return std::nullopt;
  }
  const auto bytes = layout.size(current->type);
  if (!bytes || *bytes == 0) return std::nullopt;
  Shape shape = blocks(current->type, true, *bytes < 512 ? 512 / *bytes : 1);
  shape.offset_a = start->offset_bytes;
  shape.offset_b = finish->offset_bytes;
  return shape;
}

// libc++: the map is {first place, first used, end of used, end}; the number of the
// first element counts from the first used block; 4096 bytes a block.
std::optional<Shape> by_numbers(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  const auto used = layout.pointer(die, {{"__map_", "__begin_"}});
  const auto start = layout.integer(die, 8, {{"__start_"}});
  const auto count = layout.integer(die, 8, {{"__size_", "__value_"}, {"__size_"}});
  if (arguments.empty() || !used || !start || !count || *count != *start + 8) return std::nullopt;
  const auto bytes = layout.size(arguments[0].type);
  if (!bytes || *bytes == 0) return std::nullopt;
  Shape shape = blocks(arguments[0].type, false, *bytes < 256 ? 4096 / *bytes : 16);
  shape.offset_a = used->offset_bytes;
  shape.offset_b = *start;
  return shape;
}

}  // namespace

std::optional<Shape> recognise_deque(const TypeLayout& layout, const Die& die) {
  auto shape = by_iterators(layout, die);
  return shape ? shape : by_numbers(layout, die);
}

}  // namespace backsight::probes
