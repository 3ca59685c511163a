#include "tools/cli/present_cells.h"

#include "schema/time.h"
#include "tools/cli/present_value.h"
#include "tools/http/json_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>

namespace backsight::tools {
namespace {

constexpr std::size_t kThreadColumns = 7;
constexpr std::size_t kBuildIdColumns = 12;

bool is_flexible(std::string_view key) {
  return is_one_of(key, {"args", "return", "old", "new", "value", "text", "message", "what", "exe",
                         "function", "probe", "module", "file", "lost", "name", "signature", "site_reason"});
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string header_of(std::string_view key) {
  std::string_view name = key;
  if (ends_with(name, "_ns")) name.remove_suffix(3);
  std::string header;
  for (char c : name)
    header += c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return header;
}

std::string thread_text(const boost::json::value& value) {
  const auto* thread = value.if_object();
  if (thread == nullptr) return to_json_text(value, JsonLayout::kCompact);
  const std::string name = text_at(*thread, "name");
  const std::string goroutine = text_at(*thread, "goroutine");
  if (!goroutine.empty()) return "goroutine " + goroutine;
  return name.empty() ? text_at(*thread, "tid") : name + "/" + text_at(*thread, "tid");
}

// {"ring_full":3} as "3 ring_full".
std::string counts_text(const boost::json::object& counts) {
  std::string out;
  for (const auto& member : counts) {
    if (member.value() == 0) continue;
    out += (out.empty() ? "" : ", ") + group_digits(to_json_text(member.value(), JsonLayout::kCompact)) +
           " " + escape_controls(member.key());
  }
  return out.empty() ? "0" : out;
}

Style style_of(std::string_view key, const std::string& text) {
  if (key == "state" && text == "failed") return Style::kError;
  if (key == "state" && text == "pending") return Style::kWarning;
  if (key == "reason") return Style::kWarning;
  if (key == "event" || key == "build_id") return Style::kDim;
  return Style::kPlain;
}

bool is_right_aligned(std::string_view key, const Rows& rows) {
  if (is_one_of(key, {"old", "new", "value", "return", "args"})) return false;
  return std::all_of(rows.begin(), rows.end(), [&](const boost::json::object* row) {
    const boost::json::value* value = row->if_contains(key);
    return value == nullptr || value->is_null() || value->is_number();
  });
}

}  // namespace

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

bool is_time(std::string_view key) {
  return is_one_of(key, {"at", "from", "to", "entry", "exit", "started", "ended", "oldest", "newest",
                         "observed", "since", "resolved"});
}

bool is_void(const boost::json::value* value) {
  return value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty()) ||
         (value->is_object() && value->get_object().empty()) ||
         (value->is_array() && value->get_array().empty());
}

TableColumn column_of(std::string_view key, const Rows& rows, const TimeStyle& times) {
  TableColumn column{header_of(key), is_right_aligned(key, rows), 0, 0};
  const bool has_objects = std::any_of(rows.begin(), rows.end(), [&](const boost::json::object* row) {
    const boost::json::value* value = row->if_contains(key);
    return value != nullptr && value->is_object();
  });
  if (is_flexible(key) && (key != "lost" || has_objects))
    column.min_width = std::max<std::size_t>(8, key.size());
  if (key == "thread") column.compact = kThreadColumns;
  if (key == "build_id") column.compact = kBuildIdColumns;
  if (is_time(key)) {
    for (const boost::json::object* row : rows) {
      const boost::json::value* value = row->if_contains(key);
      if (value == nullptr || !value->is_string()) continue;
      column.compact = std::max(column.compact, display_width(times.show_short(value->get_string())));
    }
  }
  return column;
}

std::string scalar_text(std::string_view key, const boost::json::value& value, const TimeStyle& times) {
  if (const auto* text = value.if_string()) return is_time(key) ? times.show(*text) : escape_controls(*text);
  if (key == "thread") return thread_text(value);
  if (key == "process" && value.is_object()) return text_at(value.get_object(), "pid");
  if (key == "lost" && value.is_object()) return counts_text(value.get_object());
  if (value.is_array() && is_one_of(key, {"processes", "threads", "probes"})) {
    return std::to_string(value.get_array().size());
  }
  if (!value.is_number()) return value_text({&value, {}, nullptr});
  if (ends_with(key, "_ns") && (value.is_int64() || value.is_uint64())) {
    return schema::format_duration(value.is_int64() ? value.get_int64()
                                                    : static_cast<std::int64_t>(value.get_uint64()));
  }
  if (value.is_double()) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), std::abs(value.get_double()) < 1e15 ? "%.2f" : "%g",
                  value.get_double());
    return text.data();
  }
  const std::string digits = to_json_text(value, JsonLayout::kCompact);
  return is_one_of(key, {"pid", "tid", "process", "line"}) ? digits : group_digits(digits);
}

Cell make_cell(std::string_view key, const boost::json::object& row, const TimeStyle& times) {
  if (key == "args") {
    return {arguments_text(row), [&row](std::size_t columns) { return arguments_text(row, columns); }, {}};
  }
  if (key == "return") {
    const std::string text = return_text(row, static_cast<std::size_t>(-1));
    return {text, [&row](std::size_t columns) { return return_text(row, columns); },
            !text.empty() && text.front() == '(' ? Style::kWarning : Style::kPlain};
  }
  const boost::json::value* value = row.if_contains(key);
  if (value == nullptr) return {};
  if (is_one_of(key, {"old", "new", "value"})) {
    if (key == "old" && row.if_contains("first") != nullptr) return {"?", {}, Style::kDim};
    return {value_text({value, {}, nullptr}),
            [value](std::size_t columns) {
              return value_text({value, {}, nullptr}, columns);
            },
            {}};
  }
  if (value->is_null()) return {};
  const std::string text = scalar_text(key, *value, times);
  Cell cell{text, {}, style_of(key, text)};
  if (is_one_of(key, {"function", "exe", "module", "file", "probe"})) {  // the end tells more
    cell.fit = [text](std::size_t columns) { return shorten_front(text, columns); };
  } else if (is_time(key) && value->is_string()) {
    const std::string brief = times.show_short(value->get_string());
    cell.fit = [brief](std::size_t columns) { return shorten(brief, columns); };
  } else if (key == "thread" && value->is_object()) {
    const std::string tid = text_at(value->get_object(), "tid");
    if (!tid.empty()) cell.fit = [tid](std::size_t columns) { return shorten(tid, columns); };
  }
  return cell;
}

}  // namespace backsight::tools
