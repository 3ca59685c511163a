#include "probes/config_redact.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxPatterns = 64;

}  // namespace

std::vector<RedactPattern> read_redact(const ConfigValue& value, bool of_service) {
  std::vector<RedactPattern> patterns;
  for (const ConfigValue& entry : value.list()) {
    if (patterns.size() == kMaxPatterns) entry.fail("too many patterns", "at most 64; use globs");
    auto pattern = parse_redact(entry.text());
    if (!pattern) entry.fail(pattern.error().message, pattern.error().hint);
    pattern->of_service = of_service;
    if (std::find(patterns.begin(), patterns.end(), *pattern) != patterns.end())
      entry.fail("\"" + entry.text() + "\" is given twice", "keep one of them");
    patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

void redact_all(const std::vector<RedactPattern>& patterns, std::vector<ProbeConfig>& probes) {
  for (ProbeConfig& probe : probes) probe.redact.insert(probe.redact.end(), patterns.begin(), patterns.end());
}

}  // namespace backsight::probes
