// The virtual tables of a binary as its symbols and bytes have them, without
// debug information. Layout (Itanium C++ ABI, 2.5), words of 8 bytes:
//
//   _ZTV ─▶ | vcall and vbase offsets … | offset to top | typeinfo | functions … |  secondary …
//                                                                  ▲
//                           address point: what the vptr of an object holds
//
// Words are found out as the dynamic linker will write them: from the file, or
// from the relocation there.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

struct VtableWord {
  std::uint64_t value = 0;      // link-time address, or number
  bool is_address = false;      // by a relocation
  bool is_code = false;         // a function, perhaps of another module
  std::uint32_t import_id = 0;  // of another module: index in VtableSet::imports; 0: none
};

// One virtual table group.
struct VtableGroup {
  std::string mangled;        // of the class: what stands behind "_ZTV"
  std::uint64_t address = 0;  // of the group, link-time
  std::vector<VtableWord> words;
};

// Where the vptrs of a class's objects point to: word number in its group.
struct AddressPoint {
  std::size_t word = 0;
  std::int64_t offset_to_top = 0;
};

class VtableSet {
 public:
  // `symbols`: a separate debug file with a symbol table, or null.
  VtableSet(const ElfFile& binary, const ElfFile* symbols);

  // Those whose address has one name only, by address.
  const std::vector<VtableGroup>& groups() const { return groups_; }
  // Primary first. Nothing where it cannot be told.
  std::vector<AddressPoint> address_points(const VtableGroup& group) const;
  // For classes of an anonymous namespace: the function is the class's own, not a base's.
  bool is_own_function(const VtableWord& word, const VtableGroup& group) const;

 private:
  void read_words(const ElfFile& binary);
  void read_relocations(const ElfFile& binary);
  bool is_typeinfo(const VtableWord& word, const VtableGroup& group) const;

  std::vector<VtableGroup> groups_;
  std::unordered_map<std::string, std::vector<std::uint64_t>> typeinfos_;  // by mangled class
  std::unordered_map<std::uint64_t, std::string> anonymous_functions_;     // mangled, by address
  std::vector<std::string> imports_ = {""};
};

}  // namespace backsight::probes
