// Small pieces of the store's own encodings: big-endian keys, varints, CRC32C,
// and sealed values. docs/format/store.md describes all of them.
#pragma once

#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backsight::store {

// CRC32C (Castagnoli, reflected), as in RFC 3720 appendix B.4; `crc` continues
// an earlier call's result.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// Keys: big-endian, so that byte order is numeric order. Signed values have
// their sign bit flipped.
void append_be32(std::string& out, std::uint32_t value);
void append_be64(std::string& out, std::uint64_t value);
void append_be64_signed(std::string& out, std::int64_t value);
std::string be64(std::uint64_t value);
std::string be64_signed(std::int64_t value);
// The first 8 bytes of `key`, which must have that many.
std::uint64_t read_be64(std::string_view key);
std::int64_t read_be64_signed(std::string_view key);

// LEB128 and zigzag, wrapping: any 64-bit value is representable.
void append_varint(std::string& out, std::uint64_t value);
void append_zigzag(std::string& out, std::uint64_t value);  // small in either direction
void append_text(std::string& out, std::string_view text);  // length, bytes

// Reads what append_* wrote; after the first failure everything returns zero
// and failed() stays true.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t varint();
  std::uint64_t zigzag();
  std::uint64_t fixed64();  // big-endian
  std::string text();
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// A value bound to its key: 4 bytes CRC32C (little endian) over key and payload,
// then the payload. A value that strayed under another key does not open.
std::string seal_value(std::string_view key, std::string_view payload);
// The payload within `value`, or nothing if the checksum differs.
std::optional<std::string_view> open_value(std::string_view key, std::string_view value);

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace backsight::store
