#include "probes/debug_guard.h"

#include <cstring>

namespace backsight::probes {

namespace {

template <class T>
bool take(std::span<const std::uint8_t> bytes, std::uint64_t& at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  at += sizeof(T);
  return true;
}

// DWARF 5, 7.28 and 7.29: a sequence of tables, each with the same header.
//
//   length 4 (or ffffffff + 8) | version 2 | address size 1 | segment size 1 | offset count 4 | offsets |
//   lists
bool is_sound(std::span<const std::uint8_t> bytes) {
  std::uint64_t at = 0;
  while (at < bytes.size()) {
    std::uint32_t short_length = 0;
    std::uint16_t version = 0;
    std::uint8_t address_size = 0;
    std::uint8_t segment_size = 0;
    std::uint32_t offsets = 0;
    if (!take(bytes, at, short_length)) return false;
    std::uint64_t length = short_length;
    std::uint64_t offset_size = 4;
    if (short_length == 0xffffffff) {
      if (!take(bytes, at, length)) return false;
      offset_size = 8;
    }
    if (length < 8 || length > bytes.size() - at) return false;
    const std::uint64_t end = at + length;
    if (!take(bytes, at, version) || !take(bytes, at, address_size) || !take(bytes, at, segment_size) ||
        !take(bytes, at, offsets)) {
      return false;
    }
    if (version != 5 || address_size != 8 || segment_size != 0 || offsets * offset_size > end - at)
      return false;
    at = end;
  }
  return true;
}

}  // namespace

schema::Result<void> check_debug_sections(DwarfSections& sections) {
  for (const char* name : {".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_types"}) {
    const auto bytes = sections.load(name);
    if (!bytes) return bytes.error();
  }
  for (const char* name : {".debug_rnglists", ".debug_loclists"}) {
    const auto bytes = sections.load(name);
    if (!bytes) return bytes.error();
    if (is_sound(*bytes)) continue;
    return schema::make_error(
        schema::ErrorCode::kCorrupt,
        "the debug information in " + sections.file().path() + " is damaged: section " + name,
        "rebuild it, or install its debug symbol package again");
  }
  return {};
}

}  // namespace backsight::probes
