// std::optional, std::variant, std::any and std::function: what they hold is known
// at run time.
#include "probes/recognise.h"

namespace backsight::probes {

using schema::Container;

std::optional<Shape> recognise_optional(const TypeLayout& layout, const Die& die) {
  const auto engaged = layout.integer(die, 1, {{"_M_payload", "_M_engaged"}, {"__engaged_"}});
  const auto value = layout.first_member(die, {{"_M_payload", "_M_payload", "_M_value"}, {"__val_"}});
  if (!engaged || !value) return std::nullopt;
  Shape shape;
  shape.container = Container::kOptional;
  shape.offset_a = *engaged;
  shape.parts.push_back({"value", value->offset_bytes, value->type});
  return shape;
}

// All alternatives begin where the union does that holds them.
std::optional<Shape> recognise_variant(const TypeLayout& layout, const Die& die) {
  const auto index = layout.first_member(die, {{"_M_index"}, {"__impl", "__index"}, {"__impl_", "__index"}});
  const auto storage = layout.first_member(die, {{"_M_u"}, {"__impl", "__data"}, {"__impl_", "__data"}});
  const Die number = index ? layout.definition(index->type) : Die();
  if (!number || number.tag() != DW_TAG_base_type || !storage) return std::nullopt;
  Shape shape;
  shape.container = Container::kVariant;
  shape.offset_a = index->offset_bytes;
  shape.offset_b = number.unsigned_value(DW_AT_byte_size).value_or(0);
  if (shape.offset_b != 1 && shape.offset_b != 2 && shape.offset_b != 4) return std::nullopt;
  for (const TemplateArgument& alternative : layout.arguments(die)) {
    const auto bytes = layout.size(alternative.type);
    if (alternative.type == 0 || !bytes) return std::nullopt;
    shape.parts.push_back({"", storage->offset_bytes, alternative.type});
  }
  return shape.parts.empty() ? std::nullopt : std::optional(std::move(shape));
}

std::optional<Shape> recognise_any(const TypeLayout& layout, const Die& die) {
  const auto manager = layout.pointer(die, {{"_M_manager"}, {"__h"}, {"__h_"}});
  const auto storage = layout.first_member(die, {{"_M_storage"}, {"__s"}, {"__s_"}});
  if (!manager || !storage) return std::nullopt;
  Shape shape;
  shape.container = Container::kAny;
  shape.offset_a = manager->offset_bytes;
  shape.offset_b = storage->offset_bytes;
  return shape;
}

namespace {

// libc++ has no functions to point to but an object with virtual ones. Its class,
// which holds the functor behind the vptr, has a name of its own for each functor.
std::optional<Shape> virtual_function(const TypeLayout& layout, const Die& die) {
  const auto object = layout.pointer(die, {{"__f_", "__f_"}, {"__f_"}});
  if (!object || !layout.member(die, {"__f_", "__buf_"})) return std::nullopt;
  Shape shape;
  shape.container = Container::kCallable;
  shape.layout = {schema::layout::kNoOffset};
  Part part{"object", object->offset_bytes, 0, Part::Form::kCallableObject};
  part.inner = 8;
  shape.parts.push_back(std::move(part));
  return shape;
}

}  // namespace

std::optional<Shape> recognise_function(const TypeLayout& layout, const Die& die) {
  const auto functor = layout.member(die, {"_M_functor"});
  const auto manager = layout.pointer(die, {{"_M_manager"}});
  const auto invoker = layout.pointer(die, {{"_M_invoker"}});
  if (!functor || !manager || !invoker) return virtual_function(layout, die);
  Shape shape;
  shape.container = Container::kCallable;
  shape.offset_a = functor->offset_bytes;
  shape.offset_b = manager->offset_bytes;
  shape.layout = {invoker->offset_bytes};
  return shape;
}

}  // namespace backsight::probes
