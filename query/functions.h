// Which plans of a timeline a FUNCTION argument means.
#pragma once

#include "query/session.h"

#include <set>
#include <string>
#include <vector>

namespace backsight::query {

struct ChosenFunctions {
  std::set<schema::PlanId> plans;
  std::set<std::string> probes;  // their names as configured
  bool known = false;            // some plan or configured probe has that name, if only without events
};

// `pattern`: a function's qualified name, its signature, a probe as it is configured,
// a glob over name or signature, or "any". The first of these that means something.
ChosenFunctions choose_functions(const store::TimelineReader& reader, const std::string& pattern);

// Names to suggest.
std::vector<std::string> function_names(const store::TimelineReader& reader);

// The error for a pattern that no timeline knows.
schema::Error unknown_function(const std::vector<Timeline>& timelines, const std::string& pattern);

}  // namespace backsight::query
