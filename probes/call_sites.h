// The calls of one function, each known by the address that it returns to: what
// debug information says about arguments that compilers do not pass (copies of
// functions that take fewer parameters, parts of functions that were inlined).
#pragma once

#include "probes/cfa.h"
#include "probes/disassembly.h"
#include "probes/dwarf_session.h"
#include "probes/elf_file.h"

#include <cstdint>
#include <vector>

namespace backsight::probes {

struct CallSite {
  std::uint64_t return_address = 0;  // link-time
  DieKey die = 0;                    // DW_TAG_call_site, or GNU's of DWARF 4
  DieKey caller = 0;                 // the function that has the call; its frame base
  Cfa cfa;                           // of the caller, with RSP as it is when the callee has returned
  bool has_bottom = false;           // bottom_below_pushes() of the caller
};

// Not thread-safe; keeps the code of the binary from the first question on, and the calls
// of the last function: each parameter asks, at each site that is looked at.
class CallSites {
 public:
  CallSites(const ElfFile& binary, const DwarfSession& session, const FrameTable& frames)
      : binary_(binary), session_(session), frames_(frames) {}

  // The direct calls of the function with that code that are described, at most
  // kMaxCallers: where its entry is met with such a return address, it was that call.
  // None where the function may be left by a jump.
  std::vector<CallSite> of(const FunctionCode& function);

  static constexpr std::size_t kMaxCallers = 32;

 private:
  struct Code {
    std::uint64_t address = 0;
    std::vector<std::uint8_t> bytes;
  };
  void read_code();
  std::vector<std::uint64_t> returns_of_calls(std::uint64_t entry);
  std::vector<CallSite> described_calls(std::uint64_t entry);

  const ElfFile& binary_;
  const DwarfSession& session_;
  const FrameTable& frames_;
  std::vector<Code> code_;
  bool has_read_ = false;
  std::uint64_t entry_ = 0;  // of the last function; no function's is 0
  std::vector<CallSite> sites_;
};

// What a call says about `parameter`, an abstract one: the entry that has its value then
// (DW_AT_call_value). Empty: none.
Die call_parameter(const DwarfSession& session, const CallSite& site, DieKey parameter);

}  // namespace backsight::probes
