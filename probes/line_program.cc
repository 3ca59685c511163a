#include "probes/line_program.h"

#include <dwarf.h>

#include <cstring>

namespace backsight::probes {

namespace {

// Reads within the bytes; what is beyond them is 0 and `is_whole` false.
class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool is_whole() const { return is_whole_; }
  bool at_end() const { return bytes_.empty(); }
  template <typename Integer>
  Integer take() {
    Integer value = 0;
    if (skip_from(sizeof value)) std::memcpy(&value, last_, sizeof value);
    return value;
  }
  void skip(std::uint64_t size) { skip_from(size); }
  void skip_leb() {
    while (is_whole_ && (take<std::uint8_t>() & 0x80) != 0) {
    }
  }
  std::uint64_t take_length() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      const auto byte = take<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    is_whole_ = false;
    return 0;
  }
  void shorten(std::uint64_t size) {
    if (size > bytes_.size()) is_whole_ = false;
    if (is_whole_) bytes_ = bytes_.first(static_cast<std::size_t>(size));
  }

 private:
  bool skip_from(std::uint64_t size) {
    if (!is_whole_ || size > bytes_.size()) {
      is_whole_ = false;
      bytes_ = {};
      return false;
    }
    last_ = bytes_.data();
    bytes_ = bytes_.subspan(static_cast<std::size_t>(size));
    return true;
  }

  std::span<const std::uint8_t> bytes_;
  const std::uint8_t* last_ = nullptr;
  bool is_whole_ = true;
};

struct Header {
  std::uint8_t opcode_base = 0;        // 0: not DWARF 5
  std::vector<std::uint8_t> operands;  // of standard opcodes, from 1
};

// Leaves `at` at the first instruction (DWARF 5, 6.2.4).
Header read_header(Cursor& at) {
  constexpr std::uint32_t kIs64Bit = 0xffffffff;
  constexpr std::uint16_t kVersion = 5;
  constexpr std::uint64_t kFixed = 6;  // bytes from the header's length to the operands
  const std::uint32_t length = at.take<std::uint32_t>();
  const bool is_64_bit = length == kIs64Bit;
  at.shorten(is_64_bit ? at.take<std::uint64_t>() : length);
  if (at.take<std::uint16_t>() != kVersion) return {};
  at.skip(2);  // sizes of addresses and segments
  const std::uint64_t size = is_64_bit ? at.take<std::uint64_t>() : at.take<std::uint32_t>();
  at.skip(kFixed - 1);
  Header header;
  header.opcode_base = at.take<std::uint8_t>();
  for (unsigned i = 1; i < header.opcode_base; ++i) header.operands.push_back(at.take<std::uint8_t>());
  const std::uint64_t read = kFixed + header.operands.size();
  if (size < read || header.operands.size() < DW_LNS_set_file) return {};
  at.skip(size - read);
  return at.is_whole() ? header : Header();
}

void skip_operands(const Header& header, std::uint8_t opcode, Cursor& at) {
  if (opcode == DW_LNS_fixed_advance_pc) return at.skip(2);
  for (unsigned i = 0; i < header.operands[opcode - 1]; ++i) at.skip_leb();
}

}  // namespace

std::vector<bool> rows_of_first_file(std::span<const std::uint8_t> section, std::uint64_t offset,
                                     std::size_t most_rows) {
  if (offset >= section.size()) return {};
  Cursor at(section.subspan(static_cast<std::size_t>(offset)));
  const Header header = read_header(at);
  if (header.opcode_base == 0) return {};
  std::vector<bool> rows;
  bool is_first = true;
  while (!at.at_end() && rows.size() < most_rows) {
    const auto opcode = at.take<std::uint8_t>();
    if (opcode >= header.opcode_base || opcode == DW_LNS_copy) {
      rows.push_back(is_first);
    } else if (opcode != 0) {
      if (opcode == DW_LNS_set_file) is_first = false;
      skip_operands(header, opcode, at);
    } else if (const std::uint64_t size = at.take_length(); size > 0) {
      const bool ends = at.take<std::uint8_t>() == DW_LNE_end_sequence;
      at.skip(size - 1);
      if (ends) rows.push_back(is_first);
      is_first = is_first || ends;
    }
  }
  return at.is_whole() ? rows : std::vector<bool>();
}

}  // namespace backsight::probes
