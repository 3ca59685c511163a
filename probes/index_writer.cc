// IndexBuilder's tables as bytes.
#include "probes/index_builder.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {

std::uint64_t index_builder_id() {
  return index_checksum(BACKSIGHT_INDEX_SOURCES);
}

std::string_view without_arguments(std::string_view name) {
  if (name.empty() || name.back() != '>') return name;
  int nesting = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == '>') ++nesting;
    if (name[i] == '<' && --nesting == 0) {
      const bool is_operator = i >= 8 && name.substr(i - 8, 8) == "operator";
      return i == 0 || is_operator ? name : name.substr(0, i);
    }
  }
  return name;
}

class IndexBuilder::Writer {
 public:
  Writer() : bytes_(sizeof(IndexHeader)) {}

  std::uint32_t text(std::string_view value) {
    const auto [it, is_new] = texts_.try_emplace(value, static_cast<std::uint32_t>(strings_.size()));
    if (is_new) strings_.append(value);
    return it->second;
  }
  template <class T>
  void part(IndexPart which, const std::vector<T>& values) {
    write(which, values.data(), values.size() * sizeof(T));
  }
  void write_strings() { write(IndexPart::kStrings, strings_.data(), strings_.size()); }

  // Entries with their keys in the order found.
  void entries(IndexPart which, IndexPart lookup, const Table& table, bool by_bare_name);
  std::vector<DieKey> keys;

  std::vector<std::byte> finish(std::uint64_t identity, bool is_complete) {
    header_.magic = kIndexMagic;
    header_.version = kIndexVersion;
    header_.complete = is_complete ? 1 : 0;
    header_.identity = identity;
    header_.file_size = bytes_.size();
    header_.checksum =
        index_checksum({reinterpret_cast<const char*>(&header_), offsetof(IndexHeader, checksum)});
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    return std::move(bytes_);
  }

 private:
  void write(IndexPart which, const void* data, std::size_t size) {
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    header_.parts[static_cast<std::size_t>(which)] = {bytes_.size(), size};
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }

  IndexHeader header_{};
  std::vector<std::byte> bytes_;
  std::string strings_;
  std::unordered_map<std::string_view, std::uint32_t> texts_;
};

namespace {

void sort_lookup(std::vector<IndexLookup>& lookup) {
  std::sort(lookup.begin(), lookup.end(), [](const IndexLookup& a, const IndexLookup& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.entry < b.entry;
  });
}

}  // namespace

void IndexBuilder::Writer::entries(IndexPart which, IndexPart lookup, const Table& table, bool by_bare_name) {
  std::vector<IndexEntry> rows(table.names.size());
  std::vector<IndexLookup> hashes;
  for (const Found& found : table.found)
    ++(found.is_abstract ? rows[found.id].abstract : rows[found.id].count);
  auto next = static_cast<std::uint32_t>(keys.size());
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    IndexEntry& row = rows[i];
    const Key& name = table.names[i];
    row.scope = name.scope;
    row.name = text(name.name);
    row.length = static_cast<std::uint32_t>(name.name.size());
    row.first = next;
    next += row.count + row.abstract;
    hashes.push_back(
        {by_bare_name ? hash_of(0, without_arguments(name.name)) : hash_of(name.scope, name.name), i});
  }
  keys.resize(next);
  std::vector<IndexEntry> at = rows;
  for (const Found& found : table.found) {
    IndexEntry& row = at[found.id];
    keys[found.is_abstract ? rows[found.id].first + rows[found.id].count + --row.abstract : row.first++] =
        found.key;
  }
  for (const IndexEntry& row : rows) {  // these were filled from the end
    std::reverse(keys.begin() + row.first + row.count, keys.begin() + row.first + row.count + row.abstract);
  }
  part(which, rows);
  sort_lookup(hashes);
  part(lookup, hashes);
}

std::vector<std::byte> IndexBuilder::bytes(std::uint64_t identity) const {
  Writer writer;
  std::vector<IndexScope> scopes;
  std::vector<IndexLookup> lookup;
  for (std::uint32_t i = 0; i < scopes_.names.size(); ++i) {
    const Key& scope = scopes_.names[i];
    scopes.push_back({scope.scope, writer.text(scope.name), static_cast<std::uint32_t>(scope.name.size())});
    if (i > 0) lookup.push_back({hash_of(scope.scope, scope.name), i});
  }
  sort_lookup(lookup);
  writer.part(IndexPart::kScopes, scopes);
  writer.part(IndexPart::kScopeLookup, lookup);
  writer.entries(IndexPart::kFunctions, IndexPart::kFunctionLookup, functions_, true);
  writer.entries(IndexPart::kTypes, IndexPart::kTypeLookup, types_, false);
  writer.entries(IndexPart::kVariables, IndexPart::kVariableLookup, variables_, false);
  writer.part(IndexPart::kKeys, writer.keys);
  std::vector<DieKey> keys;
  std::vector<std::uint32_t> owners;
  keys.reserve(named_.size());
  owners.reserve(named_.size());
  for (const Named& named : named_) {
    keys.push_back(named.key);
    owners.push_back(named.scope);
  }
  writer.part(IndexPart::kNamedKeys, keys);
  writer.part(IndexPart::kNamedScopes, owners);
  writer.write_strings();
  return writer.finish(identity, session_.complete());
}

}  // namespace backsight::probes
