// The `globals` of one service (interface.md, 2).
#include "probes/config_services.h"

#include "schema/expression.h"

#include <set>
#include <string_view>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxGlobals = 1000;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;

constexpr KeySpec kGlobalKeys[] = {{"expression"}, {"every"}, {"module"}, {"limits"}};

// "stats.c::g_count": the part behind the file is the expression.
std::string_view without_file(std::string_view text) {
  const auto separator = text.find("::");
  const auto dot = text.find('.');
  return separator != std::string_view::npos && dot < separator ? text.substr(separator + 2) : text;
}

ProbeConfig read_global(const ConfigValue& value) {
  const ConfigMap map(value, "global", kGlobalKeys);
  ProbeConfig global;
  global.position = value.position();
  const ConfigValue& expression = map.require("expression", "expression: \"g_stats\"");
  const std::string text = expression.text();
  if (const auto parsed = schema::parse_expression(without_file(text)); !parsed) {
    expression.fail("is no expression: " + parsed.error().message, parsed.error().hint);
  }
  global.function = std::string(schema::kGlobalPrefix) + text;
  global.capture_default = false;
  global.on_return = false;
  global.every_ns = kSecond;
  if (const auto* every = map.find("every")) {
    global.every_ns = every->duration_ns(10 * kMillisecond, 24 * 3600 * kSecond);
  }
  if (const auto* module = map.find("module")) global.module = module->text();
  if (const auto* limits = map.find("limits")) global.limits = read_limits(*limits);
  return global;
}

}  // namespace

std::vector<ProbeConfig> read_globals(const ConfigValue& value) {
  std::vector<ProbeConfig> globals;
  std::set<std::string> seen;
  for (const ConfigValue& entry : value.list()) {
    if (globals.size() == kMaxGlobals) entry.fail("too many globals", "at most 1000 in one service");
    ProbeConfig global = read_global(entry);
    if (!seen.insert(global.function).second) {
      entry.fail("\"" + global.function.substr(schema::kGlobalPrefix.size()) + "\" is given twice",
                 "keep one of them");
    }
    globals.push_back(std::move(global));
  }
  return globals;
}

}  // namespace backsight::probes
