// Where a function's result is when it returns: the one place where the calling
// convention is taken for the truth (System V ABI for x86-64, 3.2.3). Anything
// but whole INTEGER and MEMORY results is unavailable.
#pragma once

#include "probes/location.h"
#include "probes/type_builder.h"

namespace backsight::probes {

// Of a result of type `type` at a RET instruction or in a return probe.
ValueSource locate_return_value(const DwarfSession& session, TypeBuilder& types, schema::TypeId type);

}  // namespace backsight::probes
