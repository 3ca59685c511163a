// Checked access to a YAML document: types, unknown and repeated keys, units,
// each error with file:line:column. Used by the parser of the configuration
// alone (probes/config.cc and its neighbours), which is also the only place that sees
// the exception ConfigFailure.
#pragma once

#include "probes/config.h"
#include "schema/result.h"

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// Carries the first error to parse_config().
struct ConfigFailure {
  schema::Error error;
};

// A key of the contract.
struct KeySpec {
  std::string_view name;
  // Not empty: the key is part of the contract, but refused. Says what to do instead.
  std::string_view not_yet = {};
};

// The text of a document and its name: turns nodes into positions and failures.
class ConfigSource {
 public:
  ConfigSource(std::string file, const std::string& text);

  ConfigPosition position(const YAML::Mark& mark) const;
  ConfigPosition position(const YAML::Node& node) const { return position(node.Mark()); }
  [[noreturn]] void fail(const ConfigPosition& at, const std::string& message,
                         const std::string& hint = {}) const;
  [[noreturn]] void fail(const YAML::Node& node, const std::string& message,
                         const std::string& hint = {}) const;
  [[noreturn]] void not_yet(const ConfigPosition& at, std::string_view what, std::string_view hint) const;

  // Position of the character `offset` of a scalar's value, where the value stands
  // in the file as it is; else that of the scalar.
  ConfigPosition position_in(const YAML::Node& scalar, std::size_t offset) const;

  // Ends the reading of a document whose aliases multiply its size.
  void count_node(const YAML::Node& node) const;

 private:
  std::string file_;
  std::vector<std::string_view> lines_;
  mutable std::size_t nodes_read_ = 0;
};

// A value, with the name under which messages speak of it ("limits.depth").
class ConfigValue {
 public:
  ConfigValue(const ConfigSource& source, const YAML::Node& node, std::string what);

  const YAML::Node& node() const { return node_; }
  const ConfigSource& source() const { return *source_; }
  const ConfigPosition& position() const { return position_; }
  void stands_at(ConfigPosition position) { position_ = std::move(position); }
  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const;

  bool is_scalar() const { return node_.IsScalar(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_map() const { return node_.IsMap(); }

  std::string text() const;  // not empty, no control characters
  std::string text_up_to(std::size_t max_bytes) const;
  std::uint64_t integer(std::uint64_t low, std::uint64_t high) const;
  double number(double low, double high) const;                               // "0.5"
  std::uint64_t size_bytes(std::uint64_t low, std::uint64_t high) const;      // "8KiB"
  std::int64_t duration_ns(std::int64_t low_ns, std::int64_t high_ns) const;  // "1h"
  std::size_t choice(std::span<const std::string_view> names) const;          // index of the one given
  std::vector<ConfigValue> list() const;

 private:
  const std::string& scalar(const char* expected) const;

  const ConfigSource* source_;
  YAML::Node node_;
  std::string what_;
  ConfigPosition position_;
};

// A mapping whose keys are all known, given once, and alive.
class ConfigMap {
 public:
  // `what`: how messages call the mapping ("service", "limits").
  ConfigMap(const ConfigValue& value, std::string what, std::span<const KeySpec> keys);

  const ConfigValue* find(std::string_view key) const;
  const ConfigValue& require(std::string_view key, const std::string& hint) const;
  std::size_t size() const { return values_.size(); }
  const ConfigValue& self() const { return self_; }

 private:
  void add(const YAML::Node& key, const YAML::Node& value, std::span<const KeySpec> keys);

  ConfigValue self_;
  std::string what_;
  std::map<std::string, ConfigValue, std::less<>> values_;
};

// "nothing", "a list", … : what stands there, for "expected …, found …".
std::string describe(const YAML::Node& node);
// "1 to 16"-like limits as a user writes them: 24KiB, 1h.
std::string format_size(std::uint64_t bytes);

}  // namespace backsight::probes
