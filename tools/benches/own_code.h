// Where code of this very program is in its file, for probing it.
#pragma once

#include <cstdint>

namespace backsight::tools::benches {

// Throws std::runtime_error where the address is not mapped from a file.
std::uint64_t own_file_offset(std::uint64_t address);

}  // namespace backsight::tools::benches
