// Builds the index of a file's debug information: one pass over the units,
// bodies of functions are not entered; on several threads where it is large.
#pragma once

#include "probes/dwarf_session.h"
#include "probes/index_format.h"

#include <cstdint>
#include <deque>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// The index of all units of `session` as bytes.
std::vector<std::byte> build_index(const DwarfSession& session, std::uint64_t identity);

// What one thread finds. Names are views of the sections.
class IndexBuilder {
 public:
  explicit IndexBuilder(const DwarfSession& session);
  // Units [begin, end) and what can be resolved among them; `failure`: no memory.
  void run(const std::vector<Unit>& units, std::size_t begin, std::size_t end, std::exception_ptr& failure);
  // Gives instances the name of what they refer to, where that was seen; the others wait.
  // Looks at entries from `first_named` on.
  void resolve(std::size_t first_named);
  // As resolve(), reading what was not seen.
  void resolve_rest();
  // What `other` found in later units.
  void absorb(IndexBuilder&& other);
  std::vector<std::byte> bytes(std::uint64_t identity) const;

 private:
  struct Key {
    std::uint32_t scope = 0;
    std::string_view name;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<std::string_view>{}(key.name) * 31 + key.scope;
    }
  };
  struct Named {
    DieKey key = 0;
    std::uint32_t scope = 0;
    const char* name = nullptr;
  };
  enum class Role : std::uint8_t { kConcrete, kAbstract, kVariable };
  struct Instance {  // its name is that of the entry it refers to
    DieKey key = 0;
    DieKey origin = 0;
    Role role = Role::kConcrete;
    bool is_done = false;
  };
  struct Found {  // an entry that has a name of the table
    std::uint32_t id = 0;
    bool is_abstract = false;
    DieKey key = 0;
  };
  // Names of one kind in the order they were met.
  struct Table {
    std::vector<Key> names;
    std::unordered_map<Key, std::uint32_t, KeyHash> ids;
    std::vector<Found> found;
    std::deque<std::string> kept;  // names whose file is closed
    bool keep = false;
    std::uint32_t intern(const Key& key);
    std::uint32_t intern_kept(const Key& key);
    void add(const Key& key, DieKey die, bool is_abstract = false);
  };
  class Writer;

  void add(const Unit& unit);
  void walk(const Die& parent, std::uint32_t scope, int depth);
  void visit(const Die& die, std::uint32_t scope, int depth);
  void add_type(const Die& die, std::uint32_t scope, int depth);
  void add_function(const Die& die, std::uint32_t scope);
  void add_variable(const Die& die, std::uint32_t scope);
  void settle(Instance& instance, const Named& named);
  const Named* named(DieKey key) const;
  const Instance* instance(DieKey key) const;
  std::uint32_t scope_id(std::uint32_t parent, std::string_view name);

  const DwarfSession& session_;
  bool is_c_ = false;
  bool is_link_time_ = false;
  std::size_t budget_;
  Table scopes_;  // name 0 is the global one; a name's scope is its parent
  Table functions_;
  Table types_;
  Table variables_;
  std::size_t first_named_ = 0;
  std::vector<Named> named_;                   // ascending
  std::vector<Instance> instances_;            // ascending
  std::vector<std::deque<std::string>> kept_;  // of what was absorbed
};

}  // namespace backsight::probes
