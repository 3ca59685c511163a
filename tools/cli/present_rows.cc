// Rows as a table: which columns a verb shows, and in which order, is one list.
#include "tools/cli/present_cells.h"
#include "tools/cli/present_parts.h"
#include "tools/cli/present_value.h"

#include <algorithm>
#include <utility>
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
      {"services", {"service", "events", "processes", "functions", "oldest", "newest"}, {}},
      {"processes",
       {"pid", "service", "exe", "threads", "events", "started", "ended", "host", "build_id"},
       {"service", "host"}},
      {"probes",
       {"service", "function", "state", "site_class", "return_via", "cost_ns", "hits", "kept", "lost"},
       {"service"}},
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
      {"gaps", {"from", "to", "reason", "lost", "service", "process", "probe"}, {"service"}},
      {"moments", {"kind", "name", "at", "resolved", "service", "text"}, {}},
      {"mark", {"kind", "name", "at", "service", "text"}, {}},
      {"store verify", {"file", "what"}, {}},
  };
  return kColumns;
}

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
  for (const std::string& key : choice.columns) columns.push_back(column_of(key, rows, times));
  Table table(std::move(columns));
  for (const boost::json::object* row : rows) {
    std::vector<Cell> cells;
    for (const std::string& key : choice.columns) {
      // A probe that resolved to nothing is known by its own name.
      const bool is_unresolved = verb == "probes" && key == "function" && is_void(row->if_contains(key));
      cells.push_back(make_cell(is_unresolved ? "probe" : key, *row, times));
    }
    table.add_row(std::move(cells), verb == "probes" ? text_at(*row, "message") : std::string());
  }
  std::string caption;
  for (const std::string& part : choice.caption) caption += (caption.empty() ? "" : " · ") + part;
  if (const std::string when = times.caption(); !when.empty())
    caption += (caption.empty() ? "" : " · ") + when;
  std::string out;
  if (!caption.empty()) out = styled(shorten(caption, options.width), Style::kDim, options.color) + "\n";
  return out + table.print(options.width, options.color);
}

bool is_object_list(const boost::json::value& value) {
  return value.is_array() && !value.get_array().empty() && value.get_array().front().is_object();
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
    const boost::json::value& value = member.value();
    if (is_one_of(key, {"schema_version", "complete", "gaps", "undecided"}) || is_object_list(value))
      continue;
    std::string text = value.is_null() ? "-" : scalar_text(key, value, times);
    if (key.size() > 6 && key.substr(key.size() - 6) == "_bytes" && value.is_number()) {
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
  for (const auto& member : answer) {
    if (member.key() == "gaps" || !is_object_list(member.value())) continue;
    const Rows rows = object_rows(member.value().get_array());
    if (rows.size() > 1) out += "\n" + print_rows({}, rows, options);
  }
  return out;
}

}  // namespace

std::string present_rows(std::string_view verb, std::string_view rows_key, const boost::json::object& answer,
                         const PresentOptions& options) {
  const boost::json::array* array = find_array(answer, rows_key);
  if (array == nullptr) return print_object(answer, options);
  const Rows rows = object_rows(*array);
  std::string out = rows.empty() ? styled(verb == "store verify" ? "no damage found" : "nothing found",
                                          Style::kDim, options.color) +
                                       "\n"
                                 : print_rows(verb, rows, options);
  if (verb == "last" && !rows.empty()) {
    if (const boost::json::object* call = find_object(*rows.front(), "call")) {
      out += "\n" + styled("the call that shows it", Style::kBold, options.color) + "\n" +
             print_rows("calls", {call}, options);
    }
  }
  const boost::json::array* pins = verb == "moments" ? find_array(answer, "pins") : nullptr;
  if (pins != nullptr && !pins->empty()) {
    if (const Rows pinned = object_rows(*pins); !pinned.empty()) {
      out += "\n" + styled("pinned", Style::kBold, options.color) + "\n" + print_rows("pin", pinned, options);
    }
  }
  return out;
}

}  // namespace backsight::tools
