// What one cell of a table looks like: it follows from the name of its key and
// the kind of its value.
#pragma once

#include "tools/cli/present_parts.h"
#include "tools/cli/table_printer.h"

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace backsight::tools {

using Rows = std::vector<const boost::json::object*>;

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names);
bool is_time(std::string_view key);
// Null, or an empty string, object or array.
bool is_void(const boost::json::value* value);

TableColumn column_of(std::string_view key, const Rows& rows, const TimeStyle& times);
Cell make_cell(std::string_view key, const boost::json::object& row, const TimeStyle& times);
std::string scalar_text(std::string_view key, const boost::json::value& value, const TimeStyle& times);

}  // namespace backsight::tools
