#include "query/globals.h"

#include "query/render.h"
#include "query/suggest.h"

#include <boost/json.hpp>

#include <string>
#include <vector>

namespace backsight::query {

ObservedGlobal decode_global(const Timeline& timeline, const schema::EventView& event,
                             const schema::Plan& plan) {
  ObservedGlobal global;
  if (plan.captures.empty()) return global;
  ValueDecoder decoder(event, plan, decode_options(*timeline.reader, event.process(), event.time()),
                       global.unavailable);
  global.value = decoder.capture(0, shown_path(plan.captures.front()));
  return global;
}

schema::Result<std::set<schema::PlanId>> plans_of_globals(const Timeline& timeline,
                                                          const Evaluator& expression) {
  std::set<schema::PlanId> chosen;
  std::vector<std::string> names;
  std::optional<schema::Error> refused;
  for (const auto& [id, plan] : timeline.reader->plans()) {
    if (!schema::is_global(plan.probe)) continue;
    names.push_back(plan.probe.substr(schema::kGlobalPrefix.size()));
    if (const auto known = expression.check({&plan})) {
      chosen.insert(id);
    } else if (!refused) {
      refused = known.error();
    }
  }
  if (!chosen.empty()) return chosen;
  if (refused && names.size() == 1) return *refused;
  return schema::make_error(
      schema::ErrorCode::kNotFound,
      "no global of '" + expression.text() + "' is recorded in " + timeline.service,
      names.empty() ? "record it: globals: [ { expression: \"" + expression.text() + "\", every: 1s } ]"
                    : suggestion(expression.text(), names));
}

}  // namespace backsight::query
