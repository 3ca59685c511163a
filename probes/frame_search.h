// Finds the frame description of one address in .eh_frame by the binary search table
// that linkers leave for unwinders, so that the other descriptions are not read:
//
//   .eh_frame_hdr │ 1 │ 1b │ 03 │ 3b │ .eh_frame, relative to this word │ count │ (code, FDE) × count
//
// words of four bytes; code and FDE relative to the section, sorted by code
// (Linux Standard Base, "The .eh_frame_hdr section"). Nothing in it is trusted: what
// does not fit finds nothing, and the caller reads them all.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// An .eh_frame with one FDE and its CIE.
struct FrameSlice {
  std::vector<std::uint8_t> bytes;
  std::uint64_t address = 0;  // link-time, at which the FDE is where it is in the binary
  std::uint64_t code = 0;     // where its code begins, as the table says
};

class FrameSearch {
 public:
  // `binary` must outlive it.
  explicit FrameSearch(const ElfFile& binary);

  // That of the last code that begins at `address` or before.
  std::optional<FrameSlice> find(std::uint64_t address) const;

 private:
  struct Row {
    std::int32_t code = 0;
    std::int32_t fde = 0;
  };
  Row row(std::size_t index) const;
  // A record of .eh_frame with its length, or nothing.
  std::vector<std::uint8_t> record(std::uint64_t offset) const;

  const ElfFile& binary_;
  SectionBytes header_;
  std::uint64_t header_address_ = 0;
  const Section* frames_ = nullptr;
  std::size_t count_ = 0;  // of rows; 0: there is no such table
};

}  // namespace backsight::probes
