// Contiguous sequences: std::vector, array, span, initializer_list; and the
// adapters around containers.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;

bool is_bool(const TypeLayout& layout, DieKey key) {
  const Die die = layout.definition(key);
  return die && die.tag() == DW_TAG_base_type &&
         die.unsigned_value(DW_AT_encoding).value_or(0) == DW_ATE_boolean;
}

// A set of bits in words: {first word, last word, bits of it} or {first word, bits}.
std::optional<Shape> bit_vector(const TypeLayout& layout, const Die& die) {
  const auto begin = layout.pointer(die, {{"_M_impl", "_M_start", "_M_p"}, {"__begin_"}});
  if (!begin || layout.size(begin->type) != 8) return std::nullopt;
  Shape shape;
  shape.container = Container::kBitVector;
  shape.offset_a = begin->offset_bytes;
  shape.target = Target{begin->type};
  const auto last = layout.pointer(die, {{"_M_impl", "_M_finish", "_M_p"}});
  const auto bits = layout.integer(die, 4, {{"_M_impl", "_M_finish", "_M_offset"}});
  const auto count = layout.integer(die, 8, {{"__size_"}});
  if (last && bits) {
    shape.offset_b = last->offset_bytes;
    shape.layout = {1, *bits};
  } else if (count) {
    shape.offset_b = *count;
    shape.layout = {0, 0};
  } else {
    return std::nullopt;
  }
  return shape;
}

std::optional<Shape> counted(const std::optional<MemberPath>& data, std::optional<std::uint64_t> count) {
  if (!data || !count) return std::nullopt;
  Shape shape;
  shape.container = Container::kCounted;
  shape.offset_a = data->offset_bytes;
  shape.offset_b = *count;
  shape.target = Target{data->type};
  return shape;
}

// Of no elements: there may be nothing in it that could be named.
Shape nothing() {
  Shape shape;
  shape.container = Container::kTuple;
  return shape;
}

}  // namespace

std::optional<Shape> recognise_vector(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  if (arguments.empty()) return std::nullopt;
  if (is_bool(layout, arguments[0].type)) return bit_vector(layout, die);
  const auto begin = layout.pointer(die, {{"_M_impl", "_M_start"}, {"__begin_"}});
  const auto end = layout.pointer(die, {{"_M_impl", "_M_finish"}, {"__end_"}});
  if (!begin || !end) return std::nullopt;
  Shape shape;
  shape.container = Container::kVector;
  shape.offset_a = begin->offset_bytes;
  shape.offset_b = end->offset_bytes;
  shape.target = Target{begin->type};
  return shape;
}

std::optional<Shape> recognise_array(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  if (arguments.size() != 2 || !arguments[1].value) return std::nullopt;
  if (*arguments[1].value == 0) return nothing();
  const auto elements = layout.first_member(die, {{"_M_elems"}, {"__elems_"}});
  if (!elements || layout.definition(elements->type).tag() != DW_TAG_array_type) return std::nullopt;
  return transparent(*elements);
}

std::optional<Shape> recognise_span(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  const auto data = layout.pointer(die, {{"_M_ptr"}, {"__data"}, {"__data_"}});
  if (arguments.size() != 2 || !arguments[1].value || !data) return std::nullopt;
  const std::int64_t extent = *arguments[1].value;
  if (extent == -1) {
    return counted(data, layout.integer(die, 8, {{"_M_extent", "_M_extent_value"}, {"__size"}, {"__size_"}}));
  }
  if (extent < 0) return std::nullopt;
  if (extent == 0) return nothing();
  Shape shape;
  shape.container = Container::kSmartPointer;
  shape.offset_a = data->offset_bytes;
  shape.target = Target{data->type};
  shape.target->count = static_cast<std::uint64_t>(extent);
  return shape;
}

std::optional<Shape> recognise_initializer_list(const TypeLayout& layout, const Die& die) {
  return counted(layout.pointer(die, {{"_M_array"}, {"__begin_"}}),
                 layout.integer(die, 8, {{"_M_len"}, {"__size_"}}));
}

std::optional<Shape> recognise_adapter(const TypeLayout& layout, const Die& die) {
  const auto inner = layout.member(die, {"c"});
  return inner ? std::optional(transparent(*inner)) : std::nullopt;
}

}  // namespace backsight::probes
