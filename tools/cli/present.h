// An answer as text: the same for an answer computed here and one fetched from
// a collector. Pure, but for the local time zone.
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace backsight::tools {

enum class Format { kTable, kJson, kNdjson, kCsv };

struct PresentOptions {
  Format format = Format::kTable;
  std::size_t width = 100;  // columns of a table
  bool terminal = false;    // json is indented; csv escapes control characters
  bool color = false;
  bool utc = false;
};

// `rows_key`: of the array that rows are made from (VerbSpec::rows_key).
std::string present(std::string_view verb, std::string_view rows_key, const boost::json::object& answer,
                    const PresentOptions& options);

}  // namespace backsight::tools
