// What the debug information says about the layout of a class: where a member
// is, found by path; template arguments; sizes and alignments. All that the
// recognisers of standard types build on.
#pragma once

#include "probes/debug_index.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// Skips typedefs and qualifiers. `alias` receives the last typedef's key.
DieKey strip_qualifiers(const DwarfSession& session, DieKey key, DieKey* alias = nullptr);
// DW_AT_data_member_location; none if it must be computed at run time (virtual bases).
std::optional<std::uint64_t> member_offset(const Die& member);
// Where a bit-field begins, in bits from the start of the structure, little endian.
std::optional<std::uint64_t> bit_position(const Die& member, std::uint64_t type_size);
// Is it a part of every object? Not a static member.
bool is_object_member(const Die& die);
inline bool is_class_tag(Dwarf_Half tag) {
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

// A member found by path, also through base classes and anonymous members.
struct MemberPath {
  std::uint64_t offset_bytes = 0;
  DieKey type = 0;  // without qualifiers; the definition, where there is one
};

struct TemplateArgument {
  DieKey type = 0;  // of a type argument, as written
  std::optional<std::int64_t> value;
};

class TypeLayout {
 public:
  TypeLayout(const DwarfSession& session, const DebugIndex& index) : session_(session), index_(index) {}

  const DwarfSession& session() const { return session_; }
  const DebugIndex& index() const { return index_; }

  // Without typedefs and qualifiers; the definition where `key` only declares.
  // The declaration where there is none, 0 for void.
  DieKey complete(DieKey key) const;
  Die definition(DieKey key) const { return session_.die(complete(key)); }

  using Path = std::initializer_list<std::string_view>;
  std::optional<MemberPath> member(const Die& type, Path path) const;
  // The first of the paths that exists: libraries rename their members.
  std::optional<MemberPath> first_member(const Die& type, std::initializer_list<Path> paths) const;
  // The same, of a pointer: its target is `type` of the result (0: void).
  std::optional<MemberPath> pointer(const Die& type, std::initializer_list<Path> paths) const;
  // Offset of an integer, boolean or enumeration of that many bytes.
  std::optional<std::uint64_t> integer(const Die& type, std::uint64_t bytes,
                                       std::initializer_list<Path> paths) const;

  // In order, those of packs in their place.
  std::vector<TemplateArgument> arguments(const Die& type) const;
  std::vector<TemplateArgument> arguments(DieKey type) const { return arguments(definition(type)); }
  // A class of that name (without its arguments) among the template arguments of
  // `type`, those of its arguments, and those of its bases; 0: none.
  DieKey argument_named(DieKey type, std::string_view name, int depth = 0) const;

  // Bytes of a value; none where that is not known.
  std::optional<std::uint64_t> size(DieKey type, int depth = 0) const;
  // Natural alignment; none where it is not clear (declared only, packed).
  std::optional<std::uint64_t> alignment(DieKey type, int depth = 0) const;

 private:
  std::optional<MemberPath> find_member(const Die& type, std::string_view name, int depth) const;
  std::optional<std::uint64_t> class_alignment(const Die& type, int depth) const;
  void add_arguments(const Die& parent, std::vector<TemplateArgument>& result, int depth) const;

  const DwarfSession& session_;
  const DebugIndex& index_;
};

inline std::uint64_t align_up(std::uint64_t offset, std::uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

}  // namespace backsight::probes
