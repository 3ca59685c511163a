// Where a caller puts an argument (System V ABI for x86-64, 3.2.3): the check on
// what debug information says about a parameter behind the function's entry,
// when it may be another value already.
#pragma once

#include "probes/function_info.h"
#include "probes/prologue.h"
#include "probes/type_layout.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

struct ArgumentPlace {
  // Of each eight bytes of it: DWARF number, or number of an XMM register.
  struct Word {
    bool is_vector = false;
    int reg = -1;  // -1: passed nowhere, it is padding
  };
  std::vector<Word> words;
  std::optional<std::int64_t> slot;  // on the stack: offset from CFA
  std::uint64_t slot_size = 0;
  // Any of those that bring arguments: the code is not optimised, so that nothing is
  // assigned before everything that was passed is stored.
  bool is_any = false;

  // Whether what a register or slot holds came as this argument's bytes from `at` on.
  bool brings(const PrologueValue& value, std::uint64_t at) const;
  // All of it comes in that register.
  bool is_only(std::uint64_t reg) const {
    return !is_any && words.size() == 1 && !words[0].is_vector &&
           static_cast<std::uint64_t>(words[0].reg) == reg;
  }
  // Whether its bytes from `at` on stand there.
  bool is_at(std::int64_t offset, std::uint64_t at) const {
    if (is_any) return offset >= 0;
    return slot && at < slot_size && offset == *slot + static_cast<std::int64_t>(at);
  }
};

// Whether the debug information describes as many parameters as the mangled name
// has. True where there is none.
bool has_all_parameters(const FunctionInfo& function);

// Of the parameters of a function that is called by the ABI, in order; of as many as
// are known: up to the first whose type is not known well enough, none where the debug
// information leaves parameters out.
std::vector<ArgumentPlace> argument_places(const TypeLayout& layout, const FunctionInfo& function);

}  // namespace backsight::probes
