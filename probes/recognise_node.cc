// Nodes of linked containers. Their class has an entry only where the unit handles
// them; otherwise the library's layout, which is part of its binary interface, and
// the alignment of the value say where the value lies.
#include "probes/recognise.h"

#include <algorithm>
#include <vector>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 8;
constexpr std::uint64_t kMostAlignment = 4096;

// What the alignment of a value may be. The debug information does not have it: a
// packed class whose members lie as they would without being packed looks like any other.
struct Alignment {
  std::uint64_t least = 1;
  std::uint64_t most = 1;
};

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// The smallest alignment that makes `offset` the next place behind `end`; 1: none does.
std::uint64_t needed(std::uint64_t end, std::uint64_t offset) {
  for (std::uint64_t alignment = 2; alignment <= 16 && end < offset; alignment *= 2) {
    if (align_up(end, alignment) == offset) return alignment;
  }
  return 1;
}

std::optional<Alignment> alignment_of(const TypeLayout& layout, DieKey key, int depth);

// Gaps between members, and at the end, prove what they are aligned to.
std::optional<Alignment> class_alignment(const TypeLayout& layout, const Die& type, std::uint64_t natural,
                                         int depth) {
  const std::uint64_t size = type.unsigned_value(DW_AT_byte_size).value_or(0);
  if (type.unsigned_value(DW_AT_alignment) == natural) return Alignment{natural, natural};
  const bool is_library = layout.index().qualified_name(type).rfind("std::", 0) == 0;
  std::vector<Extent> parts;
  Alignment result{1, natural};
  bool is_clear = size != 0;
  for_each_child(type, [&](Die&& child) {
    const bool is_base = child.tag() == DW_TAG_inheritance;
    if (!is_base && !is_object_member(child)) return true;
    const DieKey member = child.reference(DW_AT_type).value_or(0);
    const auto bytes = layout.size(member);
    const auto offset = member_offset(child);
    if (is_library) {
      const auto inner = alignment_of(layout, member, depth + 1);
      if (inner) result.least = std::max(result.least, inner->least);
      if (inner && offset && *offset % inner->most == 0) result.most = std::max(result.most, inner->most);
    }
    is_clear = is_clear && bytes && offset && !child.has(DW_AT_bit_size);
    if (is_clear) parts.push_back({*offset, *offset + *bytes});
    return true;
  });
  if (!is_clear) return result;
  std::sort(parts.begin(), parts.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  std::uint64_t end = 0;
  for (const Extent& part : parts) {
    result.least = std::max(result.least, needed(end, part.begin));
    end = std::max(end, part.end);
  }
  end = std::max<std::uint64_t>(end, 1);
  result.least = std::min(std::max(result.least, needed(end, size)), natural);
  if (align_up(end, natural) != size)
    result.most = std::max(result.most, std::min(size & (0 - size), kMostAlignment));
  return result;
}

std::optional<Alignment> alignment_of(const TypeLayout& layout, DieKey key, int depth) {
  const auto natural = layout.alignment(key);
  const Die type = layout.definition(key);
  if (!natural || !type || depth > kMaxDepth) return std::nullopt;
  if (type.tag() == DW_TAG_array_type)
    return alignment_of(layout, type.reference(DW_AT_type).value_or(0), depth + 1);
  if (!is_class_tag(type.tag())) return Alignment{*natural, *natural};
  return class_alignment(layout, type, *natural, depth);
}

// Of the value, also of a pair that has no entry. None where it is not clear how
// the parts of the pair lie.
std::optional<Alignment> alignment_of(const TypeLayout& layout, const Target& target) {
  const auto first = alignment_of(layout, target.type, 0);
  if (!first || target.mapped == 0) return first;
  const auto second = alignment_of(layout, target.mapped, 0);
  const auto size = layout.size(target.type);
  if (!second || !size || align_up(*size, second->least) != align_up(*size, second->most))
    return std::nullopt;
  return Alignment{std::max(first->least, second->least), std::max(first->most, second->most)};
}

}  // namespace

std::optional<Target> node_target(const TypeLayout& layout, const NodeClass& node, DieKey value, DieKey key,
                                  DieKey mapped) {
  Target target{value};
  const Die type = layout.definition(value);
  if (!type || type.has(DW_AT_declaration)) {
    if (key == 0 || mapped == 0) return std::nullopt;
    target.type = key;
    target.mapped = mapped;
  }
  const Die entry = layout.definition(layout.argument_named(node.owner, node.name));
  if (entry && !entry.has(DW_AT_declaration)) {
    const auto found = layout.first_member(entry, node.paths);
    if (!found) return std::nullopt;
    target.node_offset = found->offset_bytes;
    return target;
  }
  const auto alignment = alignment_of(layout, target);
  if (!alignment) return std::nullopt;
  target.node_offset = align_up(node.header_bytes, alignment->least);
  const bool is_clear = align_up(node.header_bytes, alignment->most) == *target.node_offset;
  return is_clear ? std::optional(target) : std::nullopt;
}

}  // namespace backsight::probes
