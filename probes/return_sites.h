// What catches the return of a function: a return probe where it is proven that
// nothing can unwind through it, else its return instructions and tail calls.
// What is not proven safe is not done.
//
// A return probe replaces the return address on the stack. Whatever walks the
// stack meanwhile meets an address that it does not know: an exception ends the
// process, a cancelled thread skips its destructors. The proof is that the function
// calls nothing (no system call either: vfork returns twice), and that none of its
// instructions can fault, so that no handler of a fault can throw; in a C function
// they may, where nothing in the program can throw. What remains is unwinding
// from a handler of an asynchronous signal, and asynchronous cancellation: C++
// leaves the first undefined, and POSIX allows the second only where nothing has to be
// undone.
#pragma once

#include "probes/disassembly.h"
#include "probes/landmarks.h"
#include "probes/planner.h"

#include <string>
#include <vector>

namespace backsight::probes {

struct ReturnSites {
  schema::ReturnVia via = schema::ReturnVia::kNone;
  std::vector<Site> sites;
  std::string reason;
};
// `is_c`: the function comes from a unit written in C. `needs_bias`: what is captured
// needs the load bias, which a return probe, being at the caller, does not know.
ReturnSites choose_return_sites(const ElfFile& binary, const FunctionCode& code,
                                const CodeLandmarks& landmarks, bool is_c, bool needs_bias = false);

}  // namespace backsight::probes
