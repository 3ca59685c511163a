// Where a caller puts arguments on the stack (System V ABI for x86-64, 3.2.3):
// the check on debug information that begins to describe a parameter only
// behind the function's entry.
#pragma once

#include "probes/function_info.h"
#include "probes/type_layout.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace backsight::probes {

// Offset from CFA of parameter `index` of a function that is called by the ABI. None:
// it is passed in registers, or a type before it is not known well enough.
std::optional<std::int64_t> argument_slot(const TypeLayout& layout, const FunctionInfo& function,
                                          std::size_t index);

}  // namespace backsight::probes
