// Exported variables of a shared library: another module may define them too,
// or have a copy of its own (copy relocation), and then the library's code uses
// that one. Which one it is stands in the slot that the dynamic linker fills.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace backsight::probes {

class SharedVariables {
 public:
  // Reads the dynamic symbols and relocations of `binary`, which must outlive it, when it is
  // first asked; nothing unless it is a library. Not thread-safe.
  explicit SharedVariables(const ElfFile& binary) : binary_(binary) {}

  struct Place {
    bool is_own = false;     // no other module can replace it
    std::uint64_t slot = 0;  // link-time address of a pointer to it, if not 0
  };
  // Neither own nor a slot: not known.
  Place find(const std::string& symbol) const;

 private:
  void read_symbols() const;

  const ElfFile& binary_;
  mutable bool is_read_ = false;
  mutable std::unordered_set<std::string> replaceable_;
  mutable std::unordered_map<std::string, std::uint64_t> slots_;
};

}  // namespace backsight::probes
