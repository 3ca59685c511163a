#include "probes/config_reader.h"

#include "probes/nearest.h"
#include "schema/time.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace backsight::probes {
namespace {

// A file of this size without aliases has fewer nodes than this.
constexpr std::size_t kMaxNodes = 200'000;
constexpr std::size_t kMaxText = 1024;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 60)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + (text.size() > 60 ? "…\"" : "\"");
}

}  // namespace

std::string describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return quoted(node.Scalar());
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a mapping";
    default:
      return "nothing";
  }
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

ConfigSource::ConfigSource(std::string file, const std::string& text) : file_(std::move(file)) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    lines_.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

ConfigPosition ConfigSource::position(const YAML::Mark& mark) const {
  return {file_, std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
}

void ConfigSource::fail(const ConfigPosition& at, const std::string& message, const std::string& hint) const {
  throw ConfigFailure{schema::make_error(schema::ErrorCode::kInvalid, at.to_string() + ": " + message, hint)};
}

void ConfigSource::fail(const YAML::Node& node, const std::string& message, const std::string& hint) const {
  fail(position(node), message, hint);
}

void ConfigSource::not_yet(const ConfigPosition& at, std::string_view what, std::string_view hint) const {
  fail(at, quoted(what) + " is not supported yet", std::string(hint));
}

ConfigPosition ConfigSource::position_in(const YAML::Node& scalar, std::size_t offset) const {
  ConfigPosition at = position(scalar);
  const auto line = static_cast<std::size_t>(at.line - 1);
  if (line >= lines_.size()) return at;
  const std::string_view text = lines_[line];
  std::size_t column = static_cast<std::size_t>(at.column - 1);
  if (column < text.size() && (text[column] == '"' || text[column] == '\'')) ++column;
  if (column <= text.size() && text.substr(column).starts_with(scalar.Scalar())) {
    at.column = static_cast<int>(column + offset + 1);
  }
  return at;
}

void ConfigSource::count_node(const YAML::Node& node) const {
  if (++nodes_read_ > kMaxNodes) {
    fail(node, "the document is too large when its aliases are expanded",
         "write the repeated parts out, or use fewer '*' aliases");
  }
}

ConfigValue::ConfigValue(const ConfigSource& source, const YAML::Node& node, std::string what)
    : source_(&source), node_(node), what_(std::move(what)), position_(source.position(node_)) {
  source.count_node(node_);
  const std::string& tag = node_.Tag();
  if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with("tag:yaml.org,2002:")) {
    fail("tag " + quoted(tag) + " is not known",
         "remove the tag, or put quotes around an expression that begins with '!'");
  }
}

void ConfigValue::fail(const std::string& message, const std::string& hint) const {
  source_->fail(position_, what_ + ": " + message, hint);
}

const std::string& ConfigValue::scalar(const char* expected) const {
  if (!node_.IsScalar()) fail(std::string("expected ") + expected + ", found " + describe(node_));
  return node_.Scalar();
}

std::string ConfigValue::text() const {
  return text_up_to(kMaxText);
}

std::string ConfigValue::text_up_to(std::size_t max_bytes) const {
  const std::string& text = scalar("a text");
  if (text.empty()) fail("must not be empty");
  if (text.size() > max_bytes) {
    fail("has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(max_bytes) +
         " are allowed");
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    fail("control characters are not allowed in " + quoted(text));
  }
  return text;
}

std::uint64_t ConfigValue::integer(std::uint64_t low, std::uint64_t high) const {
  const std::string& text = scalar("an integer");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = !text.empty() && end == text.data() + text.size();
  if (!is_number) fail("expected an integer, found " + quoted(text));
  if (error == std::errc::result_out_of_range || value < low || value > high) {
    fail(text + " is out of range", "from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

double ConfigValue::number(double low, double high) const {
  const std::string& text = scalar("a number");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    fail("expected a number, found " + quoted(text));
  if (!(value >= low) || value > high) {
    const auto shown = [](double limit) {
      std::array<char, 32> out{};
      return std::string(out.data(), std::to_chars(out.data(), out.data() + out.size(), limit).ptr);
    };
    fail(text + " is out of range", "from " + shown(low) + " to " + shown(high));
  }
  return value;
}

std::uint64_t ConfigValue::size_bytes(std::uint64_t low, std::uint64_t high) const {
  const std::string& text = scalar("a size such as 8KiB");
  const auto value = schema::parse_size_bytes(text);
  if (!value) fail(value.error().message, value.error().hint);
  if (*value < low || *value > high) {
    fail(text + " is out of range", "from " + format_size(low) + " to " + format_size(high));
  }
  return *value;
}

std::int64_t ConfigValue::duration_ns(std::int64_t low_ns, std::int64_t high_ns) const {
  const std::string& text = scalar("a duration such as 60s");
  const auto value = schema::parse_duration_ns(text);
  if (!value) fail(value.error().message, value.error().hint);
  if (*value < low_ns || *value > high_ns) {
    fail(text + " is out of range",
         "from " + schema::format_duration(low_ns) + " to " + schema::format_duration(high_ns));
  }
  return *value;
}

std::size_t ConfigValue::choice(std::span<const std::string_view> names) const {
  const std::string& text = scalar("a word");
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return i;
    list += (list.empty() ? "" : ", ") + std::string(names[i]);
  }
  fail("expected one of " + list + ", found " + quoted(text), suggestion(nearest_names(text, names, 1)));
}

std::vector<ConfigValue> ConfigValue::list() const {
  if (!node_.IsSequence()) fail("expected a list, found " + describe(node_));
  std::vector<ConfigValue> values;
  for (const YAML::Node& entry : node_) {
    values.emplace_back(*source_, entry, what_ + "[" + std::to_string(values.size()) + "]");
  }
  return values;
}

ConfigMap::ConfigMap(const ConfigValue& value, std::string what, std::span<const KeySpec> keys)
    : self_(value), what_(std::move(what)) {
  if (!value.is_map()) value.fail("expected a mapping of keys, found " + describe(value.node()));
  for (const auto& entry : value.node()) add(entry.first, entry.second, keys);
}

void ConfigMap::add(const YAML::Node& key, const YAML::Node& value, std::span<const KeySpec> keys) {
  const ConfigSource& source = self_.source();
  source.count_node(key);
  if (!key.IsScalar()) source.fail(key, what_ + ": a key must be a word, found " + describe(key));
  const std::string& name = key.Scalar();
  const auto spec =
      std::find_if(keys.begin(), keys.end(), [&](const KeySpec& known) { return known.name == name; });
  if (spec == keys.end()) {
    std::vector<std::string_view> names;
    for (const KeySpec& known : keys) names.push_back(known.name);
    std::string hint = suggestion(nearest_names(name, names, 1));
    if (hint.empty()) {
      for (const std::string_view known : names)
        hint += (hint.empty() ? "known: " : ", ") + std::string(known);
    }
    source.fail(key, "unknown key " + quoted(name) + " in " + what_, hint);
  }
  if (values_.contains(name)) {
    source.fail(key, "key " + quoted(name) + " is given twice in " + what_,
                "first at line " + std::to_string(values_.at(name).position().line) + "; keep one of them");
  }
  if (!spec->not_yet.empty()) source.not_yet(source.position(key), name, spec->not_yet);
  const auto added = values_.emplace(name, ConfigValue(source, value, name)).first;
  // The end of "key:" is the beginning of the next line: of no help to anyone.
  if (value.IsNull()) added->second.stands_at(source.position(key));
}

const ConfigValue* ConfigMap::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

const ConfigValue& ConfigMap::require(std::string_view key, const std::string& hint) const {
  if (const ConfigValue* value = find(key)) return *value;
  self_.source().fail(self_.node(), what_ + " has no key " + quoted(key), hint);
}

}  // namespace backsight::probes
