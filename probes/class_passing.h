// Is a class trivial for the purposes of calls (Itanium C++ ABI, 3.1.1)? If
// not, it is passed and returned by hidden reference, whatever its size.
#pragma once

#include "probes/type_layout.h"

namespace backsight::probes {

enum class Passing { kByValue, kByReference, kUnknown };

// Of a structure, class or union. Compilers that say so (DW_AT_calling_convention)
// are believed; otherwise the declared copy constructors, move constructors and
// destructors of the class, its bases and members decide.
Passing class_passing(const TypeLayout& layout, DieKey type);

}  // namespace backsight::probes
