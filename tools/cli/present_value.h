// One captured value as short readable text for tables: {id=7, items=["A1", "B2"]},
// with the reason in the place of what is not there (<not_resident>).
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace backsight::tools {

// A value with the `unavailable` object of its call (may be null).
struct CapturedValue {
  const boost::json::value* value = nullptr;
  std::string path;  // of the value in `unavailable`: "" for args, "return" for the return value
  const boost::json::object* unavailable = nullptr;
};

// Everything, however long.
std::string value_text(const CapturedValue& captured);
// At most `columns` wide: long strings, long arrays and deep structures are
// shortened inside with "…" before the end is cut.
std::string value_text(const CapturedValue& captured, std::size_t columns);

// The arguments of a call: name=value, name=value. Paths in `unavailable` that
// have no place in the tree follow at the end.
std::string arguments_text(const boost::json::object& call);
std::string arguments_text(const boost::json::object& call, std::size_t columns);

// The return value, or how the call ended: "-1", "(open)", "(unwound)", "" for void.
std::string return_text(const boost::json::object& call, std::size_t columns);

}  // namespace backsight::tools
