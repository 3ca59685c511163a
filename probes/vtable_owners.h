// Which class a virtual table belongs to, where its name in the symbol table is not
// the one in the debug information: classes inside of functions have no qualified
// name there, and templates may be spelled in another way. The functions of the
// table tell: one whose symbol says that it is the class's own has an entry, and that
// has `this`.
#pragma once

#include "probes/debug_index.h"
#include "probes/vtables.h"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// A virtual table whose class is looked for.
struct NamelessVtable {
  std::size_t group = 0;  // of VtableSet::groups
  std::string name;       // of the class, as the demangler writes it; no other table's
};

class VtableOwners {
 public:
  // All outlive it. `symbols`: a separate debug file, or null.
  VtableOwners(const ElfFile& binary, const ElfFile* symbols, const DwarfSession& session,
               const DebugIndex& index)
      : binary_(binary), symbols_(symbols), session_(session), index_(index) {}

  // The class entry of each; 0: not known. Looks at so many functions and no more.
  std::vector<DieKey> find(const VtableSet& tables, const std::vector<NamelessVtable>& wanted);

 private:
  using Names = std::unordered_map<std::uint64_t, std::vector<std::string>>;  // demangled, by address
  Names names_of(const VtableSet& tables, const std::vector<NamelessVtable>& wanted) const;
  DieKey owner(const VtableGroup& table, const std::string& name, const Names& names);
  DieKey function_at(std::uint64_t address, const std::string& bare_name, bool is_local);
  DieKey class_of(DieKey function) const;

  const ElfFile& binary_;
  const ElfFile* symbols_;
  const DwarfSession& session_;
  const DebugIndex& index_;
  std::size_t entries_left_ = 50'000;  // of the index
  std::size_t searches_left_ = 64;     // through all units
};

}  // namespace backsight::probes
