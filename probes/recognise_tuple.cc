// std::pair and std::tuple. A tuple holds each element in a base class of its own,
// libstdc++ in reverse order; the base's first template argument is the number.
#include "probes/recognise.h"

#include <algorithm>

namespace backsight::probes {

namespace {

using schema::Container;

constexpr int kMaxDepth = 256;
constexpr std::size_t kMaxElements = 256;

struct Element {
  std::int64_t number = 0;
  Part part;
};

bool is_leaf(std::string_view name) {
  const std::string_view plain = name.substr(0, name.find('<'));
  return plain == "_Head_base" || plain == "__tuple_leaf";
}

// False where a base is not known: elements may be missing.
bool collect(const TypeLayout& layout, const Die& type, std::uint64_t offset, int depth,
             std::vector<Element>& found) {
  if (depth > kMaxDepth || !type || type.has(DW_AT_declaration)) return false;
  bool is_whole = true;
  for_each_child(type, [&](Die&& die) {
    if (die.tag() != DW_TAG_inheritance) return true;
    const auto at = member_offset(die);
    const Die base = layout.definition(die.reference(DW_AT_type).value_or(0));
    if (!at || !base) return is_whole = false;
    if (!base.name() || !is_leaf(base.name())) {
      is_whole = collect(layout, base, offset + *at, depth + 1, found);
      return is_whole;
    }
    const auto arguments = layout.arguments(base);
    if (arguments.size() < 2 || !arguments[0].value) return is_whole = false;
    // An empty element may be a base itself, and then begins where the leaf does.
    const auto inner = layout.first_member(base, {{"_M_head_impl"}, {"__value_"}});
    const std::uint64_t begin = offset + *at + (inner ? inner->offset_bytes : 0);
    found.push_back({*arguments[0].value, {std::to_string(*arguments[0].value), begin, arguments[1].type}});
    return is_whole = found.size() < kMaxElements;
  });
  return is_whole;
}

}  // namespace

std::optional<std::vector<Part>> tuple_elements(const TypeLayout& layout, const Die& tuple) {
  const auto arguments = layout.arguments(tuple);
  std::vector<Element> found;
  const auto inner = layout.member(tuple, {"__base_"});
  const bool is_whole = inner ? collect(layout, layout.definition(inner->type), inner->offset_bytes, 0, found)
                              : collect(layout, tuple, 0, 0, found);
  // gcc leaves the list of arguments of a tuple empty.
  if (!is_whole || (!arguments.empty() && found.size() != arguments.size())) return std::nullopt;
  if (found.empty() && tuple.unsigned_value(DW_AT_byte_size) != std::uint64_t{1}) return std::nullopt;
  std::sort(found.begin(), found.end(),
            [](const Element& a, const Element& b) { return a.number < b.number; });
  std::vector<Part> parts;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].number != static_cast<std::int64_t>(i)) return std::nullopt;
    parts.push_back(std::move(found[i].part));
  }
  return parts;
}

std::optional<Shape> recognise_tuple(const TypeLayout& layout, const Die& die) {
  auto parts = tuple_elements(layout, die);
  if (!parts) return std::nullopt;
  Shape shape;
  shape.container = Container::kTuple;
  shape.parts = std::move(*parts);
  return shape;
}

std::optional<Shape> recognise_pair(const TypeLayout& layout, const Die& die) {
  const auto first = layout.member(die, {"first"});
  const auto second = layout.member(die, {"second"});
  if (!first || !second) return std::nullopt;
  Shape shape;
  shape.parts.push_back({"first", first->offset_bytes, first->type});
  shape.parts.push_back({"second", second->offset_bytes, second->type});
  return shape;
}

}  // namespace backsight::probes
