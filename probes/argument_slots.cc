#include "probes/argument_slots.h"

#include "probes/class_passing.h"
#include "probes/value_class.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr int kGeneralRegisters = 6;
constexpr int kVectorRegisters = 8;
constexpr int kMaxDepth = 16;

// What of the registers and the stack is taken.
class Arguments {
 public:
  explicit Arguments(const TypeLayout& layout) : layout_(layout) {}

  // False: how it is passed is not known. `slot` is set where it goes on the stack.
  bool add(DieKey type, std::optional<std::int64_t>& slot);
  // The address of a result in memory. False: where the result goes is not known.
  bool add_result(DieKey type);

 private:
  struct Needs {
    int general = 0;
    int vector = 0;
    bool memory = false;
  };
  std::optional<Needs> needs_of(DieKey type) const;
  std::optional<std::uint64_t> alignment_of(DieKey type, int depth) const;
  std::int64_t take_stack(std::uint64_t size, std::uint64_t alignment) {
    stack_ = (stack_ + alignment - 1) / alignment * alignment;
    const std::uint64_t at = stack_;
    stack_ += (size + 7) / 8 * 8;
    return static_cast<std::int64_t>(at);
  }

  const TypeLayout& layout_;
  int general_ = 0;
  int vector_ = 0;
  std::uint64_t stack_ = 0;
};

std::optional<Arguments::Needs> Arguments::needs_of(DieKey type) const {
  const Die die = layout_.definition(type);
  const auto size = layout_.size(type);
  if (!die || !size) return std::nullopt;
  if (is_class_tag(die.tag())) {
    const Passing how = class_passing(layout_, type);
    if (how == Passing::kUnknown) return std::nullopt;
    if (how == Passing::kByReference) return Needs{1, 0, false};
  }
  if (*size > 16) return Needs{0, 0, true};
  const ValueClass value = classify_value(layout_, type);
  if (value.has_vector) return std::nullopt;
  if (value.has_x87) return Needs{0, 0, true};
  Needs needs;
  for (const WordClass word : value.words) {
    if (word == WordClass::kUnknown) return std::nullopt;
    needs.memory |= word == WordClass::kMemory;
    needs.general += word == WordClass::kInteger;
    needs.vector += word == WordClass::kSse;
  }
  // __float128 takes one register for both its words; nothing else of the C family does.
  if (die.tag() == DW_TAG_base_type && *size == 16 && needs.vector == 2) return std::nullopt;
  return needs;
}

// None: more than 16, or not known.
std::optional<std::uint64_t> Arguments::alignment_of(DieKey type, int depth) const {
  const Die die = layout_.definition(type);
  const auto size = layout_.size(type);
  if (!die || !size || depth > kMaxDepth || die.has(DW_AT_alignment)) return std::nullopt;
  switch (die.tag()) {
    case DW_TAG_base_type:
      return *size > 16 ? std::nullopt : std::optional(*size);
    case DW_TAG_array_type:
      if (die.has(DW_AT_GNU_vector)) return std::nullopt;
      return alignment_of(die.reference(DW_AT_type).value_or(0), depth + 1);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
      break;
    default:
      return 8;
  }
  std::optional<std::uint64_t> most = 1;
  for_each_child(die, [&](Die&& child) {
    if (child.tag() != DW_TAG_inheritance && !is_object_member(child)) return true;
    const auto one = child.has(DW_AT_alignment)
                         ? std::nullopt
                         : alignment_of(child.reference(DW_AT_type).value_or(0), depth + 1);
    most = one ? std::optional(std::max(*most, *one)) : std::nullopt;
    return most.has_value();
  });
  return most;
}

bool Arguments::add_result(DieKey type) {
  const Die die = layout_.definition(type);
  const auto needs = needs_of(type);
  if (!needs) return false;
  const bool by_address =
      is_class_tag(die.tag()) && (needs->memory || class_passing(layout_, type) == Passing::kByReference);
  // A structure of one long double comes back on the x87 stack.
  if (by_address && classify_value(layout_, type).has_x87) return false;
  general_ += by_address;
  return true;
}

bool Arguments::add(DieKey type, std::optional<std::int64_t>& slot) {
  slot.reset();
  const auto needs = needs_of(type);
  if (!needs) return false;
  const bool fits =
      general_ + needs->general <= kGeneralRegisters && vector_ + needs->vector <= kVectorRegisters;
  if (!needs->memory && fits) {
    general_ += needs->general;
    vector_ += needs->vector;
    return true;
  }
  const bool is_address = needs->general == 1 && is_class_tag(layout_.definition(type).tag()) &&
                          class_passing(layout_, type) == Passing::kByReference;
  const auto alignment = is_address ? std::optional<std::uint64_t>(8) : alignment_of(type, 0);
  if (!alignment) return false;
  slot = take_stack(is_address ? 8 : layout_.size(type).value_or(8), std::max<std::uint64_t>(8, *alignment));
  return true;
}

}  // namespace

std::optional<std::int64_t> argument_slot(const TypeLayout& layout, const FunctionInfo& function,
                                          std::size_t index) {
  Arguments arguments(layout);
  if (function.return_type && !arguments.add_result(*function.return_type)) return std::nullopt;
  std::optional<std::int64_t> slot;
  for (std::size_t i = 0; i <= index && i < function.parameters.size(); ++i) {
    if (!arguments.add(function.parameters[i].type, slot)) return std::nullopt;
  }
  return slot;
}

}  // namespace backsight::probes
