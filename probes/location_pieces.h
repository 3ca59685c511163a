// The pieces of a variable, put together: its address in memory, or the
// operations that leave its bytes.
#pragma once

#include "probes/location.h"
#include "probes/location_expression.h"

#include <cstdint>
#include <vector>

namespace backsight::probes {

ValueSource combine_pieces(const LocationContext& context, const std::vector<LocationPiece>& pieces,
                           std::uint64_t size);

}  // namespace backsight::probes
