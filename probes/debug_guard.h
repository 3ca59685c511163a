// Checks of damaged debug information that libdwarf 20210528 does not survive:
// it frees memory twice on a bad header in .debug_rnglists or .debug_loclists.
#pragma once

#include "probes/dwarf_sections.h"
#include "schema/result.h"

namespace backsight::probes {

// kCorrupt: libdwarf must not see these sections, or one of those that every
// reader needs cannot be read.
schema::Result<void> check_debug_sections(DwarfSections& sections);

}  // namespace backsight::probes
