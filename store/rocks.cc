#include "store/rocks.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

namespace fs = std::filesystem;
using Descriptors = std::vector<rocksdb::ColumnFamilyDescriptor>;
using Handles = std::vector<rocksdb::ColumnFamilyHandle*>;

// Readers must not leave log files in a directory that is not theirs; and this
// build of RocksDB asserts in its own log file when the disk is full.
class SilentLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// RocksDB's own recovery from a full disk can lock up (the writer waits, with
// the mutex held, for a recovery thread that needs it); ours closes and reopens.
class NoRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::ColumnFamilyOptions base_family_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::ColumnFamilyOptions options;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kDisableCompressionOption;
  options.write_buffer_size = 8 << 20;
  options.arena_block_size = 64 << 10;  // a quiet family must not count as a full buffer
  options.paranoid_file_checks = true;
  return options;
}

rocksdb::DBOptions base_db_options() {
  rocksdb::DBOptions options;
  options.max_open_files = -1;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = true;
  options.info_log = std::make_shared<SilentLogger>();
  return options;
}

// One for all readers of the process.
const rocksdb::ColumnFamilyOptions& reader_family_options() {
  static const rocksdb::ColumnFamilyOptions options = base_family_options(rocksdb::NewLRUCache(32 << 20));
  return options;
}

Descriptors all_families(const rocksdb::ColumnFamilyOptions& options) {
  Descriptors families;
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    families.emplace_back(to_string(static_cast<Family>(i)), options);
  }
  return families;
}

Descriptors default_family(const rocksdb::ColumnFamilyOptions& options) {
  return {{rocksdb::kDefaultColumnFamilyName, options}};
}

std::unique_ptr<Database> make_database(rocksdb::DB* db, Handles handles, std::string temporary = {}) {
  return std::make_unique<Database>(db, std::move(handles), std::move(temporary));
}

// Opens with a log that may end torn; where it is damaged otherwise, again up to the damage.
template <class Open>
Result<OpenedDatabase> open_with_log_check(rocksdb::DBOptions options, const std::string& path, Open open) {
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  auto first = open(options);
  if (first || first.error().code != ErrorCode::kCorrupt) {
    if (!first) return first.error();
    return OpenedDatabase{std::move(*first), LogEnd::kClean};
  }
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  auto second = open(options);
  if (!second) return second.error().within(path);
  return OpenedDatabase{std::move(*second), LogEnd::kDamaged};
}

// Which manifest is current, and its length: changes with every flush.
std::string manifest_state(const std::string& path) {
  std::ifstream current(path + "/CURRENT");
  std::string name;
  std::getline(current, name);
  struct stat info {};
  if (name.empty() || ::stat((path + "/" + name).c_str(), &info) != 0) return {};
  return name + ":" + std::to_string(info.st_size);
}

Result<std::string> make_temporary_directory() {
  std::error_code ignored;
  fs::path base = fs::temp_directory_path(ignored);
  if (base.empty()) base = "/tmp";
  std::string name = (base / "backsight-read-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return make_error(ErrorCode::kIo, "cannot create a temporary directory in " + base.string(),
                      "set TMPDIR to a directory that can be written");
  }
  return name;
}

// A secondary replays the log files that it finds after it read the manifest;
// a flush between the two would hide what it moved. So: again until the
// manifest stood still meanwhile.
Result<std::unique_ptr<Database>> open_secondary(const rocksdb::DBOptions& options, const std::string& path,
                                                 const Descriptors& families) {
  constexpr int kAttempts = 40;
  schema::Error last;
  int failed_standing_still = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(std::min(attempt * 5, 50)));
    auto temporary = make_temporary_directory();
    if (!temporary) return temporary.error();
    const std::string before = manifest_state(path);
    rocksdb::DB* db = nullptr;
    Handles handles;
    const auto status = rocksdb::DB::OpenAsSecondary(options, path, *temporary, families, &handles, &db);
    if (!status.ok()) {
      std::error_code ignored;
      fs::remove_all(*temporary, ignored);
      last = to_error(status, path);
      if (manifest_state(path) != before) continue;
      const bool final = status.IsCorruption() || last.code == ErrorCode::kPermission;
      if (final || ++failed_standing_still >= 5) return last;
      continue;
    }
    auto database = make_database(db, std::move(handles), *temporary);
    for (int catch_up = 0; catch_up < 5; ++catch_up) {
      if (manifest_state(path) == before && !before.empty()) return database;
      const std::string again = manifest_state(path);
      if (!database->db().TryCatchUpWithPrimary().ok()) break;
      if (manifest_state(path) == again) return database;
    }
    last = make_error(ErrorCode::kBusy, path + ": its files change faster than they can be opened");
  }
  return last;
}

template <class Call>
auto guarded(const std::string& path, Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& exception) {
    return make_error(ErrorCode::kInternal, path + ": " + exception.what());
  }
}

}  // namespace

const char* to_string(Family family) {
  switch (family) {
    case Family::kDefault:
      return "default";
    case Family::kMeta:
      return "meta";
    case Family::kHot:
      return "hot";
    case Family::kCold:
      return "cold";
    case Family::kIdx:
      return "idx";
    case Family::kKeyframes:
      return "kf";
  }
  return "?";
}

RocksShared::RocksShared(std::uint64_t cache_bytes, std::uint64_t write_buffer_bytes)
    : db_options_(base_db_options()) {
  auto cache = rocksdb::NewLRUCache(cache_bytes);
  family_options_ = base_family_options(cache);
  db_options_.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(write_buffer_bytes, cache);
  db_options_.sst_file_manager.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  db_options_.listeners.push_back(std::make_shared<NoRecovery>());
  db_options_.max_bgerror_resume_count = 0;
  // All families move from the log to files together: no log is kept for the
  // sake of a quiet family, and none can be ahead of another after a damage.
  db_options_.atomic_flush = true;
  db_options_.stats_dump_period_sec = 0;
  db_options_.stats_persist_period_sec = 0;
}

Database::Database(rocksdb::DB* db, Handles handles, std::string temporary)
    : db_(db), handles_(std::move(handles)), temporary_(std::move(temporary)) {}

Database::~Database() {
  if (db_) {
    for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
    db_->Close().PermitUncheckedError();
    db_.reset();
  }
  if (!temporary_.empty()) {
    std::error_code ignored;
    fs::remove_all(temporary_, ignored);
  }
}

Result<std::string> Database::get(Family in, std::string_view key) const {
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions(), family(in), slice(key), &value);
  if (status.IsNotFound()) return make_error(ErrorCode::kNotFound, "no such key");
  if (!status.ok()) return to_error(status, to_string(in));
  return value;
}

std::unique_ptr<rocksdb::Iterator> Database::iterate(Family in) const {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(rocksdb::ReadOptions(), family(in)));
}

Result<void> Database::seal() {
  const auto flushed = db_->Flush(rocksdb::FlushOptions(), handles_);
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  handles_.clear();
  const auto closed = db_->Close();
  db_.reset();
  if (!flushed.ok()) return to_error(flushed, "flush");
  if (!closed.ok()) return to_error(closed, "close");
  return {};
}

Result<OpenedDatabase> open_primary(const std::string& path, bool create, const RocksShared& shared) {
  rocksdb::DBOptions base = shared.db_options();
  base.create_if_missing = create;
  base.error_if_exists = create;
  base.create_missing_column_families = create;
  return guarded(path, [&] {
    return open_with_log_check(
        base, path, [&](const rocksdb::DBOptions& options) -> Result<std::unique_ptr<Database>> {
          rocksdb::DB* db = nullptr;
          Handles handles;
          const auto status =
              rocksdb::DB::Open(options, path, all_families(shared.family_options()), &handles, &db);
          if (!status.ok()) return to_error(status, path);
          return make_database(db, std::move(handles));
        });
  });
}

Result<OpenedDatabase> open_sealed(const std::string& path) {
  return guarded(path, [&] {
    return open_with_log_check(base_db_options(), path,
                               [&](const rocksdb::DBOptions& options) -> Result<std::unique_ptr<Database>> {
                                 rocksdb::DB* db = nullptr;
                                 Handles handles;
                                 const auto status = rocksdb::DB::OpenForReadOnly(
                                     options, path, all_families(reader_family_options()), &handles, &db);
                                 if (!status.ok()) return to_error(status, path);
                                 return make_database(db, std::move(handles));
                               });
  });
}

Result<OpenedDatabase> open_live(const std::string& path) {
  return guarded(path, [&] {
    return open_with_log_check(base_db_options(), path, [&](const rocksdb::DBOptions& options) {
      return open_secondary(options, path, all_families(reader_family_options()));
    });
  });
}

Result<std::unique_ptr<Database>> open_plain_primary(const std::string& path) {
  return guarded(path, [&]() -> Result<std::unique_ptr<Database>> {
    rocksdb::DBOptions options = base_db_options();
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    Handles handles;
    const auto status =
        rocksdb::DB::Open(options, path, default_family(reader_family_options()), &handles, &db);
    if (!status.ok()) return to_error(status, path);
    return make_database(db, std::move(handles));
  });
}

Result<std::unique_ptr<Database>> open_plain_live(const std::string& path) {
  return guarded(
      path, [&] { return open_secondary(base_db_options(), path, default_family(reader_family_options())); });
}

schema::Error to_error(const rocksdb::Status& status, const std::string& what) {
  const std::string text = what + ": " + status.ToString();
  if (status.IsNoSpace() || text.find("No space left") != std::string::npos) {
    return make_error(ErrorCode::kNoSpace, text, "free some space, or shorten the retention");
  }
  if (text.find("Permission denied") != std::string::npos) return make_error(ErrorCode::kPermission, text);
  if (text.find("/LOCK") != std::string::npos || status.IsBusy()) return make_error(ErrorCode::kBusy, text);
  if (status.IsCorruption()) return make_error(ErrorCode::kCorrupt, text);
  if (status.IsNotFound() || status.IsPathNotFound() || text.find("No such file") != std::string::npos) {
    return make_error(ErrorCode::kNotFound, text);
  }
  // "column families not opened", "unknown option": a manifest that is not ours.
  if (status.IsInvalidArgument()) return make_error(ErrorCode::kCorrupt, text);
  return make_error(ErrorCode::kIo, text);
}

}  // namespace backsight::store
