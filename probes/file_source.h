// How the planner reaches files: planning may run in a process that is not
// allowed to open any, and then asks another one for descriptors.
#pragma once

#include "schema/result.h"

#include <cstddef>
#include <span>
#include <string>

namespace backsight::probes {

// Opens files for reading. Thread-safe.
class FileSource {
 public:
  virtual ~FileSource() = default;
  // A descriptor that the caller closes; kNotFound, kPermission, kIo.
  virtual schema::Result<int> open_file(const std::string& path) = 0;

  // The cache of indexes, one file per key (lower-case hex, '-' and digits only).
  // kNotFound where there is none.
  virtual schema::Result<int> open_index(const std::string& key) = 0;
  // Replaces it atomically; a cache that cannot be written is no error of planning.
  virtual schema::Result<void> save_index(const std::string& key, std::span<const std::byte> bytes) = 0;
};

}  // namespace backsight::probes
