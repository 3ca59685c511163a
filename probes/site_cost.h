// What a hit of a probe costs the target, by what the kernel does with the
// instruction at its site: the kernel's part, without what the capture adds.
// Measured on this machine once (collector/site_calibration.h) and kept in a
// file; until then, the figures of a reference machine.
#pragma once

#include "schema/plan.h"
#include "schema/result.h"

#include <cstdint>
#include <string>

namespace backsight::probes {

// Nanoseconds of one hit with an empty BPF program. The defaults are of Linux
// 6.18 on a core of 2.5 GHz.
struct SiteCosts {
  std::uint32_t nop5 = 300;
  std::uint32_t emulated = 600;
  std::uint32_t single_step = 3800;
  std::uint32_t uretprobe = 700;  // above the probe at the entry, which it brings along
  bool measured = false;

  std::uint32_t of(schema::SiteClass site_class) const {
    switch (site_class) {
      case schema::SiteClass::kNop5:
        return nop5;
      case schema::SiteClass::kEmulated:
        return emulated;
      case schema::SiteClass::kSingleStep:
        break;
    }
    return single_step;
  }
  bool operator==(const SiteCosts&) const = default;
};

// What a stack of about twenty frames adds to a hit, in nanoseconds, on the reference machine.
constexpr std::uint32_t stack_cost_ns(schema::StackKind kind) {
  switch (kind) {
    case schema::StackKind::kNone:
      break;
    case schema::StackKind::kFramePointers:
      return 500;
    case schema::StackKind::kDwarf:
      return 2900;
  }
  return 0;
}

// $BACKSIGHT_CACHE_DIR, else /var/cache/backsight; the file in it.
std::string site_cost_path();

// Of exactly this kernel and CPU: kNotFound otherwise. kCorrupt: not such a file.
schema::Result<SiteCosts> load_site_costs(const std::string& path);
// Replaces the file; makes its directory.
schema::Result<void> save_site_costs(const std::string& path, const SiteCosts& costs);

// What is known here without measuring: the file's figures, else the reference.
SiteCosts known_site_costs();

}  // namespace backsight::probes
