// Variables by the name that a program calls them by.
#pragma once

#include "probes/debug_index.h"

#include <string>
#include <vector>

namespace backsight::probes {

// Of a qualified name. "(anonymous namespace)::" may be left out.
std::vector<DieKey> variables_called(const DebugIndex& index, const std::string& name);

}  // namespace backsight::probes
