// Where the jump tables of a function lead. No instruction says how long a table
// is; reading goes on until an entry leads out of the function, so that the
// targets may be more than there are, never fewer.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <vector>

namespace backsight::probes {

struct JumpTable {
  std::uint64_t address = 0;
  std::uint32_t entry_bytes = 4;  // 4: offsets from the table's address; 8: addresses
  bool operator==(const JumpTable&) const = default;
};

// Empty: it cannot be read, or none of its entries leads into the function.
std::vector<std::uint64_t> read_jump_table(const ElfFile& binary, const JumpTable& table,
                                           const std::vector<AddressRange>& function);

}  // namespace backsight::probes
