#include "probes/debug_index.h"

#include "probes/index_builder.h"
#include "probes/language.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 48;
constexpr int kMaxOriginChain = 4;
constexpr std::size_t kMaxCompared = 64;
constexpr std::uint64_t kMaxIndexBytes = 4ull << 30;
constexpr std::string_view kAnonymousNamespace = "(anonymous namespace)";

// The entry with the name of one that has none.
DieKey origin_of(const Die& die) {
  for (const Dwarf_Half attribute : {DW_AT_abstract_origin, DW_AT_specification, DW_AT_signature}) {
    if (const auto origin = die.reference(attribute)) return *origin;
  }
  return 0;
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

bool is_class(Dwarf_Half tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

// Two files may each have their own type of a name, where the language does not forbid it.
bool agree(const Die& a, const Die& b) {
  if (!is_class(a.tag()) || !is_class(b.tag())) return true;
  return a.unsigned_value(DW_AT_byte_size) == b.unsigned_value(DW_AT_byte_size) &&
         a.unsigned_value(DW_AT_decl_line) == b.unsigned_value(DW_AT_decl_line);
}

// "a<b::c>::d" → "d". What stands behind "operator" is part of the name.
std::string_view last_part(std::string_view name) {
  const auto at = name.rfind("operator");
  if (at != std::string_view::npos && (at == 0 || (at >= 2 && name.substr(at - 2, 2) == "::"))) {
    return name.substr(at);
  }
  int nesting = 0;
  for (std::size_t i = name.size(); i-- > 1;) {
    if (name[i] == '>') ++nesting;
    if (name[i] == '<') --nesting;
    if (nesting == 0 && name[i] == ':' && name[i - 1] == ':') return name.substr(i + 1);
  }
  return name;
}

std::string cache_key(const DwarfSession& session) {
  char hash[24];
  std::snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(session.identity()));
  const std::string& id = session.file().build_id();
  return (id.empty() ? "0" : id) + "-" + hash;
}

}  // namespace

IndexBytes::IndexBytes(std::vector<std::byte> owned) : owned_(std::move(owned)), bytes_(owned_) {}

std::unique_ptr<IndexBytes> IndexBytes::map(int descriptor) {
  struct stat status {};
  std::unique_ptr<IndexBytes> result;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
      static_cast<std::uint64_t>(status.st_size) <= kMaxIndexBytes) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapped != MAP_FAILED) {
      result.reset(new IndexBytes);
      result->mapped_ = mapped;
      result->bytes_ = {static_cast<const std::byte*>(mapped), size};
    }
  }
  ::close(descriptor);
  return result;
}

IndexBytes::~IndexBytes() {
  if (mapped_) ::munmap(mapped_, bytes_.size());
}

DebugIndex::DebugIndex(const DwarfSession& session, FileSource* files) : session_(session) {
  const std::string key = files ? cache_key(session) : std::string();
  if (files) {
    if (const auto opened = files->open_index(key)) {
      is_cached_ = accept(IndexBytes::map(*opened), session.identity());
    }
  }
  if (is_cached_) return;
  auto built = std::make_unique<IndexBytes>(build_index(session, session.identity()));
  // What is not there today may be there tomorrow: only a whole index is kept.
  if (files && session.complete()) (void)files->save_index(key, built->bytes());
  accept(std::move(built), session.identity());
}

bool DebugIndex::accept(std::unique_ptr<IndexBytes> bytes, std::uint64_t identity) {
  if (!bytes || bytes->bytes().size() < sizeof(IndexHeader)) return false;
  const auto* header = reinterpret_cast<const IndexHeader*>(bytes->bytes().data());
  const std::string_view checked(reinterpret_cast<const char*>(header), offsetof(IndexHeader, checksum));
  if (header->magic != kIndexMagic || header->version != kIndexVersion || header->identity != identity ||
      header->file_size != bytes->bytes().size() || header->checksum != index_checksum(checked)) {
    return false;
  }
  for (const IndexPartHeader& range : header->parts) {
    if (range.offset % 8 != 0 || range.offset > header->file_size ||
        range.size > header->file_size - range.offset) {
      return false;
    }
  }
  header_ = header;
  bytes_ = std::move(bytes);
  functions_.clear();
  const auto rows = part<IndexEntry>(IndexPart::kFunctions);
  functions_.reserve(rows.size());
  for (const IndexEntry& row : rows) {
    functions_.push_back({row.scope, text(row.name, row.length), keys(row.first, row.count),
                          keys(std::uint64_t{row.first} + row.count, row.abstract)});
  }
  return true;
}

template <class T>
std::span<const T> DebugIndex::part(IndexPart which) const {
  const IndexPartHeader& range = header_->parts[static_cast<std::size_t>(which)];
  const std::byte* begin = bytes_->bytes().data() + range.offset;
  return {reinterpret_cast<const T*>(begin), range.size / sizeof(T)};
}

std::string_view DebugIndex::text(std::uint32_t name, std::uint32_t length) const {
  const auto strings = part<char>(IndexPart::kStrings);
  if (name > strings.size() || length > strings.size() - name) return {};
  return {strings.data() + name, length};
}

std::span<const DieKey> DebugIndex::keys(std::uint64_t first, std::uint64_t count) const {
  const auto all = part<DieKey>(IndexPart::kKeys);
  if (first > all.size() || count > all.size() - first) return {};
  return all.subspan(first, count);
}

std::span<const IndexLookup> DebugIndex::candidates(IndexPart lookup, std::uint32_t hash) const {
  const auto all = part<IndexLookup>(lookup);
  const auto begin =
      std::lower_bound(all.begin(), all.end(), hash,
                       [](const IndexLookup& entry, std::uint32_t value) { return entry.hash < value; });
  auto end = begin;
  while (end != all.end() && end->hash == hash) ++end;
  return {begin, end};
}

std::vector<const FunctionEntry*> DebugIndex::functions_named(std::string_view written) const {
  std::vector<const FunctionEntry*> result;
  const std::string_view bare = without_arguments(last_part(written));
  for (const IndexLookup& found : candidates(IndexPart::kFunctionLookup, hash_of(0, bare))) {
    if (found.entry >= functions_.size()) continue;
    const FunctionEntry& entry = functions_[found.entry];
    if (without_arguments(entry.name) == bare) result.push_back(&entry);
  }
  return result;
}

ScopeId DebugIndex::scope_of(DieKey key) const {
  const auto all = part<DieKey>(IndexPart::kNamedKeys);
  const auto scopes = part<ScopeId>(IndexPart::kNamedScopes);
  const auto it = std::lower_bound(all.begin(), all.end(), key);
  const auto at = static_cast<std::size_t>(it - all.begin());
  return it != all.end() && *it == key && at < scopes.size() ? scopes[at] : 0;
}

std::string DebugIndex::join(ScopeId scope, std::string_view name) const {
  std::string result(name);
  const auto scopes = part<IndexScope>(IndexPart::kScopes);
  while (scope != 0 && scope < scopes.size()) {
    const IndexScope& entry = scopes[scope];
    result = std::string(text(entry.name, entry.length)) + "::" + result;
    if (entry.parent >= scope) break;
    scope = entry.parent;
  }
  return result;
}

bool DebugIndex::is_in_anonymous_namespace(ScopeId scope) const {
  const auto scopes = part<IndexScope>(IndexPart::kScopes);
  while (scope != 0 && scope < scopes.size()) {
    const IndexScope& entry = scopes[scope];
    if (text(entry.name, entry.length) == kAnonymousNamespace) return true;
    if (entry.parent >= scope) break;
    scope = entry.parent;
  }
  return false;
}

std::string DebugIndex::qualified_name(const Die& die) const {
  if (const char* name = die.name()) return join(scope_of(die.key()), name);
  DieKey origin = origin_of(die);
  for (int i = 0; i < kMaxOriginChain && origin != 0; ++i) {
    const Die target = session_.die(origin);
    if (const char* name = target.name()) return join(scope_of(origin), name);
    origin = origin_of(target);
  }
  return {};
}

// Splits at each "::" that is not inside template arguments.
bool DebugIndex::split(std::string_view qualified, ScopeId& scope, std::string_view& name) const {
  const auto scopes = part<IndexScope>(IndexPart::kScopes);
  scope = 0;
  int nesting = 0;
  std::size_t begin = 0;
  if (qualified.substr(0, 2) == "::") qualified.remove_prefix(2);
  for (std::size_t i = 0; i + 1 < qualified.size(); ++i) {
    if (qualified[i] == '<' || qualified[i] == '(') ++nesting;
    if (qualified[i] == '>' || qualified[i] == ')') --nesting;
    if (nesting != 0 || qualified[i] != ':' || qualified[i + 1] != ':') continue;
    const std::string_view part_name = qualified.substr(begin, i - begin);
    bool is_found = false;
    for (const IndexLookup& found : candidates(IndexPart::kScopeLookup, hash_of(scope, part_name))) {
      if (found.entry >= scopes.size() || scopes[found.entry].parent != scope) continue;
      if (text(scopes[found.entry].name, scopes[found.entry].length) != part_name) continue;
      scope = found.entry;
      is_found = true;
      break;
    }
    if (!is_found) return false;
    begin = i + 2;
    ++i;
  }
  name = qualified.substr(begin);
  return true;
}

const IndexEntry* DebugIndex::find(IndexPart which, IndexPart lookup, std::string_view qualified) const {
  ScopeId scope = 0;
  std::string_view name;
  if (!split(qualified, scope, name)) return nullptr;
  const auto entries = part<IndexEntry>(which);
  for (const IndexLookup& found : candidates(lookup, hash_of(scope, name))) {
    if (found.entry >= entries.size()) continue;
    const IndexEntry& entry = entries[found.entry];
    if (entry.scope == scope && text(entry.name, entry.length) == name) return &entry;
  }
  return nullptr;
}

std::vector<DieKey> DebugIndex::types_named(std::string_view qualified) const {
  const IndexEntry* entry = find(IndexPart::kTypes, IndexPart::kTypeLookup, qualified);
  if (!entry) return {};
  const auto found = keys(entry->first, entry->count);
  return {found.begin(), found.end()};
}

DieKey DebugIndex::type_named(std::string_view qualified, DieKey near) const {
  const IndexEntry* entry = find(IndexPart::kTypes, IndexPart::kTypeLookup, qualified);
  if (!entry) return 0;
  const auto all = keys(entry->first, entry->count);
  if (all.empty()) return 0;
  if (const Unit* unit = near != 0 ? session_.unit_of(near) : nullptr) {
    // Keys of a unit lie together.
    const auto it = std::lower_bound(all.begin(), all.end(), unit->die);
    if (it != all.end() && *it < unit->end) return *it;
  }
  if (all.size() > 1 || near != 0) {
    if (is_in_anonymous_namespace(entry->scope)) return 0;
  }
  const Die first = session_.die(all[0]);
  for (std::size_t i = 1; i < all.size() && i < kMaxCompared; ++i) {
    if (!agree(first, session_.die(all[i]))) return 0;
  }
  return all[0];
}

std::vector<DieKey> DebugIndex::variables_named(std::string_view qualified) const {
  const IndexEntry* entry = find(IndexPart::kVariables, IndexPart::kVariableLookup, qualified);
  if (!entry) return {};
  const auto found = keys(entry->first, entry->count);
  return {found.begin(), found.end()};
}

void DebugIndex::for_each_variable_name(const std::function<void(const std::string&)>& visit) const {
  for (const IndexEntry& entry : part<IndexEntry>(IndexPart::kVariables)) {
    visit(join(entry.scope, text(entry.name, entry.length)));
  }
}

std::size_t DebugIndex::count_inlined_copies(std::span<const DieKey> abstract) const {
  const std::unordered_set<DieKey> wanted(abstract.begin(), abstract.end());
  std::size_t count = 0;
  for (const Unit& unit : session_.units()) {
    if (const Die top = session_.die(unit.die)) count_inlined(top, wanted, 0, count);
  }
  return count;
}

}  // namespace backsight::probes
