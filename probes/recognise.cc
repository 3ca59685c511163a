// Which family a class belongs to, and what all families must hold to.
#include "probes/recognise.h"

#include <array>
#include <utility>

namespace backsight::probes {

namespace {

using schema::Container;

using Recogniser = std::optional<Shape> (*)(const TypeLayout&, const Die&);

// Null: known, and not shown yet.
constexpr std::pair<std::string_view, Recogniser> kFamilies[] = {
    {"basic_string", recognise_string},
    {"basic_string_view", recognise_string_view},
    {"vector", recognise_vector},
    {"array", recognise_array},
    {"span", recognise_span},
    {"initializer_list", recognise_initializer_list},
    {"stack", recognise_adapter},
    {"queue", recognise_adapter},
    {"priority_queue", recognise_adapter},
    {"deque", recognise_deque},
    {"list", recognise_list},
    {"forward_list", recognise_forward_list},
    {"set", recognise_set},
    {"multiset", recognise_set},
    {"map", recognise_map},
    {"multimap", recognise_map},
    {"unordered_set", recognise_hash_set},
    {"unordered_multiset", recognise_hash_set},
    {"unordered_map", recognise_hash_map},
    {"unordered_multimap", recognise_hash_map},
    {"pair", recognise_pair},
    {"tuple", recognise_tuple},
    {"optional", recognise_optional},
    {"variant", recognise_variant},
    {"any", recognise_any},
    {"function", recognise_function},
    {"move_only_function", nullptr},
    {"expected", nullptr},
    {"unique_ptr", recognise_unique_ptr},
    {"shared_ptr", recognise_shared_ptr},
    {"weak_ptr", recognise_weak_ptr},
    {"reference_wrapper", recognise_reference},
    {"atomic", recognise_atomic},
    {"atomic_flag", recognise_atomic},
    {"chrono::duration", recognise_duration},
    {"chrono::time_point", recognise_time_point},
    {"complex", recognise_complex},
    {"bitset", recognise_bitset},
    {"filesystem::path", recognise_path},
    {"thread", recognise_thread},
    {"jthread", recognise_thread},
    {"thread::id", recognise_thread},
    {"__thread_id", recognise_thread},
    {"mutex", recognise_mutex},
    {"recursive_mutex", recognise_mutex},
    {"timed_mutex", recognise_mutex},
    {"recursive_timed_mutex", recognise_mutex},
    {"error_code", recognise_error},
    {"error_condition", recognise_error},
    {"exception_ptr", recognise_exception_ptr},
};

// Everything that a shape names lies inside a value of `size` bytes.
bool lies_inside(const TypeLayout& layout, const Shape& shape, std::uint64_t size) {
  const auto fits = [&](std::uint64_t offset, std::uint64_t bytes) {
    return offset <= size && bytes <= size - offset;
  };
  if (shape.offset_a != 0 && !fits(shape.offset_a, 1)) return false;
  if (shape.offset_b != schema::layout::kNoOffset && shape.container != Container::kVariant &&
      shape.offset_b != 0 && !fits(shape.offset_b, 1)) {
    return false;
  }
  for (const Part& part : shape.parts) {
    const auto bytes =
        part.form == Part::Form::kType ? layout.size(part.type) : std::optional<std::uint64_t>(8);
    // An empty element may lie at the very end.
    if (bytes ? !fits(part.offset_bytes, *bytes) : !fits(part.offset_bytes, 0)) return false;
  }
  return true;
}

}  // namespace

std::string standard_family(std::string_view name) {
  constexpr std::string_view kStandard = "std::";
  if (name.substr(0, kStandard.size()) != kStandard) return {};
  name.remove_prefix(kStandard.size());
  std::string family;
  for (;;) {
    const auto end = name.find("::");
    const auto arguments = name.find('<');
    // A class inside a template is not one of these.
    if (arguments != std::string_view::npos && end != std::string_view::npos && arguments < end) {
      int nesting = 0;
      std::size_t at = arguments;
      for (; at < name.size(); ++at) {
        if (name[at] == '<') ++nesting;
        if (name[at] == '>' && --nesting == 0) break;
      }
      if (name.find("::", at) != std::string_view::npos) return {};
      return family + std::string(name.substr(0, arguments));
    }
    if (end == std::string_view::npos) return family + std::string(name.substr(0, arguments));
    const std::string_view space = name.substr(0, end);
    if (space.substr(0, 2) != "__" && space != "_V2") family += std::string(space) + "::";
    name.remove_prefix(end + 2);
  }
}

Recognition recognise(const TypeLayout& layout, const Die& die, std::string_view name) {
  Recognition result;
  const std::string family = standard_family(name);
  if (family.empty()) return result;
  for (const auto& [wanted, recogniser] : kFamilies) {
    if (wanted != family) continue;
    result.is_known = true;
    if (recogniser) result.shape = recogniser(layout, die);
    const std::uint64_t size = die.unsigned_value(DW_AT_byte_size).value_or(0);
    if (result.shape && !lies_inside(layout, *result.shape, size)) result.shape.reset();
    break;
  }
  return result;
}

Shape transparent(const MemberPath& member) {
  Shape shape;
  shape.container = Container::kTransparent;
  shape.parts.push_back({"value", member.offset_bytes, member.type});
  return shape;
}

}  // namespace backsight::probes
