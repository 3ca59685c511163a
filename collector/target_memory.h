// The memory of one program image, read without stopping it. The descriptor is
// of the image that ran when it was opened: after exec or exit it says so, and
// never shows what came in its place.
#pragma once

#include "collector/descriptor.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace backsight::collector {

enum class MemoryRead : std::uint8_t {
  kDone,
  kBadAddress,  // a part of it is no readable memory
  kGone,        // the image has ended
};

class MemorySource {
 public:
  virtual ~MemorySource() = default;
  virtual MemoryRead read(std::uint64_t from, std::span<std::byte> to) = 0;
};

// /proc/PID/mem. Pages that are not in memory are brought in, as if the process
// had read them, on the time of who reads.
class ProcessMemory final : public MemorySource {
 public:
  // kNotFound: gone. kPermission: it needs CAP_SYS_PTRACE.
  static schema::Result<ProcessMemory> open(std::uint32_t pid);
  MemoryRead read(std::uint64_t from, std::span<std::byte> to) override;

 private:
  explicit ProcessMemory(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

// A file as a process has it mapped, and a place in its code.
struct CodeAnchor {
  std::uint64_t inode = 0;
  std::string path;           // as the process sees it
  std::uint64_t address = 0;  // link-time
  std::uint64_t offset = 0;   // the same in the file
};
// What to add to link-time addresses. Nothing: the file is not mapped there. Pure.
std::optional<std::uint64_t> find_load_bias(const std::string& maps, const CodeAnchor& anchor);
// Reads /proc/PID/maps; kNotFound: gone; kUnsupported: not mapped.
schema::Result<std::uint64_t> read_load_bias(std::uint32_t pid, const CodeAnchor& anchor);

}  // namespace backsight::collector
