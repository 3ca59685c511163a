// The index of a file's debug information as bytes: what the cache keeps and what
// DebugIndex reads in place (docs/format/index.md). Little endian; arrays begin
// at multiples of 8.
//
//   IndexHeader | strings | scopes | functions | types | variables | keys
//               | scope lookup | function lookup | type lookup | variable lookup | named keys | named scopes
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace backsight::probes {

inline constexpr std::uint64_t kIndexMagic = 0x315845444e495342;  // "BSINDEX1"
// Of the layout below. What is written into it depends on the code that reads the debug
// information, too: index_builder_id() tells that apart.
inline constexpr std::uint32_t kIndexVersion = 2;

enum class IndexPart : std::uint32_t {
  kStrings,         // bytes, not terminated
  kScopes,          // IndexScope; [0] is the global one
  kFunctions,       // IndexEntry, in the order of the debug information
  kTypes,           // IndexEntry
  kVariables,       // IndexEntry
  kKeys,            // u64: DieKey
  kScopeLookup,     // IndexLookup by hash_of(parent, name)
  kFunctionLookup,  // IndexLookup by hash_of(0, name without template arguments)
  kTypeLookup,      // IndexLookup by hash_of(scope, name)
  kVariableLookup,  // likewise
  kNamedKeys,       // u64, ascending: every named type, function and variable
  kNamedScopes,     // u32, the scope of each
  kCount,
};
inline constexpr std::size_t kIndexParts = static_cast<std::size_t>(IndexPart::kCount);

struct IndexScope {
  std::uint32_t parent;  // less than its own number
  std::uint32_t name;    // offset in strings
  std::uint32_t length;
};

// One qualified name and the entries that have it.
struct IndexEntry {
  std::uint32_t scope;
  std::uint32_t name;
  std::uint32_t length;
  std::uint32_t first;     // in keys
  std::uint32_t count;     // functions: with code; types: definitions
  std::uint32_t abstract;  // functions: abstract entries, behind the others
};

// Sorted by hash.
struct IndexLookup {
  std::uint32_t hash;
  std::uint32_t entry;
};

struct IndexPartHeader {
  std::uint64_t offset;  // from the start of the file
  std::uint64_t size;    // bytes
};

struct IndexHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t complete;  // 0: some unit could not be read
  std::uint64_t identity;  // of the files it was made from
  std::uint64_t file_size;
  std::array<IndexPartHeader, kIndexParts> parts;
  std::uint64_t checksum;  // of all before it
};
static_assert(sizeof(IndexHeader) == 40 + 16 * kIndexParts);

// Changes with the source of what builds indexes (probes/CMakeLists.txt): an index that
// other code has built is never read. Part of the identity.
std::uint64_t index_builder_id();

// FNV-1a, 64 bits.
inline std::uint64_t index_checksum(std::string_view bytes, std::uint64_t seed = 0xcbf29ce484222325ull) {
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return seed;
}

inline std::uint32_t hash_of(std::uint32_t scope, std::string_view name) {
  const std::uint64_t hash = index_checksum(name, 0xcbf29ce484222325ull ^ scope);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

// "f<int>" → "f"; "operator<" and "operator<<" stay.
std::string_view without_arguments(std::string_view name);

}  // namespace backsight::probes
