// The last look at a site: before a plan leaves the planner, and again before
// anything is attached. The kernel does not check where instructions begin.
#pragma once

#include "probes/disassembly.h"
#include "probes/planner.h"
#include "schema/result.h"

#include <string>
#include <vector>

namespace backsight::probes {

// Why no probe may be attached there; empty: it may. `code`: of the function.
std::string site_problem(const FunctionCode& code, const Site& site);

// Checks all of them and notes the bytes of their instructions; returns the first
// problem.
std::string seal_sites(const ElfFile& binary, const FunctionCode& code, std::vector<Site>& sites);

// The file still holds at these places what was planned. kIo; kInvalid otherwise.
schema::Result<void> compare_sites(const std::string& path, const std::vector<Site>& sites);

}  // namespace backsight::probes
