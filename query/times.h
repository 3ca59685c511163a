// The TIME forms of interface.md, 4: RFC 3339, @EPOCH[.fraction], now, a
// duration before now, and names; any of them with +DURATION or -DURATION
// behind it. A name that contains such a suffix itself wins over the suffix.
#pragma once

#include "schema/result.h"
#include "schema/time.h"

#include <functional>
#include <string>
#include <string_view>

namespace backsight::query {

struct TimeNames {
  schema::WallTime now;
  // kind: "alert", "mark", "event". kNotFound where there is no such name.
  std::function<schema::Result<schema::WallTime>(std::string_view kind, const std::string& name)> find;
};

schema::Result<schema::WallTime> resolve_time(std::string_view text, const TimeNames& names);

}  // namespace backsight::query
