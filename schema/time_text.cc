// Text forms of times and quantities (interface.md, 2 and 4).
#include "schema/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace backsight::schema {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
__extension__ using Wide = __int128;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 7> kDurationUnits{{{"ns", 1},
                                              {"us", 1'000},
                                              {"ms", 1'000'000},
                                              {"s", 1'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"d", 86'400'000'000'000}}};
constexpr std::array<Unit, 6> kSizeUnits{
    {{"", 1}, {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Error invalid(const char* what, std::string_view text, std::string hint) {
  return make_error(ErrorCode::kInvalid, std::string(what) + " '" + std::string(text.substr(0, 64)) + "'",
                    std::move(hint));
}

// A fixed number of digits at `at`, which moves behind them.
std::optional<int> take_digits(std::string_view text, std::size_t& at, std::size_t count) {
  int value = 0;
  for (std::size_t i = 0; i < count; ++i, ++at) {
    if (at >= text.size() || !is_digit(text[at])) return std::nullopt;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

bool take(std::string_view text, std::size_t& at, char wanted) {
  if (at >= text.size() || text[at] != wanted) return false;
  ++at;
  return true;
}

bool take_either(std::string_view text, std::size_t& at, char a, char b) {
  return take(text, at, a) || take(text, at, b);
}

// ".5" → 500'000'000; nothing → 0; a point without digits or with more than nine fails.
std::optional<std::int64_t> take_fraction_ns(std::string_view text, std::size_t& at) {
  if (!take(text, at, '.')) return 0;
  std::int64_t value = 0;
  std::int64_t scale = kNsPerSecond;
  while (at < text.size() && is_digit(text[at])) {
    if (scale == 1) return std::nullopt;
    scale /= 10;
    value += (text[at++] - '0') * scale;
  }
  return scale == kNsPerSecond ? std::nullopt : std::optional(value);
}

// "Z", "+02:00" → offset of local time from UTC in seconds.
std::optional<int> take_offset_s(std::string_view text, std::size_t& at) {
  if (take_either(text, at, 'Z', 'z')) return 0;
  const bool negative = at < text.size() && text[at] == '-';
  if (!take_either(text, at, '+', '-')) return std::nullopt;
  const auto hours = take_digits(text, at, 2);
  if (!hours || !take(text, at, ':')) return std::nullopt;
  const auto minutes = take_digits(text, at, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int seconds = (*hours * 60 + *minutes) * 60;
  return negative ? -seconds : seconds;
}

struct DateTime {
  std::int64_t utc_s = 0;
  std::int64_t fraction_ns = 0;
};

std::optional<DateTime> scan_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const auto year = take_digits(text, at, 4);
  if (!year || !take(text, at, '-')) return std::nullopt;
  const auto month = take_digits(text, at, 2);
  if (!month || !take(text, at, '-')) return std::nullopt;
  const auto day = take_digits(text, at, 2);
  if (!day || !take_either(text, at, 'T', 't')) return std::nullopt;
  const auto hour = take_digits(text, at, 2);
  if (!hour || !take(text, at, ':')) return std::nullopt;
  const auto minute = take_digits(text, at, 2);
  if (!minute || !take(text, at, ':')) return std::nullopt;
  const auto second = take_digits(text, at, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction_ns(text, at);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset_s(text, at);
  if (!offset || at != text.size()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month(unsigned(*month)),
                                         std::chrono::day(unsigned(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t minutes_utc = days * 1440 + *hour * 60 + *minute - *offset / 60;
  // A leap second is the first second of the next day, as POSIX time has it.
  if (*second == 60 && (minutes_utc % 1440 + 1440) % 1440 != 1439) return std::nullopt;
  return DateTime{minutes_utc * 60 + *second, *fraction};
}

// "1.5s" with `units`: the value in the smallest unit, rounded down.
template <std::size_t kCount>
Result<std::uint64_t> parse_quantity(const char* what, std::string_view text,
                                     const std::array<Unit, kCount>& units, const char* hint) {
  std::size_t at = 0;
  std::uint64_t whole = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (__builtin_mul_overflow(whole, std::uint64_t{10}, &whole) ||
        __builtin_add_overflow(whole, std::uint64_t(text[at] - '0'), &whole)) {
      return invalid(what, text, "the number is too large");
    }
  }
  if (at == 0) return invalid(what, text, hint);
  const auto fraction = take_fraction_ns(text, at);
  if (!fraction) return invalid(what, text, hint);
  const std::string_view name = text.substr(at);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end()) return invalid(what, text, hint);
  const Wide value = Wide(whole) * unit->factor + Wide(*fraction) * unit->factor / kNsPerSecond;
  if (value > Wide(INT64_MAX)) return invalid(what, text, "the value is too large");
  return static_cast<std::uint64_t>(value);
}

// At most three significant digits where there is a fraction, no trailing zeros.
std::string three_digits(double value) {
  const int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  std::string text = buffer;
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::string format_rfc3339(WallTime time) {
  const std::chrono::sys_time<std::chrono::nanoseconds> point{std::chrono::nanoseconds{time.ns}};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(point);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{day};
  const auto of_day = static_cast<int>((seconds - day).count());
  const auto ns = static_cast<int>(time.ns % kNsPerSecond);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), of_day / 3600, of_day / 60 % 60, of_day % 60,
                ns < 0 ? ns + int(kNsPerSecond) : ns);
  return buffer;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  const auto parsed = scan_rfc3339(text);
  if (!parsed) {
    return invalid("not a time:", text, "write it as 2026-11-22T10:03:00.5Z or 2026-11-22T12:03:00+02:00");
  }
  const Wide ns = Wide(parsed->utc_s) * kNsPerSecond + parsed->fraction_ns;
  if (ns > Wide(INT64_MAX) || ns < Wide(INT64_MIN)) {
    return invalid("time out of range:", text, "years 1678 to 2261 can be expressed");
  }
  return WallTime{static_cast<std::int64_t>(ns)};
}

Result<std::int64_t> parse_duration_ns(std::string_view text) {
  auto value = parse_quantity("not a duration:", text, kDurationUnits,
                              "a number with one of the units ns, us, ms, s, m, h, d, such as 250ms");
  if (!value) return std::move(value).error();
  return static_cast<std::int64_t>(*value);
}

Result<std::uint64_t> parse_size_bytes(std::string_view text) {
  return parse_quantity("not a size:", text, kSizeUnits,
                        "a number of bytes with no unit or with B, KiB, MiB, GiB or TiB, such as 64KiB");
}

Result<double> parse_rate_per_s(std::string_view text) {
  const char* hint = "a number of events per second, such as 5000/s";
  if (text.size() < 3 || text.substr(text.size() - 2) != "/s" || !is_digit(text.front())) {
    return invalid("not a rate:", text, hint);
  }
  const std::string_view number = text.substr(0, text.size() - 2);
  double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != number.data() + number.size() || !std::isfinite(value)) {
    return invalid("not a rate:", text, hint);
  }
  return value;
}

std::string format_duration(std::int64_t ns) {
  const std::string sign = ns < 0 ? "-" : "";
  const std::uint64_t magnitude =
      ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  std::size_t i = kDurationUnits.size() - 1;
  while (i > 0 && magnitude < kDurationUnits[i].factor) --i;
  const double value = double(magnitude) / double(kDurationUnits[i].factor);
  // 999.9us is shown as 1ms: rounding may reach the next unit.
  if (i + 1 < kDurationUnits.size()) {
    const double in_next = double(magnitude) / double(kDurationUnits[i + 1].factor);
    const double step = double(kDurationUnits[i + 1].factor) / double(kDurationUnits[i].factor);
    if (std::atof(three_digits(value).c_str()) >= step) {
      return sign + three_digits(std::max(in_next, 1.0)) + std::string(kDurationUnits[i + 1].name);
    }
  }
  return sign + three_digits(value) + std::string(kDurationUnits[i].name);
}

}  // namespace backsight::schema
