#include "store/bytes.h"

#include <nmmintrin.h>

#include <bit>
#include <cstring>

namespace backsight::store {

static_assert(std::endian::native == std::endian::little, "the store's frames are little endian");

namespace {

__attribute__((target("sse4.2"))) std::uint32_t crc32c_hardware(std::string_view bytes, std::uint32_t crc) {
  std::uint64_t state = ~crc;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = _mm_crc32_u64(state, word);
    bytes.remove_prefix(8);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (char c : bytes) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(c));
  return ~narrow;
}

// For processors older than 2008: slow, and the same.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc) {
  std::uint32_t state = ~crc;
  for (char c : bytes) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) state = state >> 1 ^ (state & 1 ? 0x82F63B78u : 0);
  }
  return ~state;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  static const bool hardware = __builtin_cpu_supports("sse4.2") != 0;
  return hardware ? crc32c_hardware(bytes, crc) : crc32c_portable(bytes, crc);
}

void append_be32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_be64(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_be64_signed(std::string& out, std::int64_t value) {
  append_be64(out, static_cast<std::uint64_t>(value) ^ (1ull << 63));
}

std::string be64(std::uint64_t value) {
  std::string out;
  append_be64(out, value);
  return out;
}

std::string be64_signed(std::int64_t value) {
  std::string out;
  append_be64_signed(out, value);
  return out;
}

std::uint64_t read_be64(std::string_view key) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(key[i]);
  return value;
}

std::int64_t read_be64_signed(std::string_view key) {
  return static_cast<std::int64_t>(read_be64(key) ^ (1ull << 63));
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_zigzag(std::string& out, std::uint64_t value) {
  append_varint(out, value << 1 ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> 63));
}

void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out.append(text);
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  failed_ = true;
  rest_ = {};
  return 0;
}

std::uint64_t ByteReader::zigzag() {
  const std::uint64_t value = varint();
  return value >> 1 ^ (0 - (value & 1));
}

std::uint64_t ByteReader::fixed64() {
  if (rest_.size() < 8) {
    failed_ = true;
    rest_ = {};
    return 0;
  }
  const std::uint64_t value = read_be64(rest_);
  rest_.remove_prefix(8);
  return value;
}

std::string ByteReader::text() {
  const std::uint64_t size = varint();
  if (failed_ || size > rest_.size()) {
    failed_ = true;
    rest_ = {};
    return {};
  }
  std::string out(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return out;
}

std::string seal_value(std::string_view key, std::string_view payload) {
  const std::uint32_t crc = crc32c(payload, crc32c(key));
  std::string out(sizeof crc, '\0');
  std::memcpy(out.data(), &crc, sizeof crc);
  out.append(payload);
  return out;
}

std::optional<std::string_view> open_value(std::string_view key, std::string_view value) {
  std::uint32_t crc = 0;
  if (value.size() < sizeof crc) return std::nullopt;
  std::memcpy(&crc, value.data(), sizeof crc);
  const std::string_view payload = value.substr(sizeof crc);
  if (crc32c(payload, crc32c(key)) != crc) return std::nullopt;
  return payload;
}

}  // namespace backsight::store
