// Finding a named member in a type table.
#pragma once

#include "schema/types.h"

#include <cstdint>
#include <string_view>

namespace backsight::query {

// A named member, also of bases and of anonymous structs and unions; `offset` is
// increased by where the part that has it begins. Null: none, or not found
// within a bounded number of types.
const schema::Member* find_member(const schema::TypeTable& types, const schema::Type& type,
                                  std::string_view name, std::uint64_t& offset);

// A map whose keys may repeat: "std::multimap<…", "std::unordered_multimap<…".
bool is_multimap(const schema::Type& type);

}  // namespace backsight::query
