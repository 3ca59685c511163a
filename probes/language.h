// What a unit says of how it was compiled (DW_AT_language, DW_AT_producer), as far as
// the planner asks.
#pragma once

#include "probes/dwarf_die.h"

#include <dwarf.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace backsight::probes {

inline bool is_c_language(std::uint16_t language) {
  return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
         language == DW_LANG_C11;
}

// GCC says in DW_AT_producer how it was called; the last -O counts.
inline bool gcc_optimises(std::string_view producer) {
  const std::size_t last = producer.rfind(" -O");
  return last != std::string_view::npos && !producer.substr(last).starts_with(" -O0");
}

// Optimised when it was linked: functions may hold copies of what other units declare.
inline bool is_link_time_unit(const Die& top) {
  const char* name = top.name();
  const char* producer = top.text(DW_AT_producer);
  return (name && std::strcmp(name, "<artificial>") == 0) || (producer && std::strstr(producer, "-flto"));
}

}  // namespace backsight::probes
