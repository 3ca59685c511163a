#include "probes/vtable_owners.h"

#include "probes/scopes.h"
#include "probes/symbol_table.h"
#include "probes/type_builder.h"

#include <elf.h>

#include <algorithm>

namespace backsight::probes {
namespace {

constexpr int kMaxOriginChain = 4;

// "a::b<c::d>" → "b<c::d>"; "f(int)::Local" → "Local".
std::string_view last_name(std::string_view name) {
  int nesting = 0;
  for (std::size_t i = name.size(); i-- > 1;) {
    const char c = name[i];
    if (c == '>' || c == ')' || c == '}' || c == ']') ++nesting;
    if (c == '<' || c == '(' || c == '{' || c == '[') --nesting;
    if (nesting == 0 && c == ':' && name[i - 1] == ':') return name.substr(i + 1);
  }
  return name;
}

// "area" of "Shape::area() const" in class "Shape"; empty: it is not the class's own.
std::string_view own_function(std::string_view symbol, std::string_view class_name) {
  if (!symbol.starts_with(class_name)) return {};
  symbol.remove_prefix(class_name.size());
  if (!symbol.starts_with("::")) return {};
  symbol.remove_prefix(2);
  const std::string_view bare = symbol.substr(0, symbol.find('('));
  return bare.size() < symbol.size() && bare.find(':') == std::string_view::npos ? bare : std::string_view();
}

}  // namespace

std::vector<DieKey> VtableOwners::find(const VtableSet& tables, const std::vector<NamelessVtable>& wanted) {
  std::vector<DieKey> owners;
  const Names names = names_of(tables, wanted);
  for (const NamelessVtable& one : wanted)
    owners.push_back(owner(tables.groups()[one.group], one.name, names));
  return owners;
}

VtableOwners::Names VtableOwners::names_of(const VtableSet& tables,
                                           const std::vector<NamelessVtable>& wanted) const {
  Names names;
  for (const NamelessVtable& one : wanted) {
    for (const VtableWord& word : tables.groups()[one.group].words) {
      if (word.is_code && word.import_id == 0) names[word.value];
    }
  }
  const auto visit = [&](const ElfSymbol& symbol) {
    const auto known = symbol.type == STT_FUNC ? names.find(symbol.address) : names.end();
    if (known == names.end()) return;
    std::string name = demangled(std::string(symbol.name.substr(0, symbol.name.find('.'))));
    auto& all = known->second;
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(std::move(name));
  };
  if (names.empty()) return names;
  for_each_symbol(binary_, visit);
  if (symbols_ && symbols_ != &binary_) for_each_symbol(*symbols_, visit);
  return names;
}

DieKey VtableOwners::owner(const VtableGroup& table, const std::string& name, const Names& names) {
  const bool is_local = table.mangled.find('Z') == 0;
  for (const VtableWord& word : table.words) {
    const auto known = word.is_code && word.import_id == 0 ? names.find(word.value) : names.end();
    if (known == names.end() || known->second.empty()) continue;
    // Where the linker merged functions of several classes, whose entry is found cannot be told.
    const auto& all = known->second;
    const bool is_own = std::all_of(all.begin(), all.end(), [&](const std::string& symbol) {
      return !own_function(symbol, name).empty();
    });
    if (!is_own) continue;
    const DieKey function = function_at(word.value, std::string(own_function(all[0], name)), is_local);
    const DieKey found = function != 0 ? class_of(function) : 0;
    const char* const found_name = found != 0 ? session_.die(found).name() : nullptr;
    if (found_name && without_arguments(found_name) == without_arguments(last_name(name))) return found;
  }
  return 0;
}

DieKey VtableOwners::function_at(std::uint64_t address, const std::string& bare_name, bool is_local) {
  for (const FunctionEntry* entry : index_.functions_named(bare_name)) {
    for (const DieKey key : entry->concrete) {
      if (entries_left_ == 0) return 0;
      --entries_left_;
      const Die die = session_.die(key);
      if (!die) continue;
      if (die.address(DW_AT_low_pc) == address) return key;
      if (die.has(DW_AT_low_pc)) continue;
      const auto ranges = session_.ranges(die);
      if (std::any_of(ranges.begin(), ranges.end(),
                      [&](const AddressRange& range) { return range.begin == address; }))
        return key;
    }
  }
  if (!is_local || searches_left_ == 0) return 0;
  --searches_left_;
  return find_function_at(session_, address);
}

// What `this` points to.
DieKey VtableOwners::class_of(DieKey function) const {
  Die declaration = session_.die(function);
  for (int i = 0; i < kMaxOriginChain && declaration; ++i) {
    auto next = declaration.reference(DW_AT_abstract_origin);
    if (!next) next = declaration.reference(DW_AT_specification);
    if (!next) break;
    declaration = session_.die(*next);
  }
  DieKey pointer = 0;
  if (!declaration) return 0;
  for_each_child(declaration, [&](Die&& child) {
    if (child.tag() == DW_TAG_formal_parameter && child.flag(DW_AT_artificial))
      pointer = strip_qualifiers(session_, child.reference(DW_AT_type).value_or(0));
    return pointer == 0;
  });
  const Die type = pointer != 0 ? session_.die(pointer) : Die();
  if (!type || type.tag() != DW_TAG_pointer_type) return 0;
  return strip_qualifiers(session_, type.reference(DW_AT_type).value_or(0));
}

}  // namespace backsight::probes
