// All code of a function: its ranges, the parts that the compiler split off
// without telling the debug information, and thunks seen for what they do.
#pragma once

#include "probes/disassembly.h"
#include "probes/landmarks.h"

namespace backsight::probes {

// The first range begins at the entry.
FunctionCode read_function_code(const ElfFile& binary, std::vector<AddressRange> ranges,
                                const CodeLandmarks& landmarks);

// A jump that could lead anywhere in the function, in words; empty: there is none.
std::string unclear_jump(const FunctionCode& code);

}  // namespace backsight::probes
