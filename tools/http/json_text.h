// JSON as text, the same for files, pipes, terminals and HTTP: exact integers,
// shortest floating point, and nothing in it that a terminal would obey (control
// characters are always escaped, bytes that are not UTF-8 become U+FFFD).
#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace backsight::tools {

enum class JsonLayout { kCompact, kPretty };  // kPretty: two spaces; short leaves on one line

std::string to_json_text(const boost::json::value& value, JsonLayout layout);
// One line per element of the array at `rows_key`; the whole object on one line
// where there is no such array.
std::string to_ndjson(const boost::json::object& answer, std::string_view rows_key);

// The text with '"' around it and JSON's escapes inside.
std::string json_quoted(std::string_view text);

}  // namespace backsight::tools
