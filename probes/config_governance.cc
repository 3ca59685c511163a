#include "probes/config_governance.h"

#include "schema/expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace backsight::probes {
namespace {

constexpr std::uint64_t kMostPerSecond = 10'000'000;

constexpr KeySpec kSampleKeys[] = {{"fraction"}, {"by"}};
constexpr KeySpec kLimitKeys[] = {{"depth"}, {"elements"}, {"string"}, {"bytes"}, {"rate"}, {"burst"}};

// "… at column 15 …" → 14.
std::size_t error_offset(const std::string& message) {
  constexpr std::string_view kMark = "at column ";
  const std::size_t mark = message.rfind(kMark);
  std::size_t column = 0;
  if (mark != std::string::npos) {
    std::from_chars(message.data() + mark + kMark.size(), message.data() + message.size(), column);
  }
  return column == 0 ? 0 : column - 1;
}

const schema::Expression* find_query_only(const schema::Expression& expression) {
  if (expression.kind == schema::ExpressionKind::kBinary && expression.text == "=~") return &expression;
  for (const auto& child : expression.children) {
    if (const auto* found = find_query_only(*child)) return found;
  }
  return nullptr;
}

// As the threshold that a hash of 64 bits is compared with.
std::uint64_t read_fraction(const ConfigValue& value) {
  constexpr double kSmallest = 1e-9;
  const double fraction = value.number(kSmallest, 1);
  constexpr std::uint64_t kGeneration = 0xff;  // bs_plan: the low bits say which sample it is
  return fraction == 1 ? 0 : static_cast<std::uint64_t>(std::ldexp(fraction, 64)) & ~kGeneration;
}

// "5000/s"
std::uint64_t read_rate(const ConfigValue& value) {
  const std::string text = value.text();
  std::uint64_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc() || std::string_view(end) != "/s")
    value.fail("\"" + text + "\" is not a rate", "calls per second: 5000/s");
  if (rate == 0 || rate > kMostPerSecond)
    value.fail(text + " is out of range", "from 1/s to " + std::to_string(kMostPerSecond) + "/s");
  return rate;
}

}  // namespace

std::string read_expression(const ConfigValue& value, std::string_view what) {
  std::string text = value.text();
  const ConfigSource& source = value.source();
  const auto parsed = schema::parse_expression(text);
  const std::string prefix = std::string(what) + ": ";
  if (!parsed) {
    source.fail(source.position_in(value.node(), error_offset(parsed.error().message)),
                prefix + parsed.error().message, parsed.error().hint);
  }
  if (const auto* found = find_query_only(**parsed)) {
    source.fail(source.position_in(value.node(), found->begin),
                prefix + "'=~' is for questions only, it cannot be " +
                    (what == "where" ? "decided in the kernel" : "captured"),
                "capture the text, and use `backsight calls FUNCTION --where '… =~ \"…\"'`");
  }
  return text;
}

std::string read_where(const ConfigValue& value) {
  return read_expression(value, "where");
}

SampleConfig read_sample(const ConfigValue& value) {
  const ConfigMap map(value, "sample", kSampleKeys);
  SampleConfig sample;
  sample.below = read_fraction(map.require("fraction", "sample: { fraction: 0.1, by: order.id }"));
  if (const auto* by = map.find("by")) sample.by = read_expression(*by, "sample.by");
  return sample;
}

void read_limits(const ConfigValue& value, schema::CaptureLimits& limits, RateLimit& rate) {
  const ConfigMap map(value, "limits", kLimitKeys);
  const auto read = [&](const char* key, std::uint32_t& to, auto&& get) {
    if (const auto* found = map.find(key)) to = static_cast<std::uint32_t>(get(*found));
  };
  read("depth", limits.depth, [](const ConfigValue& v) { return v.integer(0, 16); });
  read("elements", limits.elements, [](const ConfigValue& v) { return v.integer(1, 4096); });
  read("string", limits.string_bytes, [](const ConfigValue& v) { return v.size_bytes(1, 4096); });
  read("bytes", limits.bytes, [](const ConfigValue& v) { return v.size_bytes(64, 24 << 10); });
  const auto* burst = map.find("burst");
  if (const auto* found = map.find("rate")) {
    rate.per_second = read_rate(*found);
    rate.burst = burst ? burst->integer(1, kMostPerSecond) : std::max<std::uint64_t>(1, rate.per_second / 10);
  } else if (burst) {
    burst->fail("means nothing without a rate", "limits: { rate: 5000/s, burst: 1000 }");
  }
}

}  // namespace backsight::probes
