// Which function an address belongs to, and what is visible there: inlined
// copies and lexical blocks around it.
#pragma once

#include "probes/dwarf_session.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// Out-of-line function that has code at `address`; the unit is found by its
// ranges. 0: none.
DieKey find_function_at(const DwarfSession& session, std::uint64_t address);

struct ScopeAt {
  DieKey function = 0;   // out-of-line function that has the code
  DieKey innermost = 0;  // the inlined copy that the address lies in; `function` if in none
  // Parameters and variables of the innermost, outer blocks last: the first of a
  // name is the one that the name means there.
  std::vector<DieKey> visible;
};
std::optional<ScopeAt> find_scope(const DwarfSession& session, std::uint64_t address);

}  // namespace backsight::probes
