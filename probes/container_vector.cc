// std::vector of libstdc++, but for vector<bool>, which is a set of bits.
#include "probes/containers.h"
#include "probes/type_builder.h"

namespace backsight::probes {

std::optional<DieKey> recognise_vector(const DwarfSession& session, const Die& die, schema::Type& type) {
  if (type.name.rfind("std::vector<", 0) != 0 || type.name.rfind("std::vector<bool,", 0) == 0)
    return std::nullopt;
  const auto begin = find_member_path(session, die, {"_M_impl", "_M_start"});
  const auto end = find_member_path(session, die, {"_M_impl", "_M_finish"});
  if (!begin || !end || begin->offset_bytes + 8 > type.size_bytes ||
      end->offset_bytes + 8 > type.size_bytes) {
    return std::nullopt;
  }
  const Die pointer = session.die(begin->type);
  if (!pointer || pointer.tag() != DW_TAG_pointer_type) return std::nullopt;
  type.container = schema::Container::kVector;
  type.offset_a = static_cast<std::uint32_t>(begin->offset_bytes);
  type.offset_b = static_cast<std::uint32_t>(end->offset_bytes);
  return pointer.reference(DW_AT_type).value_or(0);
}

}  // namespace backsight::probes
