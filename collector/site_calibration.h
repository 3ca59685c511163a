// Measures what a probe costs on this machine, by the class of its site: an empty
// BPF program on small functions of this very process, called for a tenth of a
// second in all.
#pragma once

#include "probes/site_cost.h"
#include "schema/result.h"

namespace backsight::collector {

// kPermission or kUnsupported where probes cannot be attached.
schema::Result<probes::SiteCosts> measure_site_costs();

}  // namespace backsight::collector
