// CLOCK_BOOTTIME in nanoseconds, as BPF's bpf_ktime_get_boot_ns().
#pragma once

#include "schema/time.h"

#include <cstdint>

namespace backsight::collector {

inline std::int64_t boot_now_ns() {
  return schema::read_clocks().boot.ns;
}

}  // namespace backsight::collector
