// The `probes` of one service.
#include "probes/config_services.h"

#include "probes/config_governance.h"
#include "probes/config_redact.h"
#include "probes/line_pattern.h"

#include <algorithm>
#include <set>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxProbes = 10'000;
constexpr std::size_t kMaxCaptures = 64;
constexpr std::size_t kMaxName = 64;

constexpr KeySpec kProbeKeys[] = {
    {"function"},
    {"line"},
    {"on"},
    {"capture"},
    {"module"},
    {"limits"},
    {"sleepable"},
    {"stack"},
    {"where"},
    {"sample"},
    {"redact"},
    {"index", "remove the key: `backsight calls FUNCTION --where …` finds a value by a scan"},
    {"expires", "remove the key, and the probe from the file when it is no longer needed (then SIGHUP)"},
};

// Names that mean something in every expression.
constexpr std::string_view kReservedNames[] = {"this",   "ret",       "pid",  "tid",
                                               "thread", "goroutine", "host", "duration"};

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), is_part);
}

CaptureConfig read_captured(const ConfigValue& value) {
  CaptureConfig capture;
  capture.position = value.position();
  capture.expression = read_expression(value, "capture");
  return capture;
}

// `order.id`, or `{ skus: "order.items[0..8].sku" }`.
CaptureConfig read_capture(const ConfigValue& value) {
  if (!value.is_map()) return read_captured(value);
  if (value.node().size() != 1) {
    value.fail("expected an expression or one name with its expression, found " +
                   std::to_string(value.node().size()) + " keys",
               "{ skus: \"order.items[0..8].sku\" }");
  }
  const auto entry = *value.node().begin();
  const ConfigValue key(value.source(), entry.first, "capture");
  const std::string name = key.text_up_to(kMaxName);
  if (!is_identifier(name)) {
    key.fail("\"" + name + "\" is not a name", "letters, digits and '_', not beginning with a digit");
  }
  if (std::find(std::begin(kReservedNames), std::end(kReservedNames), name) != std::end(kReservedNames)) {
    key.fail("\"" + name + "\" means something else in every expression", "choose another name");
  }
  CaptureConfig capture = read_captured(ConfigValue(value.source(), entry.second, name));
  capture.name = name;
  capture.position = value.position();
  return capture;
}

std::vector<CaptureConfig> read_captures(const ConfigValue& value) {
  std::vector<CaptureConfig> captures;
  std::set<std::string> names;
  for (const ConfigValue& entry : value.list()) {
    if (captures.size() == kMaxCaptures) entry.fail("too many captures", "at most 64 in one probe");
    CaptureConfig capture = read_capture(entry);
    const std::string& shown = capture.name.empty() ? capture.expression : capture.name;
    if (!names.insert(shown).second) entry.fail("\"" + shown + "\" is captured twice", "keep one of them");
    captures.push_back(std::move(capture));
  }
  return captures;
}

void read_on(const ConfigValue& value, ProbeConfig& probe) {
  constexpr std::string_view kEvents[] = {"entry", "return"};
  probe.on_entry = probe.on_return = false;
  for (const ConfigValue& entry : value.list()) {
    bool& event = entry.choice(kEvents) == 0 ? probe.on_entry : probe.on_return;
    if (event) entry.fail("\"" + entry.text() + "\" is given twice", "keep one of them");
    event = true;
  }
  if (!probe.on_entry && !probe.on_return)
    value.fail("is empty: the probe would see nothing", "on: [entry, return]");
}

schema::StackKind read_stack(const ConfigValue& value) {
  constexpr std::string_view kStacks[] = {"none", "fp", "dwarf"};  // in the order of StackKind
  return static_cast<schema::StackKind>(value.choice(kStacks));
}

void read_function(const ConfigValue& value, ProbeConfig& probe) {
  probe.function = value.text();
  if (probe.function.find_first_not_of(' ') == std::string::npos) value.fail("must not be blank");
  if (schema::is_global(probe.function))
    value.fail("\"" + probe.function + "\" is a global, not a function",
               "globals: [ { expression: \"g_stats\", every: 1s } ]");
  if (parse_line_pattern(probe.function))
    value.fail("\"" + probe.function + "\" is a line, not a function", "line: \"" + probe.function + "\"");
}

void read_line(const ConfigValue& value, const ConfigValue* function, ProbeConfig& probe) {
  if (function) {
    function->fail("a probe is on a function or on a line, not on both",
                   "make two probes of it; a line probe sees the locals that are visible there");
  }
  probe.function = value.text();
  if (!parse_line_pattern(probe.function))
    value.fail("\"" + probe.function + "\" is not a line of a file", "line: \"checkout.cc:214\"");
  probe.on_return = false;
}

ProbeConfig read_probe(const ConfigValue& value) {
  const ConfigMap map(value, "probe", kProbeKeys);
  ProbeConfig probe;
  probe.position = value.position();
  if (const auto* line = map.find("line")) {
    read_line(*line, map.find("function"), probe);
  } else {
    read_function(map.require("function", "function: \"shop::Checkout::reserve\""), probe);
  }
  if (const auto* module = map.find("module")) probe.module = module->text();
  if (const auto* on = map.find("on")) {
    const bool is_line = !probe.on_return;
    read_on(*on, probe);
    if (is_line && probe.on_return) on->fail("a line has no return", "on: [entry], or leave `on` out");
  }
  if (const auto* capture = map.find("capture")) {
    probe.capture_default = false;
    probe.capture = read_captures(*capture);
  }
  if (const auto* limits = map.find("limits")) read_limits(*limits, probe.limits, probe.rate);
  if (const auto* where = map.find("where")) probe.where = read_where(*where);
  if (const auto* sample = map.find("sample")) probe.sample = read_sample(*sample);
  if (const auto* sleepable = map.find("sleepable")) {
    constexpr std::string_view kAnswers[] = {"false", "true"};
    probe.sleepable = sleepable->choice(kAnswers) == 1;
  }
  if (const auto* redact = map.find("redact")) probe.redact = read_redact(*redact, false);
  if (const auto* stack = map.find("stack")) probe.stack = read_stack(*stack);
  return probe;
}

}  // namespace

schema::CaptureLimits read_limits(const ConfigValue& value) {
  schema::CaptureLimits limits;
  RateLimit rate;
  read_limits(value, limits, rate);
  if (rate.per_second > 0) value.fail("a global has no rate", "`every` says how often it is read");
  return limits;
}

std::vector<ProbeConfig> read_probes(const ConfigValue& value) {
  std::vector<ProbeConfig> probes;
  std::set<std::pair<std::string, std::string>> seen;
  for (const ConfigValue& entry : value.list()) {
    if (probes.size() == kMaxProbes) entry.fail("too many probes", "at most 10000 in one service; use globs");
    ProbeConfig probe = read_probe(entry);
    if (!seen.emplace(probe.function, probe.module).second) {
      entry.fail("a probe of \"" + probe.function + "\" is given twice", "put their captures together");
    }
    probes.push_back(std::move(probe));
  }
  return probes;
}

}  // namespace backsight::probes
