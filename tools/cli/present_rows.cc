// Rows as a table. What a column looks like follows from the name of its key
// and the kind of its value; which columns a verb shows, and in which order, is
// one list below.
#include "schema/time.h"
#include "tools/cli/present_parts.h"
#include "tools/cli/present_value.h"
#include "tools/cli/table_printer.h"
#include "tools/http/json_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <vector>

namespace backsight::tools {
namespace {

struct VerbColumns {
  std::string_view verb;
  std::vector<std::string_view> keys;
  // Shown in the caption instead, where all rows have the same.
  std::vector<std::string_view> common;
};

const std::vector<VerbColumns>& verb_columns() {
  static const std::vector<VerbColumns> kColumns = {
      {"services", {"service", "events", "processes", "probes", "oldest", "newest", "lost"}, {}},
      {"processes",
       {"pid", "service", "exe", "threads", "events", "started", "ended", "host", "build_id"},
       {"service", "host"}},
      {"probes",
       {"probe", "service", "function", "module", "state", "site_class", "return_via", "cost_ns", "hits",
        "kept", "lost", "message"},
       {"service", "module"}},
      {"calls",
       {"event", "entry", "duration_ns", "service", "host", "process", "thread", "function", "args",
        "return"},
       {"service", "host", "process", "function"}},
      {"history",
       {"at", "old", "new", "event", "service", "process", "thread", "function"},
       {"service", "process", "function"}},
      {"last",
       {"at", "old", "new", "event", "service", "process", "thread", "function"},
       {"service", "process", "function"}},
      {"gaps", {"from", "to", "reason", "lost", "service", "probe", "process"}, {"service"}},
      {"moments", {"name", "kind", "at", "resolved_at", "service", "text"}, {}},
      {"store verify", {"file", "what"}, {}},
  };
  return kColumns;
}

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

bool is_time(std::string_view key) {
  return is_one_of(key, {"at", "from", "to", "entry", "exit", "started", "ended", "oldest", "newest",
                         "observed", "since", "resolved_at", "before"});
}

bool is_flexible(std::string_view key) {
  return is_one_of(
      key, {"args", "return", "old", "new", "value", "text", "message", "what", "exe", "function", "probe",
            "module", "file", "build_id", "lost", "name", "signature", "site_reason"});
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

bool is_void(const boost::json::value* value) {
  return value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty()) ||
         (value->is_object() && value->get_object().empty()) ||
         (value->is_array() && value->get_array().empty());
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
  const std::string digits = to_json_text(value, JsonLayout::kCompact);
  const bool plain = value.is_double() || is_one_of(key, {"pid", "tid", "process", "line"});
  return plain ? digits : group_digits(digits);
}

Cell make_cell(std::string_view key, const boost::json::object& row, const TimeStyle& times) {
  if (key == "args") {
    return {arguments_text(row), [&row](std::size_t columns) { return arguments_text(row, columns); },
            Style::kPlain};
  }
  if (key == "return") {
    const auto fit = [&row](std::size_t columns) { return return_text(row, columns); };
    const std::string text = return_text(row, static_cast<std::size_t>(-1));
    return {text, fit, !text.empty() && text.front() == '(' ? Style::kWarning : Style::kPlain};
  }
  const boost::json::value* value = row.if_contains(key);
  if (value == nullptr) return {};
  if (is_one_of(key, {"old", "new", "value"})) {
    return {value_text({value, {}, nullptr}),
            [value](std::size_t columns) {
              return value_text({value, {}, nullptr}, columns);
            },
            Style::kPlain};
  }
  if (value->is_null()) return {};
  const std::string text = scalar_text(key, *value, times);
  Cell cell{text, {}, style_of(key, text)};
  if (is_one_of(key, {"function", "exe", "module", "file", "probe"})) {  // the end tells more
    cell.fit = [text](std::size_t columns) { return shorten_front(text, columns); };
  }
  return cell;
}

using Rows = std::vector<const boost::json::object*>;

Rows object_rows(const boost::json::array& array) {
  Rows rows;
  for (const boost::json::value& row : array) {
    if (row.is_object()) rows.push_back(&row.get_object());
  }
  return rows;
}

bool is_common(const Rows& rows, std::string_view key) {
  const boost::json::value* first = rows.front()->if_contains(key);
  return first != nullptr && std::all_of(rows.begin(), rows.end(), [&](const boost::json::object* row) {
           const boost::json::value* value = row->if_contains(key);
           return value != nullptr && *value == *first;
         });
}

bool is_right_aligned(std::string_view key, const Rows& rows) {
  if (is_one_of(key, {"old", "new", "value", "return", "args"})) return false;
  return std::all_of(rows.begin(), rows.end(), [&](const boost::json::object* row) {
    const boost::json::value* value = row->if_contains(key);
    return value == nullptr || value->is_null() || value->is_number();
  });
}

struct Choice {
  std::vector<std::string> columns;
  std::vector<std::string> caption;  // "service checkout"
};

Choice choose(std::string_view verb, const Rows& rows, const TimeStyle& times) {
  Choice choice;
  const auto used = [&](std::string_view key) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const boost::json::object* row) { return !is_void(row->if_contains(key)); });
  };
  const auto known = std::find_if(verb_columns().begin(), verb_columns().end(),
                                  [&](const VerbColumns& columns) { return columns.verb == verb; });
  if (known == verb_columns().end()) {
    for (const auto& member : *rows.front()) {
      if (used(member.key())) choice.columns.emplace_back(member.key());
    }
    return choice;
  }
  for (std::string_view key : known->keys) {
    const bool ending = key == "return" && std::any_of(rows.begin(), rows.end(), [](const auto* row) {
                          return !return_text(*row, 100).empty();
                        });
    if (!used(key) && !ending) continue;
    const bool may_be_common =
        std::find(known->common.begin(), known->common.end(), key) != known->common.end();
    if (may_be_common && is_common(rows, key)) {
      const std::string text = scalar_text(key, *rows.front()->if_contains(key), times);
      choice.caption.push_back(key == "function" ? text : std::string(key) + " " + text);
    } else {
      choice.columns.emplace_back(key);
    }
  }
  return choice;
}

std::string print_rows(std::string_view verb, const Rows& rows, const PresentOptions& options) {
  TimeStyle times(options.utc);
  for (const boost::json::object* row : rows) {
    for (const auto& member : *row) {
      if (member.value().is_string() && is_time(member.key())) times.see(member.value().get_string());
    }
  }
  const Choice choice = choose(verb, rows, times);
  std::vector<TableColumn> columns;
  for (const std::string& key : choice.columns) {
    columns.push_back({header_of(key), is_right_aligned(key, rows),
                       is_flexible(key) ? std::max<std::size_t>(8, key.size()) : 0});
  }
  Table table(std::move(columns));
  for (const boost::json::object* row : rows) {
    std::vector<Cell> cells;
    for (const std::string& key : choice.columns) cells.push_back(make_cell(key, *row, times));
    table.add_row(std::move(cells));
  }
  std::string caption;
  for (const std::string& part : choice.caption) caption += (caption.empty() ? "" : " · ") + part;
  if (const std::string when = times.caption(); !when.empty())
    caption += (caption.empty() ? "" : " · ") + when;
  std::string out;
  if (!caption.empty()) out = styled(shorten(caption, options.width), Style::kDim, options.color) + "\n";
  return out + table.print(options.width, options.color);
}

std::string print_object(const boost::json::object& answer, const PresentOptions& options) {
  TimeStyle times(options.utc);
  for (const auto& member : answer) {
    if (member.value().is_string() && is_time(member.key())) times.see(member.value().get_string());
  }
  std::vector<std::pair<std::string, std::string>> lines;
  std::size_t widest = 0;
  for (const auto& member : answer) {
    const std::string_view key = member.key();
    if (is_one_of(key, {"schema_version", "complete", "gaps", "undecided"})) continue;
    const boost::json::value& value = member.value();
    std::string text = value.is_null() ? "-" : scalar_text(key, value, times);
    if (ends_with(key, "_bytes") && value.is_number()) {
      text += "  (" + bytes_text(value.to_number<double>()) + ")";
    }
    lines.emplace_back(escape_controls(key), text);
    widest = std::max(widest, display_width(lines.back().first));
  }
  std::string out;
  for (const auto& [key, text] : lines) {
    out += styled(key, Style::kBold, options.color) + std::string(widest - display_width(key) + 2, ' ') +
           shorten(text, options.width > widest + 10 ? options.width - widest - 2 : 80) + "\n";
  }
  if (const std::string when = times.caption(); !when.empty()) {
    out += styled("(" + when + ")", Style::kDim, options.color) + "\n";
  }
  return out;
}

}  // namespace

std::string present_rows(std::string_view verb, std::string_view rows_key, const boost::json::object& answer,
                         const PresentOptions& options) {
  const boost::json::array* array = find_array(answer, rows_key);
  if (array == nullptr) return print_object(answer, options);
  const Rows rows = object_rows(*array);
  if (rows.empty()) return styled("nothing found", Style::kDim, options.color) + "\n";
  return print_rows(verb, rows, options);
}

}  // namespace backsight::tools
