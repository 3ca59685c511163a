// Nodes of linked containers. Their class has an entry only where the unit handles
// them; otherwise the library's layout, which is part of its binary interface, and
// the alignment of the value say where the value lies.
#include "probes/recognise.h"

#include <algorithm>

namespace backsight::probes {

namespace {

// Size and alignment of the value, also of a pair that has no entry.
struct Extent {
  std::uint64_t size = 0;
  std::uint64_t alignment = 1;
};

std::optional<Extent> extent_of(const TypeLayout& layout, const Target& target) {
  const auto first_size = layout.size(target.type);
  const auto first_alignment = layout.alignment(target.type);
  if (!first_size || !first_alignment) return std::nullopt;
  if (target.mapped == 0) return Extent{*first_size, *first_alignment};
  const auto size = layout.size(target.mapped);
  const auto alignment = layout.alignment(target.mapped);
  if (!size || !alignment) return std::nullopt;
  const std::uint64_t most = std::max(*first_alignment, *alignment);
  return Extent{align_up(align_up(*first_size, *alignment) + *size, most), most};
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
  const auto extent = extent_of(layout, target);
  if (!extent) return std::nullopt;
  target.node_offset = align_up(node.header_bytes, extent->alignment);
  return target;
}

}  // namespace backsight::probes
