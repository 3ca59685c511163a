#include "probes/index_builder.h"

#include "probes/language.h"

#include <algorithm>
#include <exception>
#include <thread>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 48;
constexpr std::size_t kMaxEntries = 50'000'000;
constexpr int kMaxOriginChain = 4;
constexpr std::string_view kAnonymousNamespace = "(anonymous namespace)";
// Below this, a second thread costs more than it saves.
constexpr std::uint64_t kParallelBytes = 16 << 20;

DieKey origin_of(const Die& die) {
  if (const auto origin = die.reference(DW_AT_abstract_origin)) return *origin;
  return die.reference(DW_AT_specification).value_or(0);
}

std::uint64_t size_of(const Unit& unit) {
  return unit.end - unit.die;
}

}  // namespace

std::uint32_t IndexBuilder::Table::intern(const Key& key) {
  if (keep && !ids.contains(key)) {
    kept.emplace_back(key.name);
    return intern_kept({key.scope, kept.back()});
  }
  return intern_kept(key);
}

std::uint32_t IndexBuilder::Table::intern_kept(const Key& key) {
  const auto [it, is_new] = ids.try_emplace(key, static_cast<std::uint32_t>(names.size()));
  if (is_new) names.push_back(key);
  return it->second;
}

void IndexBuilder::Table::add(const Key& key, DieKey die, bool is_abstract) {
  found.push_back({intern(key), is_abstract, die});
}

IndexBuilder::IndexBuilder(const DwarfSession& session) : session_(session), budget_(kMaxEntries) {
  scopes_.names.push_back({});
}

void IndexBuilder::add(const Unit& unit) {
  const bool is_split = session_.is_split(unit);
  const std::size_t first_named = named_.size();
  for (Table* table : {&scopes_, &functions_, &types_, &variables_}) table->keep = is_split;
  for (const DieKey key : session_.tops(unit)) {
    const Die top = session_.die(key);
    // A type unit may be of another language than the unit it is stored with.
    const auto language = top.unsigned_value(DW_AT_language).value_or(unit.language);
    is_c_ = is_c_language(static_cast<std::uint16_t>(language));
    is_link_time_ = top && is_link_time_unit(top);
    if (top) walk(top, 0, 0);
  }
  if (!is_split) return;
  // Its file is closed again: thousands of them would not fit.
  resolve(first_named);
  std::erase_if(instances_, [](const Instance& instance) { return instance.is_done; });
  for (std::size_t i = first_named; i < named_.size(); ++i) named_[i].name = nullptr;
  session_.close(unit);
}

void IndexBuilder::run(const std::vector<Unit>& units, std::size_t begin, std::size_t end,
                       std::exception_ptr& failure) {
  try {
    for (std::size_t i = begin; i < end; ++i) add(units[i]);
    resolve(0);
  } catch (...) {
    failure = std::current_exception();
  }
}

void IndexBuilder::walk(const Die& parent, std::uint32_t scope, int depth) {
  if (depth > kMaxDepth) return;
  Die die = parent.child();
  while (die && budget_ > 0) {
    --budget_;
    visit(die, scope, depth);
    die = die.sibling();
  }
}

void IndexBuilder::visit(const Die& die, std::uint32_t scope, int depth) {
  switch (die.tag()) {
    case DW_TAG_namespace: {
      const char* name = die.name();
      walk(die, scope_id(scope, name ? std::string_view(name) : kAnonymousNamespace), depth + 1);
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

void IndexBuilder::add_type(const Die& die, std::uint32_t scope, int depth) {
  const char* name = die.name();
  const Dwarf_Half tag = die.tag();
  // Clang declares the methods of a class in a type unit within one that has no name.
  if (!name && die.has(DW_AT_signature)) {
    const Die definition = session_.die(die.reference(DW_AT_signature).value_or(0));
    const char* known = definition ? definition.name() : nullptr;
    return walk(die, known ? scope_id(scope, known) : scope, depth + 1);
  }
  // The definition in a type unit stands outside of the namespace that declares it.
  const Named* declared = named(die.reference(DW_AT_specification).value_or(0));
  if (declared) scope = declared->scope;
  if (name) {
    const DieKey key = die.key();
    named_.push_back({key, scope, name});
    if (!die.has(DW_AT_declaration)) types_.add({scope, name}, key);
  }
  const bool is_class = tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
  if (is_class && !is_c_) walk(die, name ? scope_id(scope, name) : scope, depth + 1);
}

void IndexBuilder::add_function(const Die& die, std::uint32_t scope) {
  const char* name = die.name();
  const DieKey key = die.key();
  // Declarations are by far the most.
  if (name && die.has(DW_AT_declaration)) {
    named_.push_back({key, scope, name});
    return;
  }
  const bool has_code = die.has(DW_AT_low_pc) || die.has(DW_AT_ranges);
  const DieKey origin = origin_of(die);
  // What will be inlined at link time was not known when the entry was written.
  const bool is_abstract = !has_code && (die.has(DW_AT_inline) || is_link_time_);
  if (name && origin == 0) {
    named_.push_back({key, scope, name});
    if (has_code || is_abstract) functions_.add({scope, name}, key, is_abstract);
    return;
  }
  if (origin != 0 && (has_code || is_abstract)) {
    instances_.push_back({key, origin, has_code ? Role::kConcrete : Role::kAbstract, false});
  }
}

void IndexBuilder::add_variable(const Die& die, std::uint32_t scope) {
  const char* name = die.name();
  const DieKey key = die.key();
  if (name) named_.push_back({key, scope, name});
  if (!die.has(DW_AT_location)) return;
  const DieKey origin = origin_of(die);
  if (origin != 0) {
    instances_.push_back({key, origin, Role::kVariable, false});
  } else if (name) {
    variables_.add({scope, name}, key);
  }
}

void IndexBuilder::settle(Instance& instance, const Named& named) {
  const Key key{named.scope, named.name};
  if (instance.role == Role::kVariable) {
    variables_.add(key, instance.key);
  } else {
    functions_.add(key, instance.key, instance.role == Role::kAbstract);
  }
  instance.is_done = true;
}

void IndexBuilder::resolve(std::size_t first_named) {
  const auto by_key = [](const auto& a, const auto& b) { return a.key < b.key; };
  first_named_ = first_named;
  const auto begin = named_.begin() + static_cast<std::ptrdiff_t>(first_named);
  if (!std::is_sorted(begin, named_.end(), by_key)) std::sort(begin, named_.end(), by_key);
  if (!std::is_sorted(instances_.begin(), instances_.end(), by_key)) {
    std::sort(instances_.begin(), instances_.end(), by_key);
  }
  for (Instance& waiting : instances_) {
    if (waiting.is_done) continue;
    DieKey origin = waiting.origin;
    for (int i = 0; i < kMaxOriginChain && origin != 0; ++i) {
      if (const Named* found = named(origin); found && found->name) {
        settle(waiting, *found);
        break;
      }
      const Instance* next = instance(origin);
      origin = next ? next->origin : 0;
    }
  }
}

void IndexBuilder::resolve_rest() {
  resolve(0);
  for (Instance& waiting : instances_) {
    DieKey origin = waiting.is_done ? 0 : waiting.origin;
    for (int i = 0; i < kMaxOriginChain && origin != 0; ++i) {
      const Die die = session_.die(origin);
      const DieKey next = origin_of(die);
      if (const char* name = die.name(); name && next == 0) {
        const Named* known = named(origin);  // not: declared inside a function
        settle(waiting, known ? *known : Named{origin, 0, name});
        break;
      }
      origin = next;
    }
  }
}

void IndexBuilder::absorb(IndexBuilder&& other) {
  std::vector<std::uint32_t> scopes = {0};
  scopes_.keep = false;
  for (std::size_t i = 1; i < other.scopes_.names.size(); ++i) {
    const Key& scope = other.scopes_.names[i];
    scopes.push_back(scope_id(scopes[scope.scope], scope.name));
  }
  const auto merge = [&scopes](Table& to, const Table& from) {
    std::vector<std::uint32_t> ids;
    to.keep = false;  // `from` keeps them
    for (const Key& key : from.names) ids.push_back(to.intern({scopes[key.scope], key.name}));
    for (const Found& found : from.found) to.found.push_back({ids[found.id], found.is_abstract, found.key});
  };
  merge(functions_, other.functions_);
  merge(types_, other.types_);
  merge(variables_, other.variables_);
  named_.reserve(named_.size() + other.named_.size());
  for (const Named& entry : other.named_) named_.push_back({entry.key, scopes[entry.scope], entry.name});
  instances_.insert(instances_.end(), other.instances_.begin(), other.instances_.end());
  kept_.push_back(std::move(other.functions_.kept));
  kept_.push_back(std::move(other.types_.kept));
  kept_.push_back(std::move(other.variables_.kept));
  kept_.push_back(std::move(other.scopes_.kept));
  other.named_ = {};
}

std::uint32_t IndexBuilder::scope_id(std::uint32_t parent, std::string_view name) {
  return scopes_.intern({parent, name});
}

const IndexBuilder::Named* IndexBuilder::named(DieKey key) const {
  const auto begin = named_.begin() + static_cast<std::ptrdiff_t>(first_named_);
  const auto it = std::lower_bound(begin, named_.end(), key,
                                   [](const Named& entry, DieKey value) { return entry.key < value; });
  return it != named_.end() && it->key == key ? &*it : nullptr;
}

const IndexBuilder::Instance* IndexBuilder::instance(DieKey key) const {
  const auto it = std::lower_bound(instances_.begin(), instances_.end(), key,
                                   [](const Instance& entry, DieKey value) { return entry.key < value; });
  return it != instances_.end() && it->key == key ? &*it : nullptr;
}

namespace {

// Units [0, half) hold half of the bytes.
std::size_t halfway(const std::vector<Unit>& units, std::uint64_t total) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    sum += size_of(units[i]);
    if (sum * 2 >= total) return i + 1;
  }
  return units.size();
}

}  // namespace

std::vector<std::byte> build_index(const DwarfSession& session, std::uint64_t identity) {
  const std::vector<Unit>& units = session.units();
  std::uint64_t total = 0;
  for (const Unit& unit : units) total += size_of(unit);
  const auto second_session = total < kParallelBytes || units.size() < 2 ? nullptr : session.another();
  IndexBuilder first(session);
  const std::size_t half = second_session ? halfway(units, total) : units.size();
  IndexBuilder second(second_session ? *second_session : session);
  std::exception_ptr first_failure;
  std::exception_ptr second_failure;
  std::thread worker;
  if (second_session) {
    worker = std::thread([&] { second.run(units, half, units.size(), second_failure); });
  }
  first.run(units, 0, half, first_failure);
  if (worker.joinable()) worker.join();
  if (first_failure) std::rethrow_exception(first_failure);
  if (second_failure) std::rethrow_exception(second_failure);
  if (second_session) first.absorb(std::move(second));
  first.resolve_rest();
  return first.bytes(identity);
}

}  // namespace backsight::probes
