// Where RSP of a function's body is. Debug information of clang gives places
// relative to it for all of the function, although RSP is there only once the
// frame is set up; call frame information says where it is, but not whether it
// stays: pushes for a call are no part of the frame.
#pragma once

#include "probes/disassembly.h"
#include "probes/dwarf_session.h"
#include "probes/prologue.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// Keeps what it read of the last unit. Not thread-safe.
class BodyStack {
 public:
  explicit BodyStack(const DwarfSession& session) : session_(session) {}

  // Relative to CFA; none if it is not proven. Proven is: RSP never changes; or
  // the line table ends the prologue in the straight code behind the entry, and the
  // frame was begun before (compilers set it up in one go). Of a realigned frame it
  // is an offset of its slots (prologue.h).
  std::optional<std::int64_t> rsp(DieKey function, const FunctionCode& code, const Prologue& prologue);

 private:
  void read(DieKey unit);

  const DwarfSession& session_;
  DieKey unit_ = 0;
  std::vector<std::uint64_t> prologue_ends_;  // sorted
};

}  // namespace backsight::probes
