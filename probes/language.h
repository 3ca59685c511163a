// What DW_AT_language says, as far as the planner asks.
#pragma once

#include <dwarf.h>

#include <cstdint>

namespace backsight::probes {

inline bool is_c_language(std::uint16_t language) {
  return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
         language == DW_LANG_C11;
}

}  // namespace backsight::probes
