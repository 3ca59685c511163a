// std::filesystem::path, thread and its id, mutexes, error_code, exception_ptr.
#include "probes/recognise.h"

namespace backsight::probes {

using schema::Container;

std::optional<Shape> recognise_path(const TypeLayout& layout, const Die& die) {
  const auto text = layout.first_member(die, {{"_M_pathname"}, {"__pn_"}});
  return text ? std::optional(transparent(*text)) : std::nullopt;
}

std::optional<Shape> recognise_thread(const TypeLayout& layout, const Die& die) {
  const auto id = layout.first_member(
      die, {{"_M_id", "_M_thread"}, {"_M_thread"}, {"__id_"}, {"__t_"}, {"__t_", "__t_"}});
  return id ? std::optional(transparent(*id)) : std::nullopt;
}

std::optional<Shape> recognise_mutex(const TypeLayout& layout, const Die& die) {
  const auto lock = layout.integer(die, 4, {{"_M_mutex", "__data", "__lock"}, {"__m_", "__data", "__lock"}});
  const auto owner =
      layout.integer(die, 4, {{"_M_mutex", "__data", "__owner"}, {"__m_", "__data", "__owner"}});
  if (!lock || !owner) return std::nullopt;
  Shape shape;
  shape.container = Container::kMutex;
  shape.offset_a = *lock;
  shape.offset_b = *owner;
  return shape;
}

std::optional<Shape> recognise_error(const TypeLayout& layout, const Die& die) {
  const auto value = layout.first_member(die, {{"_M_value"}, {"__val_"}});
  const auto category = layout.pointer(die, {{"_M_cat"}, {"__cat_"}});
  if (!value || !category) return std::nullopt;
  Shape shape;
  shape.parts.push_back({"value", value->offset_bytes, value->type});
  shape.parts.push_back({"category", category->offset_bytes, 0, Part::Form::kAddress});
  return shape;
}

std::optional<Shape> recognise_exception_ptr(const TypeLayout& layout, const Die& die) {
  const auto object = layout.pointer(die, {{"_M_exception_object"}, {"__ptr_"}});
  if (!object) return std::nullopt;
  Shape shape;
  shape.container = Container::kTransparent;
  shape.parts.push_back({"value", object->offset_bytes, 0, Part::Form::kAddress});
  return shape;
}

}  // namespace backsight::probes
