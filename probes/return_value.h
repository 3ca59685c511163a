// Where a function's result is when it returns: the one place where the calling
// convention is taken for the truth (System V ABI for x86-64, 3.2.3). Anything
// but whole INTEGER and MEMORY results is unavailable.
#pragma once

#include "probes/location.h"
#include "probes/type_builder.h"

namespace backsight::probes {

// Where the first parameter is at the entry, if it is known to be in a register:
// RSI shows that RDI brings the address of a result in memory.
enum class FirstParameter { kUnknown, kInRdi, kInRsi };

// Of a result of type `type` at a RET instruction or in a return probe.
ValueSource locate_return_value(const DwarfSession& session, TypeBuilder& types, schema::TypeId type,
                                FirstParameter first);

}  // namespace backsight::probes
