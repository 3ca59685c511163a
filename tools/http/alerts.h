// Alertmanager's webhook (version 4) as moments and pins. Parsing is pure; what
// is written depends on what is there already, so that a repeated or late
// delivery changes nothing.
#pragma once

#include "schema/facts.h"
#include "schema/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::tools {

struct Alert {
  std::string fingerprint;
  schema::WallTime starts_at;
  std::optional<schema::WallTime> resolved_at;  // set: resolved
  std::string text;                             // summary, description or name
  std::string labels_json;                      // {"labels":{…},"annotations":{…}}
};

// kInvalid names the element and what was expected. All or nothing.
schema::Result<std::vector<Alert>> parse_alerts(std::string_view body);

// Where moments and pins live; the store, or a fake.
struct MomentPort {
  std::function<schema::Result<std::vector<schema::Moment>>()> load_moments;
  std::function<schema::Result<void>(const schema::Moment&)> put_moment;
  std::function<schema::Result<void>(const schema::Pin&)> put_pin;
};

// A firing alert becomes the moment `fingerprint` and pins [start - lookback,
// start + 10 s]; a resolved one gets resolved_at. An alert that is known with
// the same start is not pinned again, so that `unpin` holds.
schema::Result<void> record_alerts(const std::vector<Alert>& alerts, const MomentPort& port,
                                   std::int64_t lookback_ns);

}  // namespace backsight::tools
