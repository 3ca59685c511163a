// Where a function is probed: the entry instruction (or the one behind its
// endbr64), and what catches the return. Every choice carries its reason; what
// is not proven safe is not done.
#pragma once

#include "probes/disassembly.h"
#include "probes/planner.h"

#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

struct EntrySite {
  std::optional<Site> site;  // none: refused
  std::string reason;        // why this one, or why none
};
EntrySite choose_entry_site(const ElfFile& binary, const FunctionCode& code);

struct ReturnSites {
  schema::ReturnVia via = schema::ReturnVia::kNone;
  std::vector<Site> sites;
  std::string reason;
};
// `is_c`: the function comes from a unit written in C.
ReturnSites choose_return_sites(const ElfFile& binary, const FunctionCode& code, bool is_c);

}  // namespace backsight::probes
