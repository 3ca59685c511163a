// std::string and std::string_view of libstdc++, of plain characters.
#include "probes/containers.h"
#include "probes/type_builder.h"

namespace backsight::probes {

namespace {

bool is_plain_char(const DwarfSession& session, DieKey key) {
  const Die die = session.die(strip_qualifiers(session, key));
  if (!die || die.tag() != DW_TAG_base_type || !die.name()) return false;
  const std::string_view name = die.name();
  return name == "char" || name == "char8_t";
}

// The element's key if the pointer at `data` leads to characters and both words lie inside.
std::optional<DieKey> accept(const DwarfSession& session, const std::optional<MemberPath>& data,
                             const std::optional<MemberPath>& length, schema::Type& type) {
  if (!data || !length || data->offset_bytes + 8 > type.size_bytes ||
      length->offset_bytes + 8 > type.size_bytes) {
    return std::nullopt;
  }
  const Die pointer = session.die(data->type);
  if (!pointer || pointer.tag() != DW_TAG_pointer_type) return std::nullopt;
  const DieKey element = pointer.reference(DW_AT_type).value_or(0);
  if (!is_plain_char(session, element)) return std::nullopt;
  type.container = schema::Container::kString;
  type.offset_a = static_cast<std::uint32_t>(data->offset_bytes);
  type.offset_b = static_cast<std::uint32_t>(length->offset_bytes);
  return element;
}

}  // namespace

std::optional<DieKey> recognise_string(const DwarfSession& session, const Die& die, schema::Type& type) {
  if (type.name.rfind("std::__cxx11::basic_string<", 0) == 0) {
    return accept(session, find_member_path(session, die, {"_M_dataplus", "_M_p"}),
                  find_member_path(session, die, {"_M_string_length"}), type);
  }
  if (type.name.rfind("std::basic_string_view<", 0) == 0) {
    return accept(session, find_member_path(session, die, {"_M_str"}),
                  find_member_path(session, die, {"_M_len"}), type);
  }
  return std::nullopt;
}

}  // namespace backsight::probes
