// What catches the return of a function: a return probe where nothing can unwind
// through it, else its return instructions and tail calls. What is not proven
// safe is not done.
#pragma once

#include "probes/disassembly.h"
#include "probes/planner.h"

#include <string>
#include <vector>

namespace backsight::probes {

struct ReturnSites {
  schema::ReturnVia via = schema::ReturnVia::kNone;
  std::vector<Site> sites;
  std::string reason;
};
// `is_c`: the function comes from a unit written in C.
ReturnSites choose_return_sites(const ElfFile& binary, const FunctionCode& code, bool is_c);

}  // namespace backsight::probes
