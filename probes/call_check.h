// Whether a return address can be one: whether a call instruction ends right before it.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>

namespace backsight::probes {

// `last`: link-time address of the byte before.
bool ends_call(const ElfFile& file, std::uint64_t last);

}  // namespace backsight::probes
