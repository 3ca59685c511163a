// Names in the debug information: functions, types and global variables by
// qualified name, as the language writes them. Read from the cache where it has
// the index of exactly these files, else built and put there.
#pragma once

#include "probes/dwarf_session.h"
#include "probes/file_source.h"
#include "probes/index_format.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// A namespace or class that others are named in; 0 is the global one.
using ScopeId = std::uint32_t;

// All functions of one qualified name. The keys live as long as the index.
struct FunctionEntry {
  ScopeId scope = 0;
  std::string_view name;                 // without scope
  std::span<const DieKey> concrete;      // entries that have code
  std::span<const DieKey> inlined_only;  // abstract entries (DW_AT_inline): it has inlined copies
};

// Bytes of an index, mapped or owned.
class IndexBytes {
 public:
  explicit IndexBytes(std::vector<std::byte> owned);
  // Takes the descriptor of a cached index; null if it cannot be read.
  static std::unique_ptr<IndexBytes> map(int descriptor);
  IndexBytes(const IndexBytes&) = delete;
  IndexBytes& operator=(const IndexBytes&) = delete;
  ~IndexBytes();
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  IndexBytes() = default;
  std::vector<std::byte> owned_;
  std::span<const std::byte> bytes_;
  void* mapped_ = nullptr;
};

// Const methods are as thread-safe as the session is: not at all.
class DebugIndex {
 public:
  // `session` must outlive the index. With `files`, the index is cached.
  explicit DebugIndex(const DwarfSession& session, FileSource* files = nullptr);
  DebugIndex(const DebugIndex&) = delete;
  DebugIndex& operator=(const DebugIndex&) = delete;
  ~DebugIndex() = default;

  const std::vector<FunctionEntry>& functions() const { return functions_; }
  // All that a name can mean that may lack scopes and template arguments: those with
  // the same last part. No globs.
  std::vector<const FunctionEntry*> functions_named(std::string_view written) const;
  std::string qualified(const FunctionEntry& entry) const { return join(entry.scope, entry.name); }
  // Of a type, function or variable entry; its bare name where the scope is not known.
  std::string qualified_name(const Die& die) const;
  // A definition of that name: the one in the unit of `near`, else one that all others agree
  // with; none (0) where they differ, or where it is local to another unit.
  DieKey type_named(std::string_view qualified, DieKey near = 0) const;
  // Every definition of that name.
  std::vector<DieKey> types_named(std::string_view qualified) const;
  std::vector<DieKey> variables_named(std::string_view qualified) const;
  void for_each_variable_name(const std::function<void(const std::string&)>& visit) const;
  // How many inlined copies there are of an abstract function. Walks bodies: slow.
  std::size_t count_inlined_copies(std::span<const DieKey> abstract) const;
  // Was it read from the cache?
  bool is_cached() const { return is_cached_; }

 private:
  bool accept(std::unique_ptr<IndexBytes> bytes, std::uint64_t identity);
  template <class T>
  std::span<const T> part(IndexPart which) const;
  std::string_view text(std::uint32_t name, std::uint32_t length) const;
  std::span<const DieKey> keys(std::uint64_t first, std::uint64_t count) const;
  std::span<const IndexLookup> candidates(IndexPart lookup, std::uint32_t hash) const;
  // The entry of a qualified name in kTypes or kVariables; null if there is none.
  const IndexEntry* find(IndexPart which, IndexPart lookup, std::string_view qualified) const;
  ScopeId scope_of(DieKey key) const;
  bool is_in_anonymous_namespace(ScopeId scope) const;
  std::string join(ScopeId scope, std::string_view name) const;
  bool split(std::string_view qualified, ScopeId& scope, std::string_view& name) const;

  const DwarfSession& session_;
  std::unique_ptr<IndexBytes> bytes_;
  const IndexHeader* header_ = nullptr;
  bool is_cached_ = false;
  std::vector<FunctionEntry> functions_;
};

}  // namespace backsight::probes
