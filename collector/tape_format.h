// Bytes of a tape: framing, checksum, and a bounds-checked reader of payloads.
#pragma once

#include "collector/tape.h"

#include <boost/crc.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace backsight::collector {

inline constexpr char kTapeMagic[8] = {'B', 'S', 'T', 'A', 'P', 'E', '\r', '\n'};
inline constexpr std::uint32_t kLongestTapeRecord = 64u << 20;

struct TapeFrame {
  std::uint32_t length = 0;  // of the payload
  std::uint32_t kind = 0;    // TapeRecordKind
  std::uint32_t crc32c = 0;  // of length, kind and payload
};
static_assert(sizeof(TapeFrame) == 12);

inline std::uint32_t tape_crc(const TapeFrame& frame, std::span<const std::byte> payload) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(&frame, 8);
  crc.process_bytes(payload.data(), payload.size());
  return crc.checksum();
}

// The counters of the first tapes.
struct EarlyTapeCounters {
  std::uint64_t hits, kept, lost[4], run_ns;
};

inline bs_plan_counters counters_of(const EarlyTapeCounters& early) {
  bs_plan_counters counters{};
  counters.hits = early.hits;
  counters.kept = early.kept;
  std::copy(std::begin(early.lost), std::end(early.lost), counters.lost);
  return counters;
}

// Integers little endian, a string as u32 length and bytes, the rest as it is.
class TapePayload {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T> TapePayload& add(const T& value) {
    return add_bytes(std::as_bytes(std::span(&value, 1)));
  }
  TapePayload& add_text(const std::string& text) {
    add(static_cast<std::uint32_t>(text.size()));
    return add_bytes(std::as_bytes(std::span(text)));
  }
  TapePayload& add_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class TapeCursor {
 public:
  explicit TapeCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  requires std::is_trivially_copyable_v<T> T take() {
    T value{};
    if (bytes_.size() < sizeof value) return failed_ = true, value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  std::string take_text() {
    const auto length = take<std::uint32_t>();
    if (bytes_.size() < length) return failed_ = true, std::string();
    std::string text(reinterpret_cast<const char*>(bytes_.data()), length);
    bytes_ = bytes_.subspan(length);
    return text;
  }
  std::span<const std::byte> rest() const { return bytes_; }
  bool failed() const { return failed_; }

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

}  // namespace backsight::collector
