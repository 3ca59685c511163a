// The questions. One table of verbs serves the command line, HTTP, help, man
// pages and completion; answer() gives the JSON object of interface.md, 6, the
// same for all of them.
#pragma once

#include "schema/result.h"

#include <boost/json.hpp>

#include <atomic>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::query {

struct OptionSpec {
  std::string_view name;      // "at": typed as --at
  std::string_view argument;  // "TIME"; empty: a flag
  std::string_view help;
};

struct VerbSpec {
  std::string_view name;                      // "calls", "store stats"
  std::string_view usage;                     // "calls FUNCTION [--where E]"
  std::string_view help;                      // one sentence
  std::vector<std::string_view> positionals;  // "FUNCTION"; a trailing '?' marks an optional one
  std::vector<OptionSpec> options;            // besides the common ones
  std::string_view rows_key;  // key of the array in the answer that ndjson, csv and tables are made from
  bool writes = false;        // mark, pin, unpin: HTTP POST
  std::vector<std::string_view> examples;
};

// All verbs that need only a store.
std::span<const VerbSpec> verbs();
const VerbSpec* find_verb(std::string_view name);
// --service, --process, --thread, --host, --from, --to, --limit, ...
std::span<const OptionSpec> common_options();

struct Request {
  std::string store_path;
  std::string verb;
  std::vector<std::string> positionals;
  std::map<std::string, std::string> options;    // by name without dashes; flags: "true"
  const std::atomic<bool>* cancelled = nullptr;  // checked now and then
};

// Errors: kInvalid (unknown verb or option, bad expression or time), kNotFound
// (store, service, function, moment), kCorrupt, kIo.
// Where an answer covers a span of time the object has `complete` and `gaps`;
// answers with --where have `undecided`.
schema::Result<boost::json::object> answer(const Request& request);

}  // namespace backsight::query
