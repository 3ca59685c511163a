// The classes that objects of one plan may be of at run time: gives each
// polymorphic class that a pointer leads to its link (schema::Type::dynamic) and
// builds the types of those that derive from it, as complete objects: virtual
// bases are where this class's virtual table says.
#pragma once

#include "probes/class_hierarchy.h"
#include "probes/planner.h"
#include "probes/type_builder.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace backsight::probes {

class DynamicTypes {
 public:
  static constexpr std::size_t kMaxClasses = 256;       // of one static type
  static constexpr std::size_t kMaxPlanClasses = 1024;  // of one plan

  // Both outlive it.
  DynamicTypes(ClassHierarchy& classes, TypeBuilder& types) : classes_(classes), types_(types) {}

  // Links a type that a pointer leads to. What it may be besides itself, for the
  // closure; empty for types that are not polymorphic.
  std::vector<schema::TypeId> link(schema::TypeId type);
  // A pointer to the same class, whose objects are shown as that class: `this` of
  // a constructor or destructor. The pointer itself where it leads to something else.
  schema::TypeId static_pointer(schema::TypeId pointer);

  // Every class that was built; to be kept in the plan's table.
  std::vector<schema::TypeId> built() const;
  // With the numbers of the plan's table; those that are not in it are left out.
  std::vector<Vtable> vtables(const std::vector<schema::TypeId>& renumbered) const;
  // Classes that were left out because there are too many; 0: none.
  std::size_t left_out() const { return left_out_; }

 private:
  struct VirtualBase {
    DieKey die = 0;
    std::uint64_t offset = 0;  // in the complete object
  };
  // A class that is being laid out as a complete object.
  struct Layout {
    const DynamicClass& type;
    std::vector<VirtualBase> virtual_bases;
  };
  schema::TypeId complete(const DynamicClass& type);
  schema::TypeId subobject(Layout& layout, DieKey die, std::uint64_t offset, int depth);
  bool has_virtual_bases(DieKey die, int depth) const;

  ClassHierarchy& classes_;
  TypeBuilder& types_;
  std::unordered_map<const DynamicClass*, schema::TypeId> built_;
  std::vector<const DynamicClass*> order_;
  std::unordered_map<std::uint32_t, std::vector<schema::TypeId>> linked_;  // by static type
  std::unordered_set<std::uint32_t> static_;
  std::size_t left_out_ = 0;
};

}  // namespace backsight::probes
