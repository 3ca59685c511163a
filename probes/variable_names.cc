#include "probes/variable_names.h"

namespace backsight::probes {

std::vector<DieKey> variables_called(const DebugIndex& index, const std::string& name) {
  constexpr const char* kAnonymous = "(anonymous namespace)::";
  auto found = index.variables_named(name);
  // From the innermost scope outwards.
  for (std::size_t end = name.size(); found.empty() && end != std::string::npos;) {
    const std::size_t separator = end == 0 ? std::string::npos : name.rfind("::", end - 1);
    std::string inside = name;
    inside.insert(separator == std::string::npos ? 0 : separator + 2, kAnonymous);
    found = index.variables_named(inside);
    end = separator;
  }
  return found;
}

}  // namespace backsight::probes
