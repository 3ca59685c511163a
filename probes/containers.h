// Containers of the standard library, recognised by name and by the path of
// their members; where that path leads comes from this binary's debug
// information. One file per family.
#pragma once

#include "probes/dwarf_session.h"
#include "schema/types.h"

#include <initializer_list>
#include <optional>
#include <string_view>

namespace backsight::probes {

// A member found by path, also through base classes.
struct MemberPath {
  std::uint64_t offset_bytes = 0;
  DieKey type = 0;
};
std::optional<MemberPath> find_member_path(const DwarfSession& session, const Die& type,
                                           std::initializer_list<std::string_view> path);

// Fill `type` (container, offsets) and give the key of the element type, if `die` is one of theirs.
std::optional<DieKey> recognise_string(const DwarfSession& session, const Die& die, schema::Type& type);
std::optional<DieKey> recognise_vector(const DwarfSession& session, const Die& die, schema::Type& type);

// A standard type whose members, shown as they are, would mislead.
bool is_opaque_standard_type(std::string_view qualified_name);

}  // namespace backsight::probes
