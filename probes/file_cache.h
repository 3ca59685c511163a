// A FileSource that opens files itself and keeps indexes in a directory:
// $BACKSIGHT_CACHE_DIR, else /var/cache/backsight for root, else
// $XDG_CACHE_HOME/backsight or ~/.cache/backsight.
#pragma once

#include "probes/file_source.h"

#include <cstdint>
#include <string>

namespace backsight::probes {

class FileCache final : public FileSource {
 public:
  static constexpr std::uint64_t kMaxBytes = 1ull << 30;

  // Makes the directory when something is kept. Empty: nothing is kept.
  explicit FileCache(std::string directory = default_directory(), std::uint64_t max_bytes = kMaxBytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}
  static std::string default_directory();

  schema::Result<int> open_file(const std::string& path) override;
  // Files of others than this user and root are not taken.
  schema::Result<int> open_index(const std::string& key) override;
  // Written beside and renamed; then the least recently used make room.
  schema::Result<void> save_index(const std::string& key, std::span<const std::byte> bytes) override;

 private:
  std::string path_of(const std::string& key) const;
  void make_room() const;

  std::string directory_;
  std::uint64_t max_bytes_;
};

}  // namespace backsight::probes
