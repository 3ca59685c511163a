// What this process itself costs.
#pragma once

#include <cstdint>

namespace backsight::collector {

double used_cpu_seconds();
std::uint64_t resident_bytes();

}  // namespace backsight::collector
