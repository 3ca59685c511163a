// The symbol tables of an ELF file (.symtab and .dynsym), and what they say is
// at a place of the file. Pure: bytes in, names out, so that it can run where
// nothing may be opened. Nothing in the file is trusted.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// A defined symbol. `name` points into the table: valid during the visit.
struct ElfSymbol {
  std::string_view name;
  std::uint64_t address = 0;  // link-time
  std::uint64_t size = 0;
  std::uint8_t type = 0;  // STT_FUNC, …
  bool is_local = false;
};

// Visits .symtab, then .dynsym; the same symbol may come twice.
void for_each_symbol(const ElfFile& file, const std::function<void(const ElfSymbol&)>& visit);

// What abi::__cxa_demangle makes of it, or the name itself.
std::string demangled(const std::string& name);

// What the name of a virtual table begins with.
inline constexpr std::string_view kVtableName = "vtable for ";

// Demangled names of the functions that contain the bytes at these offsets of
// `binary`, or of the virtual tables whose primary address point they are (where
// the vptr of a complete object without virtual bases points to); empty: not known. `debug`: its separate
// debug file, or null. One pass over the tables, and little memory: they may be large.
std::vector<std::string> names_at(const ElfFile& binary, const ElfFile* debug,
                                  std::span<const std::uint64_t> file_offsets);

}  // namespace backsight::probes
