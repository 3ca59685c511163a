// Names in the debug information: functions, types and global variables by
// qualified name, as the language writes them. Built in one lean pass over the
// units; bodies of functions are not entered.
#pragma once

#include "probes/dwarf_session.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// A namespace or class that others are named in; 0 is the global one.
using ScopeId = std::uint32_t;

// All functions of one qualified name.
struct FunctionEntry {
  ScopeId scope = 0;
  std::string_view name;             // without scope
  std::vector<DieKey> concrete;      // entries that have code
  std::vector<DieKey> inlined_only;  // abstract entries (DW_AT_inline)
};

class DebugIndex {
 public:
  explicit DebugIndex(const DwarfSession& session);

  const std::vector<FunctionEntry>& functions() const { return functions_; }
  std::string qualified(const FunctionEntry& entry) const { return join(entry.scope, entry.name); }
  // Of a type, function or variable entry; its bare name where the scope is not known.
  std::string qualified_name(const Die& die) const;
  // A definition of that name; none if there are several that differ.
  DieKey type_named(std::string_view qualified) const;
  std::vector<DieKey> variables_named(std::string_view qualified) const;
  void for_each_variable_name(const std::function<void(const std::string&)>& visit) const;
  // How many inlined copies there are of an abstract function. Walks every body: slow.
  std::size_t count_inlined_copies(const std::vector<DieKey>& abstract) const;

 private:
  struct Key {
    ScopeId scope = 0;
    std::string_view name;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<std::string_view>{}(key.name) * 31 + key.scope;
    }
  };
  struct Scope {
    ScopeId parent = 0;
    std::string_view name;
  };
  struct Named {
    DieKey key = 0;
    ScopeId scope = 0;
  };
  struct TypeDefinition {
    DieKey key = 0;
    std::uint64_t size = 0;
    std::uint64_t line = 0;
    bool ambiguous = false;
  };
  struct Instance {  // its name is that of the entry it refers to
    DieKey key = 0;
    DieKey origin = 0;
    bool has_code = false;
  };

  void walk(const Die& parent, ScopeId scope, int depth);
  void visit(const Die& die, ScopeId scope, int depth);
  void add_type(const Die& die, ScopeId scope, int depth);
  void add_function(const Die& die, ScopeId scope);
  void add_variable(const Die& die, ScopeId scope);
  void resolve_instances();
  ScopeId intern(ScopeId parent, std::string_view name);
  FunctionEntry& function(ScopeId scope, std::string_view name);
  const Named* named(DieKey key) const;
  std::string join(ScopeId scope, std::string_view name) const;
  bool split(std::string_view qualified, Key& key) const;

  const DwarfSession& session_;
  bool is_c_ = false;
  std::size_t budget_;
  std::vector<Scope> scopes_;
  std::unordered_map<Key, ScopeId, KeyHash> scope_ids_;
  std::vector<Named> named_;  // sorted by key
  std::vector<Instance> instances_;
  std::vector<Instance> variable_definitions_;
  std::vector<FunctionEntry> functions_;
  std::unordered_map<Key, std::size_t, KeyHash> function_ids_;
  std::unordered_map<Key, TypeDefinition, KeyHash> types_;
  std::unordered_map<Key, std::vector<DieKey>, KeyHash> variables_;
};

}  // namespace backsight::probes
