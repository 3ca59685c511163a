// DWARF types to the type table that is stored with a plan. A type is built
// with everything it holds by value; what it points to is built when it is
// asked for (pointee) or by finish(), down to the capture depth.
#pragma once

#include "probes/debug_index.h"
#include "schema/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

class TypeBuilder {
 public:
  TypeBuilder(const DwarfSession& session, const DebugIndex& index) : session_(session), index_(index) {}

  // The type of entry `key` (0: void), cv-qualifiers and typedefs resolved.
  schema::TypeId build(DieKey key);
  // What a pointer, reference or vector leads to; kNoType for other types.
  schema::TypeId pointee(schema::TypeId type);
  schema::TypeId pointer_to(schema::TypeId target);
  // A type of its own with the same content: for projected elements.
  schema::TypeId clone(schema::TypeId type);
  schema::TypeId add(schema::Type type);

  const schema::Type& type(schema::TypeId id) const { return nodes_[id.value].type; }
  schema::Type& mutable_type(schema::TypeId id) { return nodes_[id.value].type; }
  DieKey die_of(schema::TypeId id) const { return nodes_[id.value].die; }

  // Builds what is reachable from the roots over at most `depth` pointers; gives
  // the rest by name alone.
  void finish(const std::vector<schema::TypeId>& roots, std::uint32_t depth);
  // The table of what is reachable from the roots, with the mapping old → new (kNoType: dropped).
  schema::TypeTable take(const std::vector<schema::TypeId>& roots, std::vector<schema::TypeId>& renumbered);

  // "shop::Order const&", with typedef names and qualifiers as declared.
  std::string spelling(DieKey type, int depth = 0) const;

 private:
  struct Node {
    schema::Type type;
    DieKey die = 0;
    DieKey pending = 0;  // target not built yet
    bool has_pending = false;
    bool in_progress = false;
  };

  schema::TypeId build_value(DieKey key);  // as build, but safe against containing itself
  void fill(schema::TypeId id, const Die& die);
  void fill_pointer(schema::TypeId id, const Die& die, schema::TypeKind kind);
  void fill_struct(schema::TypeId id, const Die& die, schema::TypeKind kind);
  void fill_array(schema::TypeId id, const Die& die);
  void fill_base(schema::Type& type, const Die& die) const;
  void fill_enum(schema::Type& type, const Die& die) const;
  std::optional<schema::Member> member(const Die& die);
  schema::TypeId unsupported();
  schema::TypeId stub(DieKey key);
  void collect_pointers(schema::TypeId id, std::vector<bool>& seen,
                        std::vector<schema::TypeId>& pointers) const;

  const DwarfSession& session_;
  const DebugIndex& index_;
  std::vector<Node> nodes_;
  std::unordered_map<DieKey, schema::TypeId> built_;
  std::unordered_map<DieKey, schema::TypeId> stubs_;
  std::unordered_map<std::uint32_t, schema::TypeId> pointers_;  // made by pointer_to
  schema::TypeId void_ = schema::kNoType;
  schema::TypeId unsupported_ = schema::kNoType;
};

// Skips typedefs and qualifiers. `alias` receives the last typedef's key.
DieKey strip_qualifiers(const DwarfSession& session, DieKey key, DieKey* alias = nullptr);

}  // namespace backsight::probes
