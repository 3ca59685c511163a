// Which function an address belongs to, and what is visible there: inlined
// copies and lexical blocks around it.
#pragma once

#include "probes/dwarf_session.h"

#include <cstdint>
#include <vector>

namespace backsight::probes {

// Out-of-line function that has code at `address`; the unit is found by its
// ranges. 0: none.
DieKey find_function_at(const DwarfSession& session, std::uint64_t address);

// The same, in the unit that the address is in.
DieKey find_function_in(const DwarfSession& session, const Unit& unit, std::uint64_t address);

// A function or an inlined copy.
struct Scope {
  DieKey die = 0;
  // Parameters and variables, those of outer blocks last: the first of a name is
  // the one that the name means there.
  std::vector<DieKey> visible;
  // The instruction is its own. Else it only lies among the copy's instructions, and
  // nothing is visible.
  bool is_certain = true;
};
// The out-of-line function that has code at `address`, then the inlined copies
// that the address lies in, that are entered at it, or among whose instructions
// it lies. At one address several
// views of the source may be: a copy that is entered at a later one than `view`
// does not count. Empty: none.
std::vector<Scope> find_scopes(const DwarfSession& session, std::uint64_t address, std::uint32_t view);
// The same where the function is known.
std::vector<Scope> find_scopes_in(const DwarfSession& session, DieKey function, std::uint64_t address,
                                  std::uint32_t view);

}  // namespace backsight::probes
