// What a parameter was that the compiler does not pass: each of the function's calls
// may say it in terms of the caller.
#pragma once

#include "probes/call_sites.h"
#include "probes/location.h"
#include "probes/location_expression.h"

#include <vector>

namespace backsight::probes {

// Operations that choose by the return address. `context` is of the callee; `parameter`
// the abstract one that calls name. Unavailable where none of them tells.
ValueSource value_from_callers(const LocationContext& context, const std::vector<CallSite>& calls,
                               DieKey parameter);

}  // namespace backsight::probes
