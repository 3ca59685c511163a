#include "query/functions.h"

#include "query/suggest.h"

namespace backsight::query {
namespace {

// `probe`: as configured; its functions are meant, too.
template <class Matches>
ChosenFunctions choose(const store::TimelineReader& reader, const Matches& matches,
                       const std::string& probe = {}) {
  ChosenFunctions chosen;
  for (const auto& [id, plan] : reader.plans()) {
    if (schema::is_global(plan.probe)) continue;  // no function
    const bool is_probe = !probe.empty() && plan.probe == probe;
    if (!is_probe && !matches(plan.function) && !matches(plan.signature)) continue;
    chosen.plans.insert(id);
    chosen.probes.insert(plan.probe);
    chosen.known = true;
  }
  for (const schema::ProbeStatus& status : reader.probe_statuses()) {
    if (schema::is_global(status.probe) || (!matches(status.function) && !matches(status.probe))) continue;
    chosen.probes.insert(status.probe);
    chosen.known = true;
  }
  return chosen;
}

}  // namespace

ChosenFunctions choose_functions(const store::TimelineReader& reader, const std::string& pattern) {
  if (pattern == "any" || pattern == "*") {
    ChosenFunctions all = choose(reader, [](const std::string&) { return true; });
    all.known = true;
    all.probes.clear();
    return all;
  }
  ChosenFunctions exact = choose(reader, [&](const std::string& name) { return name == pattern; });
  if (!exact.plans.empty()) return exact;
  // "reserve" as it stands in the configuration may be shop::Checkout::reserve.
  ChosenFunctions configured = choose(
      reader, [&](const std::string& name) { return name == pattern; }, pattern);
  if (!configured.plans.empty()) return configured;
  ChosenFunctions globbed =
      choose(reader, [&](const std::string& name) { return matches_glob(pattern, name); });
  return globbed.plans.empty() && exact.known ? exact : globbed;
}

std::vector<std::string> function_names(const store::TimelineReader& reader) {
  std::set<std::string> names;
  for (const auto& [id, plan] : reader.plans()) {
    if (!schema::is_global(plan.probe)) names.insert(plan.function);
  }
  for (const schema::ProbeStatus& status : reader.probe_statuses()) {
    if (schema::is_global(status.probe)) continue;
    names.insert(status.function.empty() ? status.probe : status.function);
  }
  return {names.begin(), names.end()};
}

schema::Error unknown_function(const std::vector<Timeline>& timelines, const std::string& pattern) {
  std::vector<std::string> names;
  std::string services;
  for (const Timeline& timeline : timelines) {
    for (std::string& name : function_names(*timeline.reader)) names.push_back(std::move(name));
    services += (services.empty() ? "" : ", ") + timeline.service;
  }
  const std::string where =
      timelines.empty() ? "nothing is recorded yet" : "no probe on '" + pattern + "' in " + services;
  return schema::make_error(schema::ErrorCode::kNotFound, where, suggestion(pattern, names));
}

}  // namespace backsight::query
