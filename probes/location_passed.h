// Behind the entry a variable stands where the debug information says, but it
// need not be what the caller passed: the function may have changed it by then.
#pragma once

#include "probes/location.h"
#include "probes/prologue.h"
#include "probes/site_frame.h"

#include <cstdint>

namespace backsight::probes {

// Whether `source`, of a parameter of `size` bytes and true at the site, is a plain
// copy of what the caller passed, or lies where the caller put it. `used`: see
// LocationReader::locate. Only straight-line code leads to the site.
bool is_as_passed(const ValueSource& source, const SiteFrame& frame, const Prologue& prologue,
                  std::uint64_t size, std::uint32_t used);

}  // namespace backsight::probes
