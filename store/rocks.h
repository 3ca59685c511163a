// The store's only door to RocksDB: how a partition's database is opened, and
// what its errors mean here. Internal to store/; nobody else includes it.
#pragma once

#include "schema/result.h"

#include <rocksdb/db.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::store {

// Column families of a partition, in the order of Database::family().
enum class Family : std::uint8_t { kDefault, kMeta, kHot, kCold, kIdx, kKeyframes };
inline constexpr std::size_t kFamilyCount = 6;
const char* to_string(Family family);

// What all databases of one writer share: block cache, write buffers, file manager.
class RocksShared {
 public:
  RocksShared(std::uint64_t cache_bytes, std::uint64_t write_buffer_bytes);
  const rocksdb::DBOptions& db_options() const { return db_options_; }
  const rocksdb::ColumnFamilyOptions& family_options() const { return family_options_; }

 private:
  rocksdb::DBOptions db_options_;
  rocksdb::ColumnFamilyOptions family_options_;
};

// An open database. Secondary instances keep their files in a private
// temporary directory, which ends with them.
class Database {
 public:
  Database(rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> handles, std::string temporary);
  ~Database();
  Database(Database&&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<std::size_t>(family)];
  }
  // The value under `key`; kNotFound.
  schema::Result<std::string> get(Family family, std::string_view key) const;
  std::unique_ptr<rocksdb::Iterator> iterate(Family family) const;
  // Flushes everything and closes, so that it needs no write-ahead log.
  schema::Result<void> seal();

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::string temporary_;
};

// The write-ahead log's end: a torn last record is what kill -9 leaves, and
// nothing acknowledged is in it; anything else is damage.
enum class LogEnd : std::uint8_t { kClean, kDamaged };

struct OpenedDatabase {
  std::unique_ptr<Database> database;
  LogEnd log_end = LogEnd::kClean;
};

// For the one writer. `create`: all families at once, in a new directory. A damaged log is
// recovered up to the damage.
schema::Result<OpenedDatabase> open_primary(const std::string& path, bool create, const RocksShared& shared);
// For readers, of a database that nobody writes any more.
schema::Result<OpenedDatabase> open_sealed(const std::string& path);
// For readers, next to its writer: everything written before the call is seen.
schema::Result<OpenedDatabase> open_live(const std::string& path);

// The databases of moments have the default family alone.
schema::Result<std::unique_ptr<Database>> open_plain_primary(const std::string& path);
schema::Result<std::unique_ptr<Database>> open_plain_live(const std::string& path);

schema::Error to_error(const rocksdb::Status& status, const std::string& what);

inline rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

}  // namespace backsight::store
