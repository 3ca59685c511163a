// What a hit of a probe is expected to cost the target, by what the kernel does
// with the instruction at its site. One table for `check` and `probes`.
#pragma once

#include "schema/plan.h"

#include <cstdint>

namespace backsight::probes {

// Nanoseconds of one hit with a small capture on the reference machine (Linux
// 6.18, a core of 2.5 GHz), until costs are calibrated on this one.
inline std::uint32_t estimated_cost_ns(schema::SiteClass site_class) {
  switch (site_class) {
    case schema::SiteClass::kNop5:
      return 300;
    case schema::SiteClass::kEmulated:
      return 600;
    case schema::SiteClass::kSingleStep:
      break;
  }
  return 3800;
}

}  // namespace backsight::probes
