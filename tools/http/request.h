// From named parameters to a query::Request: the one place where both the
// command line and HTTP turn what was typed into a question. A positional
// argument is a parameter too, named by its lower-case name in the verb table:
// "calls FUNCTION" takes function=….
#pragma once

#include "query/verbs.h"
#include "schema/result.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::tools {

// The verbs and options that can be asked; replaced in tests.
struct Vocabulary {
  std::span<const query::VerbSpec> verbs;
  std::span<const query::OptionSpec> common;

  const query::VerbSpec* find(std::string_view name) const;
};

using Answer = std::function<schema::Result<boost::json::object>(const query::Request&)>;

struct Parameter {
  std::string name;
  std::string value;
};

// "FUNCTION" -> "function", "NAME?" -> "name", "FIELD=VALUE" -> "field".
std::string parameter_name(std::string_view positional);
bool is_optional(std::string_view positional);
// Options of the common table that concern where to ask and how to show, not
// the question itself: never part of a Request, never accepted over HTTP.
bool is_client_option(std::string_view name);

// Checks names, repetitions and missing positionals (kInvalid, with the names
// that would be right); values are checked by the query itself. Flags become
// "true" or are left out.
schema::Result<query::Request> build_request(const Vocabulary& vocabulary, const query::VerbSpec& verb,
                                             std::span<const Parameter> parameters);

// The name that was probably meant; empty if none is near.
std::string nearest_name(std::string_view typed, std::span<const std::string> names);

}  // namespace backsight::tools
