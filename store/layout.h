// Where things are below a store directory:
//
//   LOCK                    held (flock) by the collector; its pid as text
//   VERSION                 "backsight-store 1"
//   BOOTS                   one line for each boot seen: id, base, checksum
//   moments/                RocksDB: named moments and pins
//   services/NAME/PART/     RocksDB: one time partition of a service
//
// NAME is the service's name with everything but [A-Za-z0-9_-] and inner dots
// percent-encoded. PART is the sequence of its first row and the wall time of
// its beginning, "00000000000000000001-20261122T100300.000000000Z": the order of
// names is the order of sequences, whatever the wall clock does. A partition in
// the making has ".new" behind its name.
#pragma once

#include "schema/ids.h"
#include "schema/result.h"
#include "schema/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::store {

inline constexpr std::uint32_t kStoreVersion = 1;

std::string service_directory(const std::string& store_path, std::string_view service);
std::string moments_directory(const std::string& store_path);
// Names of services, sorted. kNotFound where there is no store.
schema::Result<std::vector<std::string>> find_services(const std::string& store_path);

struct PartitionName {
  schema::Sequence first;
  schema::WallTime created;
  auto operator<=>(const PartitionName&) const = default;

  std::string to_string() const;
  static std::optional<PartitionName> parse(std::string_view name);
};

// Partitions of a service in order; empty where there are none.
std::vector<PartitionName> find_partitions(const std::string& service_path);
// Removes partitions that were never finished.
void remove_unfinished(const std::string& service_path);

// Creates directory, VERSION and what else a store begins with; checks the
// version of one that exists.
schema::Result<void> prepare_store(const std::string& path);
// kNotFound: no store there. kUnsupported: of a later version. kCorrupt: VERSION cannot be read.
schema::Result<void> check_version(const std::string& path);

// The right to write, by flock(2).
class StoreLock {
 public:
  // kBusy names the process that holds it.
  static schema::Result<StoreLock> acquire(const std::string& store_path);
  ~StoreLock();
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&&) = delete;

 private:
  explicit StoreLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// The base of a boot (StoreWriter::boot_base_ns), if BOOTS has it.
std::optional<std::int64_t> find_boot_base(const std::string& store_path, const std::string& boot_id);
// Whether every line of BOOTS is as it was written.
bool check_boots(const std::string& store_path);
schema::Result<void> add_boot_base(const std::string& store_path, const std::string& boot_id,
                                   std::int64_t base_ns);

// Bytes of the files directly in `directory`.
std::uint64_t directory_bytes(const std::string& directory);
schema::Result<void> sync_directory(const std::string& path);
// Bytes that this user may still write there; nothing if that cannot be told.
std::optional<std::uint64_t> free_bytes(const std::string& path);

}  // namespace backsight::store
