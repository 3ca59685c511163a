// Which classes of a binary have objects that can be told at run time: those
// with a virtual table and a definition in the debug information, and what each
// derives from. Built once per binary, when a plan first meets a polymorphic class.
// Not thread-safe.
#pragma once

#include "probes/debug_index.h"
#include "probes/vtables.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// A class that has objects, by its virtual table.
struct DynamicClass {
  DieKey die = 0;
  std::string name;           // qualified
  std::uint64_t address = 0;  // of the primary address point, link-time
  std::size_t group = 0;      // of VtableSet::groups
  std::vector<AddressPoint> points;
};

// One DW_TAG_inheritance of a class.
struct BaseClass {
  DieKey die = 0;
  bool is_virtual = false;
  // Virtual: the word before the address point where the base's offset stands
  // (in bytes; DW_AT_data_member_location). 0: not told.
  std::uint64_t vtable_offset = 0;
};

class ClassHierarchy {
 public:
  // All outlive the hierarchy. `symbols`: a separate debug file, or null.
  ClassHierarchy(const ElfFile& binary, const ElfFile* symbols, const DwarfSession& session,
                 const DebugIndex& index)
      : binary_(binary), symbols_(symbols), session_(session), index_(index) {}

  // The class itself, if it has objects, and those that derive from it; in order of addresses.
  std::vector<const DynamicClass*> derived_from(DieKey base);
  // In order of declaration.
  std::vector<BaseClass> bases_of(DieKey key) const;
  bool is_polymorphic(DieKey key) const;
  // The offset of a virtual base of the subobject at `offset` in an object of that class.
  std::optional<std::uint64_t> virtual_base_offset(const DynamicClass& type, std::uint64_t offset,
                                                   const BaseClass& base) const;

 private:
  using NameId = std::uint32_t;
  void load();
  bool add(std::size_t group, std::string name, DieKey die);
  DieKey find_class(const VtableGroup& group, const std::string& name) const;
  DieKey find_anonymous(const VtableGroup& group, const std::string& name) const;
  DieKey definition_of(DieKey key) const;
  NameId name_id(DieKey key);
  const std::vector<NameId>& ancestors(DieKey key, int depth);
  bool is_polymorphic(DieKey key, int depth) const;
  std::string identity(DieKey key) const;

  const ElfFile& binary_;
  const ElfFile* symbols_;
  const DwarfSession& session_;
  const DebugIndex& index_;
  std::optional<VtableSet> vtables_;
  std::vector<DynamicClass> classes_;
  std::unordered_map<std::string, NameId> name_ids_;
  std::unordered_map<DieKey, std::vector<NameId>> ancestors_;
  std::vector<std::vector<std::uint32_t>> derived_;  // by NameId: indexes in classes_
  mutable std::unordered_map<DieKey, bool> polymorphic_;
};

}  // namespace backsight::probes
