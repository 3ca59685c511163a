// std::unique_ptr, shared_ptr, weak_ptr, reference_wrapper.
#include "probes/recognise.h"

namespace backsight::probes {

namespace {

using schema::Container;

// Of T[]: how many there are is not known, and so it is not followed.
std::optional<Shape> smart(const TypeLayout& layout, const Die& die,
                           const std::optional<MemberPath>& pointer) {
  const auto arguments = layout.arguments(die);
  if (!pointer || arguments.empty()) return std::nullopt;
  const Die pointee = layout.definition(arguments[0].type);
  const bool is_array = pointee && pointee.tag() == DW_TAG_array_type;
  Shape shape;
  shape.container = Container::kSmartPointer;
  shape.offset_a = pointer->offset_bytes;
  shape.target = Target{is_array ? 0 : pointer->type};
  return shape;
}

}  // namespace

std::optional<Shape> recognise_unique_ptr(const TypeLayout& layout, const Die& die) {
  auto pointer = layout.pointer(die, {{"__ptr_", "__value_"}, {"__ptr_"}});
  if (const auto tuple = layout.member(die, {"_M_t", "_M_t"})) {
    const auto elements = tuple_elements(layout, layout.definition(tuple->type));
    const Die first = elements && !elements->empty() ? layout.definition(elements->front().type) : Die();
    if (!first || first.tag() != DW_TAG_pointer_type) return std::nullopt;
    pointer = MemberPath{tuple->offset_bytes + elements->front().offset_bytes,
                         first.reference(DW_AT_type).value_or(0)};
  }
  return smart(layout, die, pointer);
}

std::optional<Shape> recognise_shared_ptr(const TypeLayout& layout, const Die& die) {
  return smart(layout, die, layout.pointer(die, {{"_M_ptr"}, {"__ptr_"}}));
}

std::optional<Shape> recognise_weak_ptr(const TypeLayout& layout, const Die& die) {
  auto shape = smart(layout, die, layout.pointer(die, {{"_M_ptr"}, {"__ptr_"}}));
  const auto gnu = layout.pointer(die, {{"_M_refcount", "_M_pi"}});
  const auto llvm = layout.pointer(die, {{"__cntrl_"}});
  if (!shape || (!gnu && !llvm)) return std::nullopt;
  // Behind the pointer to its virtual functions, in a class that is often only declared.
  const Die block = layout.definition(gnu ? gnu->type : llvm->type);
  std::uint64_t count_offset = 8;
  if (block) {
    if (const auto count = layout.first_member(block, {{"_M_use_count"}, {"__shared_owners_"}})) {
      count_offset = count->offset_bytes;
    }
  }
  shape->container = Container::kWeakPointer;
  // libstdc++ counts owners, libc++ one less.
  shape->layout = {gnu ? 0 : ~std::uint64_t{0}};
  Part part{"control", gnu ? gnu->offset_bytes : llvm->offset_bytes, 0, Part::Form::kControlBlock};
  part.inner = count_offset;
  part.inner_bytes = gnu ? 4 : 8;
  shape->parts.push_back(std::move(part));
  return shape;
}

std::optional<Shape> recognise_reference(const TypeLayout& layout, const Die& die) {
  const auto pointer = layout.first_member(die, {{"_M_data"}, {"__f_"}});
  if (!pointer || layout.definition(pointer->type).tag() != DW_TAG_pointer_type) return std::nullopt;
  return transparent(*pointer);
}

}  // namespace backsight::probes
