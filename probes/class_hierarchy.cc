#include "probes/class_hierarchy.h"

#include "probes/symbol_table.h"
#include "probes/type_builder.h"
#include "probes/vtable_owners.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {
namespace {

constexpr int kMaxDepth = 48;
constexpr std::size_t kMaxBases = 256;
constexpr std::string_view kAnonymous = "(anonymous namespace)";

bool is_class(Dwarf_Half tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type;
}

// How compilers write the same class where the demangler writes `name`: without
// suffixes of numbers or with capital ones, and with or without a space between closing brackets.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> all = {name};
  std::string plain, upper;
  bool in_number = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool is_digit = c >= '0' && c <= '9';
    const bool begins = is_digit && i > 0 && (name[i - 1] == '<' || name[i - 1] == ' ' || name[i - 1] == '-');
    in_number = begins || (in_number && (is_digit || c == 'u' || c == 'l'));
    const bool is_suffix = in_number && !is_digit;
    if (!is_suffix) plain += c;
    upper += is_suffix ? static_cast<char>(c - 'a' + 'A') : c;
  }
  all.push_back(plain);
  all.push_back(upper);
  for (std::size_t i = 0; i < 3; ++i) {
    std::string tight;
    for (const char c : all[i]) {
      if (c == '>' && tight.size() > 1 && tight.back() == ' ' && tight[tight.size() - 2] == '>')
        tight.pop_back();
      tight += c;
    }
    all.push_back(tight);
  }
  return all;
}

// Of "vptr minus a number, loaded": the number.
std::uint64_t virtual_base_place(const Die& inheritance) {
  const auto block = inheritance.block(DW_AT_data_member_location);
  if (block.size() < 6 || block[0] != DW_OP_dup || block[1] != DW_OP_deref) return 0;
  std::size_t at = 3;
  std::uint64_t value = 0;
  const std::uint8_t op = block[2];
  if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
    value = op - DW_OP_lit0;
  } else if (op == DW_OP_const1u) {
    value = block[at++];
  } else if (op == DW_OP_const2u && block.size() > at + 2) {
    value = block[at] | std::uint64_t{block[at + 1]} << 8;
    at += 2;
  } else if (op == DW_OP_constu) {
    unsigned shift = 0;
    do {
      value |= std::uint64_t{block[at] & 0x7fu} << shift;
      shift += 7;
    } while ((block[at++] & 0x80) && at < block.size() && shift < 28);
  } else {
    return 0;
  }
  const bool ends_so = block.size() == at + 3 && block[at] == DW_OP_minus && block[at + 1] == DW_OP_deref &&
                       block[at + 2] == DW_OP_plus;
  return ends_so && value % 8 == 0 ? value : 0;
}

}  // namespace

void ClassHierarchy::load() {
  if (vtables_) return;
  vtables_.emplace(binary_, symbols_);
  const auto& groups = vtables_->groups();
  std::vector<NamelessVtable> rest;
  std::unordered_map<std::string, std::size_t> count;  // of a name
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::string name = demangled("_ZTV" + groups[i].mangled);
    if (name.rfind(kVtableName, 0) != 0) continue;
    name.erase(0, kVtableName.size());
    ++count[name];
    if (!add(i, name, find_class(groups[i], name))) rest.push_back({i, std::move(name)});
  }
  // A name that several have, of different files or blocks, says nothing.
  std::erase_if(rest, [&](const NamelessVtable& one) { return count[one.name] > 1; });
  if (rest.empty()) return;
  const auto found = VtableOwners(binary_, symbols_, session_, index_).find(*vtables_, rest);
  for (std::size_t i = 0; i < rest.size(); ++i) add(rest[i].group, rest[i].name, definition_of(found[i]));
}

// False: `die` is no class that has such a table.
bool ClassHierarchy::add(std::size_t group, std::string name, DieKey die) {
  const VtableGroup& table = vtables_->groups()[group];
  if (die == 0 || !is_class(session_.die(die).tag()) || !is_polymorphic(die)) return false;
  auto points = vtables_->address_points(table);
  if (points.empty()) return false;
  const auto id = static_cast<std::uint32_t>(classes_.size());
  const std::uint64_t address = table.address + points[0].word * 8;
  classes_.push_back({die, std::move(name), address, group, std::move(points)});
  for (const NameId ancestor : ancestors(die, 0)) {
    if (derived_.size() <= ancestor) derived_.resize(ancestor + 1);
    if (derived_[ancestor].empty() || derived_[ancestor].back() != id) derived_[ancestor].push_back(id);
  }
  return true;
}

DieKey ClassHierarchy::find_class(const VtableGroup& group, const std::string& name) const {
  // Each file has its own anonymous namespace.
  if (name.find(kAnonymous) != std::string::npos) return find_anonymous(group, name);
  for (const std::string& spelling : spellings(name)) {
    if (const DieKey found = index_.type_named(spelling)) return definition_of(found);
  }
  return 0;
}

// The definition in the unit that has the code of the class's own virtual functions.
DieKey ClassHierarchy::find_anonymous(const VtableGroup& group, const std::string& name) const {
  DieKey found = 0;
  for (const DieKey candidate : index_.types_named(name)) {
    const Unit* unit = session_.unit_of(candidate);
    if (!unit) continue;
    const auto ranges = session_.code_of(*unit);
    const bool has_code = std::any_of(group.words.begin(), group.words.end(), [&](const VtableWord& word) {
      return vtables_->is_own_function(word, group) &&
             std::any_of(ranges.begin(), ranges.end(),
                         [&](const AddressRange& range) { return range.contains(word.value); });
    });
    if (!has_code) continue;
    if (found != 0) return 0;
    found = candidate;
  }
  return found;
}

DieKey ClassHierarchy::definition_of(DieKey key) const {
  key = strip_qualifiers(session_, key);
  const Die die = key != 0 ? session_.die(key) : Die();
  if (!die) return 0;
  if (!die.has(DW_AT_declaration)) return key;
  DieKey definition = die.reference(DW_AT_signature).value_or(0);
  if (definition == 0) definition = index_.type_named(index_.qualified_name(die), key);
  return definition != 0 && !session_.die(definition).has(DW_AT_declaration) ? definition : 0;
}

// Equal for all entries of one class.
std::string ClassHierarchy::identity(DieKey key) const {
  std::string name = index_.qualified_name(session_.die(key));
  if (name.find("::") == std::string::npos) {
    // A class inside a function has no other name.
    const auto global = index_.types_named(name);
    if (std::find(global.begin(), global.end(), key) == global.end()) name += "#" + std::to_string(key);
  }
  if (name.find(kAnonymous) == std::string::npos) return name;
  const Unit* unit = session_.unit_of(key);
  return name + "@" + std::to_string(unit ? unit->die : key);
}

ClassHierarchy::NameId ClassHierarchy::name_id(DieKey key) {
  return name_ids_.try_emplace(identity(key), static_cast<NameId>(name_ids_.size())).first->second;
}

// Itself and all bases, each once or more.
const std::vector<ClassHierarchy::NameId>& ClassHierarchy::ancestors(DieKey key, int depth) {
  static const std::vector<NameId> kNone;
  if (depth > kMaxDepth) return kNone;
  if (const auto known = ancestors_.find(key); known != ancestors_.end()) return known->second;
  ancestors_[key];  // damaged: a class that derives from itself
  std::vector<NameId> all = {name_id(key)};
  for (const BaseClass& base : bases_of(key)) {
    if (base.die == 0) continue;
    const auto& more = ancestors(base.die, depth + 1);
    all.insert(all.end(), more.begin(), more.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return ancestors_[key] = std::move(all);
}

std::vector<BaseClass> ClassHierarchy::bases_of(DieKey key) const {
  std::vector<BaseClass> bases;
  const Die die = session_.die(key);
  if (!die) return bases;
  for_each_child(die, [&](Die&& child) {
    if (child.tag() != DW_TAG_inheritance) return true;
    BaseClass base;
    base.die = definition_of(child.reference(DW_AT_type).value_or(0));
    base.is_virtual = child.unsigned_value(DW_AT_virtuality).value_or(0) == DW_VIRTUALITY_virtual;
    if (base.is_virtual) base.vtable_offset = virtual_base_place(child);
    bases.push_back(base);
    return bases.size() < kMaxBases;
  });
  return bases;
}

bool ClassHierarchy::is_polymorphic(DieKey key) const {
  return is_polymorphic(key, 0);
}

bool ClassHierarchy::is_polymorphic(DieKey key, int depth) const {
  if (depth > kMaxDepth || key == 0) return false;
  const auto [known, is_new] = polymorphic_.try_emplace(key, false);
  if (!is_new) return known->second;
  const Die die = session_.die(key);
  if (!die || !is_class(die.tag())) return false;
  bool found = die.has(DW_AT_containing_type);
  for_each_child(die, [&](Die&& child) {
    const char* name = child.tag() == DW_TAG_member ? child.name() : nullptr;
    found = found || (name && std::strncmp(name, "_vptr", 5) == 0);
    return !found;
  });
  for (const BaseClass& base : bases_of(key)) {
    found = found || base.is_virtual || is_polymorphic(base.die, depth + 1);
  }
  return polymorphic_[key] = found;
}

std::vector<const DynamicClass*> ClassHierarchy::derived_from(DieKey base) {
  load();
  std::vector<const DynamicClass*> result;
  base = definition_of(base);
  const auto id = base == 0 ? name_ids_.end() : name_ids_.find(identity(base));
  if (id == name_ids_.end() || id->second >= derived_.size()) return result;
  for (const std::uint32_t type : derived_[id->second]) result.push_back(&classes_[type]);
  std::sort(result.begin(), result.end(),
            [](const DynamicClass* a, const DynamicClass* b) { return a->address < b->address; });
  return result;
}

std::optional<std::uint64_t> ClassHierarchy::virtual_base_offset(const DynamicClass& type,
                                                                 std::uint64_t offset,
                                                                 const BaseClass& base) const {
  const auto point = std::find_if(type.points.begin(), type.points.end(), [&](const AddressPoint& p) {
    return p.offset_to_top == -static_cast<std::int64_t>(offset);
  });
  const std::uint64_t words = base.vtable_offset / 8;
  if (point == type.points.end() || words == 0 || words > point->word) return std::nullopt;
  const VtableWord& word = vtables_->groups()[type.group].words[point->word - words];
  if (word.is_address) return std::nullopt;
  return offset + word.value;
}

}  // namespace backsight::probes
