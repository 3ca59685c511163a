// Where a function's frame is, at any of its instructions: the call frame
// information (.eh_frame, .debug_frame) of one binary. Read when first asked.
#pragma once

#include "probes/elf_file.h"
#include "probes/site_frame.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace backsight::probes {

class DwarfSession;

class FrameTable {
 public:
  // `binary` has .eh_frame; `debug`, which may be null and must outlive the table,
  // .debug_frame. Not thread-safe.
  FrameTable(std::shared_ptr<const ElfFile> binary, const DwarfSession* debug);
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;
  ~FrameTable();

  // None: not covered, or the rule is not a register and an offset.
  std::optional<Cfa> at(std::uint64_t address) const;

 private:
  struct Tables;
  std::shared_ptr<const ElfFile> binary_;
  const DwarfSession* debug_;
  mutable std::unique_ptr<Tables> tables_;
};

}  // namespace backsight::probes
