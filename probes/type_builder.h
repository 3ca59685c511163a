// DWARF types to the type table that is stored with a plan. A type is built
// with everything it holds by value; what it points to is built when it is
// asked for (pointee) or by finish(), down to the capture depth.
#pragma once

#include "probes/recognise.h"
#include "schema/types.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

class TypeBuilder {
 public:
  TypeBuilder(const DwarfSession& session, const DebugIndex& index)
      : session_(session), index_(index), layout_(session, index) {}

  // The type of entry `key` (0: void), cv-qualifiers and typedefs resolved.
  schema::TypeId build(DieKey key);
  // What a pointer, reference or container leads to; kNoType for other types.
  schema::TypeId pointee(schema::TypeId type);
  schema::TypeId pointer_to(schema::TypeId target);
  // A type of its own with the same content: for projected elements.
  schema::TypeId clone(schema::TypeId type);
  schema::TypeId add(schema::Type type);

  const schema::Type& type(schema::TypeId id) const { return nodes_[id.value].type; }
  schema::Type& mutable_type(schema::TypeId id) { return nodes_[id.value].type; }
  const TypeLayout& layout() const { return layout_; }
  DieKey die_of(schema::TypeId id) const { return nodes_[id.value].die; }

  // Asked by finish() for each type that a pointer leads to: what else may be
  // found there (dynamic_types.h).
  using FindAlternatives = std::function<std::vector<schema::TypeId>(schema::TypeId)>;
  void set_alternatives(FindAlternatives find) { alternatives_ = std::move(find); }
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
    Target pending;  // not built yet
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
  void fill_member_pointer(schema::TypeId id, const Die& die);
  void name_data_members(const Die& owner, DieKey type, std::uint64_t offset, int depth,
                         std::vector<schema::Enumerator>& names) const;
  void name_virtual_functions(const Die& owner, int depth, std::vector<schema::Enumerator>& names) const;
  void apply_shape(schema::TypeId id, const Shape& shape);
  std::optional<schema::Member> member(const Die& die);
  std::optional<schema::Member> bit_field(const Die& die, schema::Member member);
  schema::TypeId part(const Part& part);
  schema::TypeId unsupported();
  schema::TypeId stub(DieKey key);
  // The target of a container, its elements whole or by name alone.
  schema::TypeId target(const Target& target, bool is_whole);
  schema::TypeId pair(const Target& target, bool is_whole);
  schema::TypeId array_of(schema::TypeId element, std::uint64_t count);
  bool leads_to_object(schema::TypeId id) const;
  void collect_pointers(schema::TypeId id, std::vector<bool>& seen,
                        std::vector<schema::TypeId>& pointers) const;

  const DwarfSession& session_;
  const DebugIndex& index_;
  TypeLayout layout_;
  FindAlternatives alternatives_;
  std::vector<Node> nodes_;
  std::unordered_map<DieKey, schema::TypeId> built_;
  std::unordered_map<DieKey, schema::TypeId> stubs_;
  std::unordered_map<std::uint32_t, schema::TypeId> pointers_;  // made by pointer_to
  schema::TypeId void_ = schema::kNoType;
  schema::TypeId unsupported_ = schema::kNoType;
};

}  // namespace backsight::probes
