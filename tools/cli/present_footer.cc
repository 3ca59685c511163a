#include "tools/cli/present_parts.h"
#include "tools/cli/text.h"

namespace backsight::tools {
namespace {

constexpr std::size_t kMaxGapLines = 4;

std::string gap_line(const boost::json::object& gap, const TimeStyle& times) {
  const std::int64_t lost = integer_at(gap, "lost").value_or(0);
  std::string line = "  " + text_at(gap, "reason") + ": ";
  line += lost > 0 ? plural(static_cast<std::uint64_t>(lost), "event lost", "events lost")
                   : std::string("an unknown number of events lost");
  const auto time = [&](std::string_view key) {
    const boost::json::value* value = gap.if_contains(key);
    return value != nullptr && value->is_string() ? times.show(value->get_string()) : std::string("…");
  };
  line += ", " + time("from") + " – " + time("to");
  if (const std::string process = text_at(gap, "process"); !process.empty()) line += ", process " + process;
  if (const std::string probe = text_at(gap, "probe"); !probe.empty()) line += ", probe " + probe;
  return line;
}

void see_times(const boost::json::array& gaps, TimeStyle& times) {
  for (const boost::json::value& gap : gaps) {
    if (!gap.is_object()) continue;
    for (std::string_view key : {"from", "to"}) {
      const boost::json::value* value = gap.get_object().if_contains(key);
      if (value != nullptr && value->is_string()) times.see(value->get_string());
    }
  }
}

std::string gap_lines(const boost::json::array& gaps, const PresentOptions& options) {
  TimeStyle times(options.utc);
  see_times(gaps, times);
  std::string out =
      styled("incomplete: something that belongs here was not recorded", Style::kWarning, options.color);
  if (const std::string when = times.caption(); !when.empty()) {
    out += styled("  (" + when + ")", Style::kDim, options.color);
  }
  out += '\n';
  std::size_t lines = 0;
  for (const boost::json::value& gap : gaps) {
    if (!gap.is_object()) continue;
    if (lines++ == kMaxGapLines) {
      return out + "  … and " + plural(gaps.size() - kMaxGapLines, "gap", "gaps") +
             " more: see `backsight gaps`\n";
    }
    out += shorten(gap_line(gap.get_object(), times), options.width) + "\n";
  }
  return out;
}

std::string damage_lines(const boost::json::array& damage, const PresentOptions& options) {
  std::string out =
      styled("incomplete: the store is damaged; what is whole was read", Style::kError, options.color) + "\n";
  std::size_t lines = 0;
  for (const boost::json::value& one : damage) {
    if (!one.is_object()) continue;
    if (lines++ == kMaxGapLines) return out + "  … and more: see `backsight store verify`\n";
    out += shorten("  " + text_at(one.get_object(), "file") + ": " + text_at(one.get_object(), "what"),
                   options.width) +
           "\n";
  }
  return out;
}

}  // namespace

std::string present_footer(const boost::json::object& answer, std::string_view rows_key,
                           const PresentOptions& options) {
  std::string out;
  const boost::json::array* gaps = rows_key == "gaps" ? nullptr : find_array(answer, "gaps");
  const boost::json::array* damage = rows_key == "damage" ? nullptr : find_array(answer, "damage");
  if (gaps != nullptr && !gaps->empty()) out += gap_lines(*gaps, options);
  if (damage != nullptr && !damage->empty()) out += damage_lines(*damage, options);
  if (const auto undecided = integer_at(answer, "undecided"); undecided.value_or(0) > 0) {
    out += styled(plural(static_cast<std::uint64_t>(*undecided), "call", "calls") +
                      " could not be decided: a value in the expression is not available there",
                  Style::kWarning, options.color) +
           "\n";
  }
  return out;
}

}  // namespace backsight::tools
