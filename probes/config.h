// The configuration file (interface.md, 2): YAML to plain values, every key
// validated. Errors carry file:line:column.
#pragma once

#include "probes/redact_rules.h"
#include "schema/plan.h"
#include "schema/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

// Where something stands in the file, for messages.
struct ConfigPosition {
  std::string file;
  int line = 0;
  int column = 0;
  std::string to_string() const;  // "backsight.yaml:12:9"
  bool operator==(const ConfigPosition&) const = default;
};

struct CaptureConfig {
  std::string name;  // empty: the expression's own text
  std::string expression;
  ConfigPosition position;
  bool operator==(const CaptureConfig&) const = default;
};

// Coherent: kept is what hashes to less than `below` (docs/format/sampling.md).
struct SampleConfig {
  std::uint64_t below = 0;  // fraction * 2^64; 0: everything is kept
  std::string by;           // expression; empty: each call by chance
  bool operator==(const SampleConfig&) const = default;
};

// A token bucket for all functions of a probe together.
struct RateLimit {
  std::uint64_t per_second = 0;  // 0: no limit
  std::uint64_t burst = 0;       // calls at once
  bool operator==(const RateLimit&) const = default;
};

struct ProbeConfig {
  // Demangled name or glob, optionally with parameters. Of a line probe: the line,
  // "checkout.cc:214", which no function is called.
  std::string function;
  std::string module;  // glob; empty: the executable, then its loaded libraries
  // Set where it is searched in libraries that nobody named: "stat" is then ::stat.
  bool exact_name = false;
  bool on_entry = true;
  bool on_return = true;
  bool capture_default = true;  // no `capture` key: every parameter, this and ret
  std::vector<CaptureConfig> capture;
  schema::CaptureLimits limits;
  // Not 0: no probe but a global, `function` is "global:" and the expression, read this often.
  std::int64_t every_ns = 0;
  bool sleepable = false;  // pages that are not in memory are read all the same, on the target's time
  std::vector<RedactPattern> redact;  // of the probe, then of the service
  schema::StackKind stack = schema::StackKind::kNone;
  std::string where;  // empty: every call
  SampleConfig sample;
  RateLimit rate;
  std::vector<CaptureConfig> index;
  ConfigPosition position;
  bool operator==(const ProbeConfig&) const = default;
};

// What FunctionPattern or parse_line_pattern is to take.
std::string searched_text(const ProbeConfig& probe);

// All given must hold.
struct MatchConfig {
  std::optional<std::string> exe;  // glob on the path of the executable
  std::optional<std::string>
      cmdline;  // regular expression (ECMAScript, search) on the arguments joined by spaces
  std::optional<std::string> cgroup;  // glob on the cgroup path
  std::optional<std::string> unit;    // systemd unit: a component of the cgroup path
  std::optional<std::uint32_t> pid;
  ConfigPosition position;
  bool operator==(const MatchConfig&) const = default;
};

struct ServiceConfig {
  std::string name;
  MatchConfig match;
  std::vector<ProbeConfig> probes;  // and behind them the globals
  ConfigPosition position;
  bool operator==(const ServiceConfig&) const = default;
};

enum class Durability : std::uint8_t { kProcess, kPower };

struct StoreConfig {
  std::string path = "/var/lib/backsight";
  std::int64_t partition_ns = 3'600'000'000'000;
  Durability durability = Durability::kProcess;
  bool operator==(const StoreConfig&) const = default;
};

struct ListenConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7070;
  std::string token_file;   // empty: no token is demanded (on loopback only)
  std::string certificate;  // PEM chain and its key; both empty: no TLS
  std::string key;
  std::string access_log;  // empty: access.log in the store's folder; "journal": the daemon's own log
  bool operator==(const ListenConfig&) const = default;
};

struct Config {
  StoreConfig store;
  std::optional<ListenConfig> listen;  // absent: no HTTP port
  std::uint64_t memory_bytes = 512ull << 20;
  std::int64_t alert_lookback_ns = 60'000'000'000;
  std::vector<ServiceConfig> services;
  bool operator==(const Config&) const = default;
};

// `file` names the text in messages. The first error is returned (kInvalid).
schema::Result<Config> parse_config(const std::string& text, const std::string& file);
schema::Result<Config> load_config(const std::string& path);

}  // namespace backsight::probes
