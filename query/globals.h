// Globals that were read by time: what one observation shows, and which plans an
// expression over globals is about.
#pragma once

#include "query/args.h"
#include "query/evaluate.h"
#include "query/session.h"

#include <boost/json/value.hpp>

#include <set>

namespace backsight::query {

struct ObservedGlobal {
  boost::json::value value;
  UnavailableMap unavailable;
};
ObservedGlobal decode_global(const Timeline& timeline, const schema::EventView& event,
                             const schema::Plan& plan);

// Plans of globals that know every name of the expression. kNotFound: none does.
schema::Result<std::set<schema::PlanId>> plans_of_globals(const Timeline& timeline,
                                                          const Evaluator& expression);

}  // namespace backsight::query
