// Where a function's frame is, at any of its instructions: the call frame
// information (.eh_frame, .debug_frame) of one binary. Of a few functions, theirs alone
// is read; of many, or where there is no table of it, all.
#pragma once

#include "probes/elf_file.h"
#include "probes/frame_search.h"
#include "probes/site_frame.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace backsight::probes {

class DwarfSession;
struct FunctionCode;

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
  bool has_read_all() const { return whole_ != nullptr; }

 private:
  class Descriptions;
  struct One;
  struct Whole;
  // The frame description that covers `address`; null: not by the search table.
  const One* find_one(std::uint64_t address) const;

  std::shared_ptr<const ElfFile> binary_;
  const DwarfSession* debug_;
  FrameSearch search_;
  mutable std::size_t searches_ = 0;
  mutable std::unique_ptr<One> one_;  // the last one
  mutable std::unique_ptr<Whole> whole_;
  mutable std::unique_ptr<Descriptions> debugging_;
};

// Where RSP of the function's body is, relative to CFA, if it is not there at all of the function's
// calls, because arguments for some were pushed. Of such functions GCC 12 says that addresses of
// locals are in a register that holds this one.
std::optional<std::int64_t> bottom_below_pushes(const FrameTable& frames, const FunctionCode& code);

}  // namespace backsight::probes
