#include "tools/cli/present_parts.h"
#include "tools/cli/text.h"
#include "tools/http/json_text.h"

#include <algorithm>
#include <vector>

namespace backsight::tools {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string field(const boost::json::value* value, const PresentOptions& options) {
  if (value == nullptr || value->is_null()) return {};
  if (const auto* text = value->if_string()) {
    return quoted(options.terminal ? escape_controls(*text) : std::string(*text));
  }
  return quoted(to_json_text(*value, JsonLayout::kCompact));
}

}  // namespace

std::string present_csv(const boost::json::object& answer, std::string_view rows_key,
                        const PresentOptions& options) {
  const boost::json::array* rows = find_array(answer, rows_key);
  const boost::json::array only{answer};
  if (rows == nullptr) rows = &only;
  std::vector<std::string> columns;
  for (const boost::json::value& row : *rows) {
    if (!row.is_object()) continue;
    for (const auto& member : row.get_object()) {
      const std::string key(member.key());
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  if (columns.empty()) return {};
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ",") + quoted(column);
  out += '\n';
  for (const boost::json::value& row : *rows) {
    if (!row.is_object()) continue;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += ',';
      out += field(row.get_object().if_contains(columns[i]), options);
    }
    out += '\n';
  }
  return out;
}

}  // namespace backsight::tools
