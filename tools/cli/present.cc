#include "tools/cli/present.h"

#include "tools/cli/present_parts.h"
#include "tools/cli/text.h"
#include "tools/http/json_text.h"

#include <array>
#include <charconv>
#include <ctime>

namespace backsight::tools {
namespace {

std::tm broken_down(schema::WallTime time, bool utc) {
  std::int64_t seconds = time.ns / 1'000'000'000;
  if (time.ns % 1'000'000'000 < 0) --seconds;
  const std::time_t clock = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (utc) {
    ::gmtime_r(&clock, &parts);
  } else {
    ::localtime_r(&clock, &parts);
  }
  return parts;
}

std::string formatted(const std::tm& parts, const char* format) {
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), format, &parts);
  return std::string(text.data(), size);
}

}  // namespace

std::string present(std::string_view verb, std::string_view rows_key, const boost::json::object& answer,
                    const PresentOptions& options) {
  switch (options.format) {
    case Format::kJson:
      return to_json_text(answer, options.terminal ? JsonLayout::kPretty : JsonLayout::kCompact) + "\n";
    case Format::kNdjson:
      return to_ndjson(answer, rows_key);
    case Format::kCsv:
      return present_csv(answer, rows_key, options);
    case Format::kTable:
      break;
  }
  if (verb == "state") return present_state(answer, options) + present_footer(answer, rows_key, options);
  if (verb == "check") return present_check(answer, options);
  return present_rows(verb, rows_key, answer, options) + present_footer(answer, rows_key, options);
}

void TimeStyle::see(std::string_view rfc3339) {
  const auto time = schema::parse_rfc3339(rfc3339);
  if (!time) return;
  dates_.insert(formatted(broken_down(*time, utc_), "%Y-%m-%d"));
  last_ = *time;
}

std::string TimeStyle::show(std::string_view rfc3339) const {
  return shown(rfc3339, dates_.size() > 1 ? "%Y-%m-%d %H:%M:%S." : "%H:%M:%S.");
}

std::string TimeStyle::show_short(std::string_view rfc3339) const {
  return shown(rfc3339, dates_.size() > 1 ? "%m-%d %H:%M:%S." : "%H:%M:%S.");
}

std::string TimeStyle::shown(std::string_view rfc3339, const char* format) const {
  const auto time = schema::parse_rfc3339(rfc3339);
  if (!time) return escape_controls(rfc3339);
  std::int64_t fraction = time->ns % 1'000'000'000;
  if (fraction < 0) fraction += 1'000'000'000;
  std::string digits = std::to_string(fraction);
  digits.insert(0, 9 - digits.size(), '0');
  return formatted(broken_down(*time, utc_), format) + digits.substr(0, 6);
}

std::string TimeStyle::caption() const {
  if (!last_) return {};
  const std::tm parts = broken_down(*last_, utc_);
  const std::string zone = utc_ || parts.tm_gmtoff == 0 ? "UTC" : formatted(parts, "%Z (UTC%z)");
  return dates_.size() == 1 ? *dates_.begin() + ", " + zone : "times in " + zone;
}

const boost::json::object* find_object(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

const boost::json::array* find_array(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = key.empty() ? nullptr : object.if_contains(key);
  return value == nullptr ? nullptr : value->if_array();
}

std::string text_at(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return {};
  if (const auto* text = value->if_string()) return escape_controls(*text);
  return to_json_text(*value, JsonLayout::kCompact);
}

std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_uint64(); number && *number <= INT64_MAX) {
    return static_cast<std::int64_t>(*number);
  }
  return std::nullopt;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return group_digits(std::to_string(count)) + " " + std::string(count == 1 ? one : many);
}

}  // namespace backsight::tools
