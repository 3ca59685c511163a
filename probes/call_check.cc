#include "probes/call_check.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace backsight::probes {
namespace {

constexpr std::uint64_t kLongestCall = 7;  // without prefixes in front of the opcode

// Bytes from the opcode of an indirect call on: ff /2.
std::size_t indirect_call_bytes(std::uint8_t modrm, std::uint8_t sib) {
  const unsigned mode = modrm >> 6;
  const unsigned base = modrm & 7;
  if (mode == 3) return 2;
  const std::size_t address = base == 4 ? 3 : 2;
  if (mode == 1) return address + 1;
  if (mode == 2) return address + 4;
  const bool has_base = base == 4 ? (sib & 7) != 5 : base != 5;
  return has_base ? address : address + 4;
}

bool ends_with_call(std::span<const std::uint8_t> code) {
  const std::size_t size = code.size();
  if (size >= 5 && code[size - 5] == 0xe8) return true;
  for (std::size_t bytes = 2; bytes <= std::min<std::size_t>(size, kLongestCall); ++bytes) {
    const auto call = code.subspan(size - bytes);
    if (call[0] != 0xff || ((call[1] >> 3) & 7) != 2) continue;
    if (indirect_call_bytes(call[1], bytes > 2 ? call[2] : 0) == bytes) return true;
  }
  return false;
}

}  // namespace

bool ends_call(const ElfFile& file, std::uint64_t last) {
  // Fewer bytes where the code has just begun.
  for (std::uint64_t bytes = kLongestCall; bytes >= 2; --bytes) {
    if (last + 1 < bytes) continue;
    const auto code = file.code({last + 1 - bytes, last + 1});
    if (!code.empty()) return ends_with_call(code);
  }
  return false;
}

}  // namespace backsight::probes
