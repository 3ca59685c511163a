// Where a caller puts an argument (System V ABI for x86-64, 3.2.3): the check on
// what debug information says about a parameter behind the function's entry,
// when it may be another value already.
#pragma once

#include "probes/function_info.h"
#include "probes/prologue.h"
#include "probes/type_layout.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

struct ArgumentPlace {
  std::vector<int> general;          // DWARF numbers of registers
  std::vector<int> vector;           // numbers of XMM registers
  std::optional<std::int64_t> slot;  // on the stack: offset from CFA
  std::uint64_t slot_size = 0;
  bool by_reference = false;  // its address is passed
  // Any of those that bring arguments: the code is not optimised, so that nothing is
  // assigned before everything that was passed is stored.
  bool is_any = false;

  // Whether what a register or slot holds came with this argument.
  bool brings(const PrologueValue& value) const;
  bool is_at(std::int64_t offset) const {
    if (is_any) return offset >= 0;
    return slot && offset >= *slot && offset < *slot + static_cast<std::int64_t>(slot_size);
  }
};

// Whether the debug information describes as many parameters as the mangled name
// has. True where there is none.
bool has_all_parameters(const FunctionInfo& function);

// Of parameter `index` of a function that is called by the ABI. None: a type is not
// known well enough, or the debug information leaves parameters out.
std::optional<ArgumentPlace> argument_place(const TypeLayout& layout, const FunctionInfo& function,
                                            std::size_t index);

}  // namespace backsight::probes
