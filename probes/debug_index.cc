#include "probes/debug_index.h"

#include <algorithm>
#include <unordered_set>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 48;
constexpr std::size_t kMaxEntries = 50'000'000;
constexpr int kMaxOriginChain = 4;
constexpr std::string_view kAnonymousNamespace = "(anonymous namespace)";

bool is_c_language(std::uint16_t language) {
  return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
         language == DW_LANG_C11;
}

DieKey origin_of(const Die& die) {
  if (const auto origin = die.reference(DW_AT_abstract_origin)) return *origin;
  return die.reference(DW_AT_specification).value_or(0);
}

void count_inlined(const Die& parent, const std::unordered_set<DieKey>& wanted, int depth,
                   std::size_t& count) {
  if (depth > kMaxDepth) return;
  for_each_child(parent, [&](Die&& die) {
    const Dwarf_Half tag = die.tag();
    if (tag == DW_TAG_inlined_subroutine && wanted.count(die.reference(DW_AT_abstract_origin).value_or(0)))
      ++count;
    if (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block ||
        tag == DW_TAG_namespace) {
      count_inlined(die, wanted, depth + 1, count);
    }
    return true;
  });
}

}  // namespace

DebugIndex::DebugIndex(const DwarfSession& session) : session_(session), budget_(kMaxEntries) {
  scopes_.push_back({});
  for (const Unit& unit : session.units()) {
    is_c_ = is_c_language(unit.language);
    if (const Die top = session.die(unit.die)) walk(top, 0, 0);
  }
  std::sort(named_.begin(), named_.end(), [](const Named& a, const Named& b) { return a.key < b.key; });
  resolve_instances();
}

void DebugIndex::walk(const Die& parent, ScopeId scope, int depth) {
  if (depth > kMaxDepth) return;
  Die die = parent.child();
  while (die && budget_ > 0) {
    --budget_;
    visit(die, scope, depth);
    die = die.sibling();
  }
}

void DebugIndex::visit(const Die& die, ScopeId scope, int depth) {
  switch (die.tag()) {
    case DW_TAG_namespace: {
      const char* name = die.name();
      walk(die, intern(scope, name ? std::string_view(name) : kAnonymousNamespace), depth + 1);
      break;
    }
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_typedef:
    case DW_TAG_base_type:
    case DW_TAG_unspecified_type:
      add_type(die, scope, depth);
      break;
    case DW_TAG_subprogram:
      add_function(die, scope);
      break;
    case DW_TAG_variable:
      add_variable(die, scope);
      break;
    default:
      break;
  }
}

void DebugIndex::add_type(const Die& die, ScopeId scope, int depth) {
  const char* name = die.name();
  const Dwarf_Half tag = die.tag();
  const bool is_class = tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
  if (name) {
    const DieKey key = die.key();
    named_.push_back({key, scope});
    if (!die.has(DW_AT_declaration)) {
      TypeDefinition& definition = types_[{scope, name}];
      if (definition.key == 0) {
        definition.key = key;
        definition.size = is_c_ ? die.unsigned_value(DW_AT_byte_size).value_or(0) : 0;
        definition.line = is_c_ ? die.unsigned_value(DW_AT_decl_line).value_or(0) : 0;
      } else if (is_c_ && is_class) {
        // C has no rule of one definition: two files may each have their own.
        definition.ambiguous |= definition.size != die.unsigned_value(DW_AT_byte_size).value_or(0) ||
                                definition.line != die.unsigned_value(DW_AT_decl_line).value_or(0);
      }
    }
  }
  if (is_class && !is_c_) walk(die, name ? intern(scope, name) : scope, depth + 1);
}

void DebugIndex::add_function(const Die& die, ScopeId scope) {
  const char* name = die.name();
  const bool has_code = die.has(DW_AT_low_pc) || die.has(DW_AT_ranges);
  const DieKey origin = origin_of(die);
  const DieKey key = die.key();
  if (name && origin == 0) {
    named_.push_back({key, scope});
    if (has_code) {
      function(scope, name).concrete.push_back(key);
    } else if (die.has(DW_AT_inline)) {
      function(scope, name).inlined_only.push_back(key);
    }
    return;
  }
  if (origin != 0 && (has_code || die.has(DW_AT_inline))) instances_.push_back({key, origin, has_code});
}

void DebugIndex::add_variable(const Die& die, ScopeId scope) {
  const char* name = die.name();
  const DieKey key = die.key();
  if (name) named_.push_back({key, scope});
  if (!die.has(DW_AT_location)) return;
  const DieKey origin = origin_of(die);
  if (origin != 0) {
    variable_definitions_.push_back({key, origin, true});
  } else if (name) {
    variables_[{scope, name}].push_back(key);
  }
}

void DebugIndex::resolve_instances() {
  const auto named_origin = [this](DieKey origin) -> std::pair<const Named*, std::string_view> {
    for (int i = 0; i < kMaxOriginChain && origin != 0; ++i) {
      const Die die = session_.die(origin);
      const DieKey next = origin_of(die);
      if (const char* name = die.name(); name && next == 0) return {named(origin), name};
      origin = next;
    }
    return {nullptr, {}};
  };
  for (const Instance& instance : instances_) {
    const auto [entry, name] = named_origin(instance.origin);
    if (name.empty()) continue;
    FunctionEntry& target = function(entry ? entry->scope : 0, name);
    (instance.has_code ? target.concrete : target.inlined_only).push_back(instance.key);
  }
  for (const Instance& definition : variable_definitions_) {
    const auto [entry, name] = named_origin(definition.origin);
    if (!name.empty()) variables_[{entry ? entry->scope : 0, name}].push_back(definition.key);
  }
  instances_.clear();
  variable_definitions_.clear();
}

ScopeId DebugIndex::intern(ScopeId parent, std::string_view name) {
  const auto [it, is_new] = scope_ids_.try_emplace({parent, name}, static_cast<ScopeId>(scopes_.size()));
  if (is_new) scopes_.push_back({parent, name});
  return it->second;
}

FunctionEntry& DebugIndex::function(ScopeId scope, std::string_view name) {
  const auto [it, is_new] = function_ids_.try_emplace({scope, name}, functions_.size());
  if (is_new) functions_.push_back({scope, name, {}, {}});
  return functions_[it->second];
}

const DebugIndex::Named* DebugIndex::named(DieKey key) const {
  const auto it = std::lower_bound(named_.begin(), named_.end(), key,
                                   [](const Named& entry, DieKey value) { return entry.key < value; });
  return it != named_.end() && it->key == key ? &*it : nullptr;
}

std::string DebugIndex::join(ScopeId scope, std::string_view name) const {
  std::string result(name);
  for (; scope != 0; scope = scopes_[scope].parent) result = std::string(scopes_[scope].name) + "::" + result;
  return result;
}

std::string DebugIndex::qualified_name(const Die& die) const {
  const char* name = die.name();
  if (!name) {
    const DieKey origin = origin_of(die);
    const Die target = origin != 0 ? session_.die(origin) : Die();
    if (!target) return {};
    name = target.name();
    if (name) {
      const Named* entry = named(target.key());
      return join(entry ? entry->scope : 0, name);
    }
    const DieKey second = origin_of(target);
    const Die last = second != 0 ? session_.die(second) : Die();
    const Named* entry = last ? named(last.key()) : nullptr;
    return last && last.name() ? join(entry ? entry->scope : 0, last.name()) : std::string();
  }
  const Named* entry = named(die.key());
  return join(entry ? entry->scope : 0, name);
}

// Splits at each "::" that is not inside template arguments.
bool DebugIndex::split(std::string_view qualified, Key& key) const {
  ScopeId scope = 0;
  int nesting = 0;
  std::size_t begin = 0;
  if (qualified.substr(0, 2) == "::") qualified.remove_prefix(2);
  for (std::size_t i = 0; i + 1 < qualified.size(); ++i) {
    if (qualified[i] == '<' || qualified[i] == '(') ++nesting;
    if (qualified[i] == '>' || qualified[i] == ')') --nesting;
    if (nesting != 0 || qualified[i] != ':' || qualified[i + 1] != ':') continue;
    const auto it = scope_ids_.find({scope, qualified.substr(begin, i - begin)});
    if (it == scope_ids_.end()) return false;
    scope = it->second;
    begin = i + 2;
    ++i;
  }
  key = {scope, qualified.substr(begin)};
  return true;
}

DieKey DebugIndex::type_named(std::string_view qualified) const {
  Key key;
  if (!split(qualified, key)) return 0;
  const auto it = types_.find(key);
  return it == types_.end() || it->second.ambiguous ? 0 : it->second.key;
}

std::vector<DieKey> DebugIndex::variables_named(std::string_view qualified) const {
  Key key;
  if (!split(qualified, key)) return {};
  const auto it = variables_.find(key);
  return it == variables_.end() ? std::vector<DieKey>() : it->second;
}

void DebugIndex::for_each_variable_name(const std::function<void(const std::string&)>& visit) const {
  for (const auto& [key, dies] : variables_) visit(join(key.scope, key.name));
}

std::size_t DebugIndex::count_inlined_copies(const std::vector<DieKey>& abstract) const {
  const std::unordered_set<DieKey> wanted(abstract.begin(), abstract.end());
  std::size_t count = 0;
  for (const Unit& unit : session_.units()) {
    if (const Die top = session_.die(unit.die)) count_inlined(top, wanted, 0, count);
  }
  return count;
}

}  // namespace backsight::probes
