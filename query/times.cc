#include "query/times.h"

#include <cctype>
#include <limits>
#include <optional>

namespace backsight::query {
namespace {

using schema::ErrorCode;
using schema::Result;
using schema::WallTime;

constexpr std::int64_t kSecond = 1'000'000'000;

schema::Error bad_time(std::string_view text) {
  return schema::make_error(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a time",
                            "use 2026-11-22T10:03:00.5Z, @1795341780.5, now, -5m, alert:ID, alert:latest, "
                            "mark:NAME or event:ID, each with +DURATION or -DURATION if need be");
}

std::optional<std::int64_t> digits_value(std::string_view digits) {
  if (digits.empty() || digits.size() > 10) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "1795341780" or "1795341780.5": at most nine decimals.
std::optional<WallTime> parse_epoch(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto seconds = digits_value(text.substr(0, point));
  if (!seconds || *seconds > std::numeric_limits<std::int64_t>::max() / kSecond - 1) return std::nullopt;
  std::int64_t ns = 0;
  if (point != std::string_view::npos) {
    std::string fraction(text.substr(point + 1));
    if (fraction.empty() || fraction.size() > 9) return std::nullopt;
    fraction.resize(9, '0');
    const auto parsed = digits_value(fraction);
    if (!parsed) return std::nullopt;
    ns = *parsed;
  }
  return WallTime{*seconds * kSecond + ns};
}

Result<WallTime> shifted(WallTime time, char sign, std::int64_t by, std::string_view text) {
  std::int64_t ns = 0;
  const bool overflow =
      sign == '+' ? __builtin_add_overflow(time.ns, by, &ns) : __builtin_sub_overflow(time.ns, by, &ns);
  if (overflow) return bad_time(text);
  return WallTime{ns};
}

// A form without a suffix. kInvalid: it is none; kNotFound: a name that does not exist.
Result<WallTime> resolve_plain(std::string_view text, const TimeNames& names) {
  if (text == "now") return names.now;
  if (text.starts_with('@')) {
    if (const auto time = parse_epoch(text.substr(1))) return *time;
    return bad_time(text);
  }
  if (text.starts_with('-')) {
    const auto duration = schema::parse_duration_ns(text.substr(1));
    if (!duration) return bad_time(text);
    return shifted(names.now, '-', *duration, text);
  }
  for (const std::string_view kind : {"alert", "mark", "event"}) {
    if (text.size() > kind.size() + 1 && text.starts_with(kind) && text[kind.size()] == ':') {
      return names.find(kind, std::string(text.substr(kind.size() + 1)));
    }
  }
  if (const auto time = schema::parse_rfc3339(text)) return *time;
  return bad_time(text);
}

}  // namespace

Result<WallTime> resolve_time(std::string_view text, const TimeNames& names) {
  auto whole = resolve_plain(text, names);
  if (whole) return *whole;
  if (whole.error().code != ErrorCode::kInvalid && whole.error().code != ErrorCode::kNotFound) return whole;
  const std::size_t sign = text.find_last_of("+-");
  if (sign == std::string_view::npos || sign == 0) return whole;
  const auto duration = schema::parse_duration_ns(text.substr(sign + 1));
  if (!duration) return whole;
  auto base = resolve_plain(text.substr(0, sign), names);
  if (!base) return base;
  return shifted(*base, text[sign], *duration, text);
}

}  // namespace backsight::query
