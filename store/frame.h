// A frame: up to 64 KiB of consecutive rows, compressed, as one value of the
// hot family under the big-endian sequence of its first row. Little endian:
//
//   0       4       8      12     16      24      32       36      40
//   +-------+-------+------+------+-------+-------+--------+-------+----------+
//   | magic | flags | rows | raw  | tmin  | tmax  | crc32c | zero  | payload  |
//   +-------+-------+------+------+-------+-------+--------+-------+----------+
//
// payload: the rows, zstd level 1 (flags bit 0), or as they are where that is
// not smaller. crc32c covers the key and everything but itself.
#pragma once

#include "schema/event.h"
#include "schema/ids.h"
#include "schema/result.h"
#include "schema/time.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace backsight::store {

inline constexpr std::size_t kFrameRawBytes = 64 << 10;  // unless a single row is larger
inline constexpr std::size_t kMaxFrameRawBytes = 16 << 20;

struct FrameInfo {
  schema::Sequence first;
  std::uint32_t rows = 0;
  std::uint32_t raw_bytes = 0;
  schema::BootTime tmin, tmax;

  schema::Sequence last() const { return {first.value + rows - 1}; }
};

// Compresses and expands frames; holds the contexts so that no call allocates.
class FrameCodec {
 public:
  FrameCodec();
  ~FrameCodec();
  FrameCodec(FrameCodec&&) = delete;

  // Replaces `out` by the value to store under be64(info.first).
  void encode(const FrameInfo& info, std::span<const std::byte> rows, std::string& out);
  // Checks header and checksum, without expanding.
  static schema::Result<FrameInfo> check(std::string_view key, std::string_view value);
  // The rows, valid until the next call: as many as the header says, and each
  // of the size that it gives (what is in them, EventView::parse checks).
  schema::Result<std::span<const std::byte>> expand(std::string_view key, std::string_view value);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// The size of the row at the start of `rows`, or 0 if that is not possible.
std::size_t row_size(std::span<const std::byte> rows);
// The header of the row at the start of `rows`, which row_size() accepted.
schema::EventHeader row_header(std::span<const std::byte> rows);

}  // namespace backsight::store
