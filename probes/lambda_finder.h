// Lambdas of which inlined copies may be left: their functions stand in the bodies of
// others, which the index does not enter. They have the names of their symbols; where
// the compiler wrote none (GCC, of functions that no other file can call), the number
// behind "{lambda(int)" is not known and left out: several may have such a name.
#pragma once

#include "probes/debug_index.h"
#include "probes/function_pattern.h"

#include <string>
#include <vector>

namespace backsight::probes {

struct InlinedLambda {
  DieKey abstract = 0;
  std::string name;  // "shop::total(int)::{lambda(int)#1}::operator()"
};

// Those that the pattern means. A glob has to speak of a lambda or of operator().
std::vector<InlinedLambda> find_inlined_lambdas(const DwarfSession& session, const DebugIndex& index,
                                                const FunctionPattern& pattern);

// DW_AT_linkage_name of the entry, or of what it refers to. Empty: none.
std::string mangled_name(const DwarfSession& session, DieKey key);

}  // namespace backsight::probes
