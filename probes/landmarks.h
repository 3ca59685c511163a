// What the symbol tables and notes of a binary say about where its code may be
// entered: every labelled address, parts that the compiler split off, and
// whether it may run with a shadow stack. Read once per binary.
#pragma once

#include "probes/elf_file.h"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace backsight::probes {

class FrameTable;

// Of one function; valid as long as the Landmarks they come from.
struct CodeLandmarks {
  std::span<const std::uint64_t> labels;  // sorted: addresses of all symbols in code
  std::vector<AddressRange> split_parts;  // of this function, not in its ranges ("f.cold")
  // "__x86_return_thunk" and "__x86_indirect_thunk_rax": jumps to them are no tail calls.
  std::span<const std::uint64_t> return_thunks;
  std::span<const std::uint64_t> indirect_thunks;
  bool may_throw = true;               // exceptions may pass through any code of the process
  bool may_have_shadow_stack = false;  // the kernel's emulated calls do not write to one
  const FrameTable* frames = nullptr;  // call frame information; null: none at hand
};

class Landmarks {
 public:
  // `debug` may be null; else its symbols count, too.
  Landmarks(const ElfFile& binary, const ElfFile* debug);

  CodeLandmarks of_function(const std::vector<AddressRange>& ranges) const;

 private:
  void add(const ElfFile& binary, const ElfFile& symbols);

  std::vector<std::uint64_t> labels_;
  std::multimap<std::uint64_t, AddressRange> split_parts_;  // by the entry of the function
  std::vector<std::uint64_t> return_thunks_;
  std::vector<std::uint64_t> indirect_thunks_;
  bool may_throw_ = true;
  bool may_have_shadow_stack_ = false;
};

}  // namespace backsight::probes
