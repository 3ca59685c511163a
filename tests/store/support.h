// Helpers of the store's tests: temporary stores and generated rows.
#pragma once

#include "schema/event.h"
#include "store/timeline.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace backsight::store::test {

template <class T>
T must(schema::Result<T> result) {
  if (!result) FAIL(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // In memory where possible: what is tested does not depend on the disk, whose fsync takes long.
    std::string name = "/dev/shm/backsight-store-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      name = (std::filesystem::temp_directory_path() / "backsight-store-test-XXXXXX").string();
      REQUIRE(::mkdtemp(name.data()) != nullptr);
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& below) const { return path_ + "/" + below; }

 private:
  std::string path_;
};

inline StoreOptions options_for(const std::string& path, const std::string& boot_id = "boot-1") {
  StoreOptions options;
  options.path = path;
  options.boot_id = boot_id;
  options.host = "h1";
  options.min_free_bytes = 0;
  return options;
}

struct RowSpec {
  schema::EventKind kind = schema::EventKind::kEntry;
  std::int64_t time_ns = 0;
  std::uint64_t process = 1;
  std::uint32_t tid = 1;
  std::uint64_t plan = 1;
  std::uint64_t frame = 0x7000;
  std::uint64_t tag = 0;  // carried in an item, to tell rows apart
  std::size_t payload_bytes = 24;
};

inline std::vector<std::byte> make_row(const RowSpec& spec) {
  schema::EventHeader header;
  header.kind = static_cast<std::uint16_t>(spec.kind);
  header.boot_ns = spec.time_ns;
  header.source_seq = spec.tag;
  header.tid = spec.tid;
  header.process = spec.process;
  header.plan = spec.plan;
  header.frame = spec.frame;
  std::vector<std::byte> bytes(std::max<std::size_t>(spec.payload_bytes, 8));
  std::mt19937_64 random(spec.tag);
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 24) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  schema::ItemHeader item;
  item.length = static_cast<std::uint32_t>(bytes.size());
  return schema::EventBuilder(header).add_item(item, bytes).finish();
}

inline void add_row(std::vector<std::byte>& rows, const RowSpec& spec) {
  const auto row = make_row(spec);
  rows.insert(rows.end(), row.begin(), row.end());
}

// `count` rows of 1 ms distance; tags and times go on from `from`.
inline std::vector<std::byte> make_rows(std::uint64_t from, std::uint64_t count, std::int64_t base_ns = 0) {
  std::vector<std::byte> rows;
  for (std::uint64_t i = from; i < from + count; ++i) {
    RowSpec spec;
    spec.kind = i % 2 == 0 ? schema::EventKind::kEntry : schema::EventKind::kReturn;
    spec.time_ns = base_ns + static_cast<std::int64_t>(i) * 1'000'000;
    spec.tag = i;
    add_row(rows, spec);
  }
  return rows;
}

inline constexpr schema::BootTime kEver{INT64_MAX};
inline constexpr schema::BootTime kAlways{INT64_MIN};

struct SeenRow {
  std::uint64_t sequence, tag;
  std::int64_t time_ns;
  bool operator==(const SeenRow&) const = default;
};

inline std::vector<SeenRow> scan_all(TimelineReader& reader, schema::BootTime from = kAlways,
                                     schema::BootTime to = kEver) {
  std::vector<SeenRow> rows;
  must(reader.scan(from, to, [&](const StoredEvent& stored) {
    rows.push_back({stored.sequence.value, stored.event.header().source_seq, stored.event.header().boot_ns});
    return true;
  }));
  return rows;
}

}  // namespace backsight::store::test
