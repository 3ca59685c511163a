// Checks of damaged debug information that libdwarf 20210528 does not survive:
// it frees memory twice on a bad header in .debug_rnglists or .debug_loclists.
#pragma once

#include "probes/elf_file.h"
#include "schema/result.h"

namespace backsight::probes {

// kCorrupt: libdwarf must not see this file.
schema::Result<void> check_debug_sections(const ElfFile& file);

}  // namespace backsight::probes
