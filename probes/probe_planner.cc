#include "probes/probe_planner.h"

#include "probes/nearest.h"
#include "probes/scopes.h"

#include <map>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxInstances = 10'000;
// Linkers give functions that they dropped the address 0 or 1.
constexpr std::uint64_t kFirstAddress = 64;

// The variables of a scope, by name; an inner one hides outer ones.
std::vector<Parameter> visible_variables(const DwarfSession& session, const std::vector<DieKey>& dies) {
  std::vector<Parameter> variables;
  std::set<std::string> names;
  for (const DieKey key : dies) {
    const Die die = session.die(key);
    const DieKey origin = die.reference(DW_AT_abstract_origin).value_or(0);
    const Die abstract = origin != 0 ? session.die(origin) : Die();
    const Die& named = die.name() || !abstract ? die : abstract;
    Parameter variable;
    variable.die = key;
    variable.name = named.name() ? named.name() : "";
    variable.type =
        die.has(DW_AT_type) ? die.reference(DW_AT_type).value_or(0) : named.reference(DW_AT_type).value_or(0);
    variable.is_artificial = die.flag(DW_AT_artificial) || named.flag(DW_AT_artificial);
    if (variable.name.empty() || die.has(DW_AT_declaration)) continue;
    if (variable.is_artificial && variable.name != "this") continue;
    if (names.insert(variable.name).second) variables.push_back(std::move(variable));
  }
  return variables;
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

PlanResult ProbePlanner::plan() {
  if (const auto line = parse_line_pattern(probe_.function)) {
    plan_line(*line);
  } else {
    plan_functions();
  }
  if (is_full()) {
    result_.issues.push_back(
        {probe_.function + " matches more than " + std::to_string(kMaxInstances) + " functions",
         "use a narrower pattern"});
  }
  return std::move(result_);
}

bool ProbePlanner::is_full() const {
  return result_.plans.size() >= kMaxInstances;
}

void ProbePlanner::plan_functions() {
  const FunctionPattern pattern(probe_.function);
  const FunctionFinder::Found found = names_.functions.find(pattern);
  if (found.empty()) {
    result_.issues.push_back(not_found(pattern));
    return;
  }
  for (const DieKey key : found.concrete) {
    if (is_full()) return;
    plan_concrete(pattern, key);
  }
  plan_inlined(pattern, found.abstract);
  if (result_.plans.empty() && result_.issues.empty()) {
    result_.issues.push_back(
        pattern.has_parameters()
            ? Issue{"no overload of " + pattern.name() + " in " + parts_.path + " matches " + probe_.function,
                    "write the parameter types as they are declared, or use * for any"}
            : Issue{pattern.name() + " is in the debug information of " + parts_.path +
                        ", but no code of it is left",
                    "probe what calls it, or build it with __attribute__((noinline))"});
  }
}

void ProbePlanner::plan_concrete(const FunctionPattern& pattern, DieKey key) {
  TypeBuilder types(parts_.session, parts_.index);
  const FunctionInfo names = read_function_names(parts_.session, parts_.index, types, key);
  if (!pattern.matches_parameters(names.parameter_types)) return;  // another overload
  std::optional<FunctionInfo> function = read_enclosing(key);
  if (!function || !names_.functions.is_meant(pattern, *function)) return;
  if (seen_.insert(function->ranges.front().begin).second) instances_.plan_function(std::move(*function));
}

std::optional<FunctionInfo> ProbePlanner::read_enclosing(DieKey key) {
  TypeBuilder types(parts_.session, parts_.index);
  FunctionInfo function = read_function(parts_.session, parts_.index, types, key);
  // The linker drops all copies of an inline function but one; the others have address 0.
  if (function.ranges.empty() || function.ranges.front().begin < kFirstAddress ||
      !parts_.elf.is_code(function.ranges.front().begin)) {
    return std::nullopt;
  }
  names_.symbols.order_ranges(function);
  names_.symbols.complete(function);
  return function;
}

void ProbePlanner::plan_inlined(const FunctionPattern& pattern, const std::vector<DieKey>& abstract) {
  std::map<std::string, std::map<std::string, std::size_t>> refused;  // function, reason: copies
  TypeBuilder types(parts_.session, parts_.index);
  for (const InlinedCopy& copy : find_inlined_copies(parts_.session, abstract, kMaxInstances)) {
    if (is_full()) break;
    FunctionInfo function = read_function(parts_.session, parts_.index, types, copy.die);
    if (!pattern.matches_parameters(function.parameter_types)) continue;
    const std::optional<FunctionInfo> enclosing = read_enclosing(copy.enclosing);
    if (!enclosing) continue;
    const FunctionCode code = disassemble(parts_.elf, enclosing->ranges);
    const InlinedEntry entry =
        find_inlined_entry(parts_.session, names_.lines, parts_.session.die(copy.die), code);
    if (!entry.problem.empty()) {
      ++refused[function.name][entry.problem];
      continue;
    }
    function.return_type.reset();
    InnerSite site;
    site.address = entry.address;
    site.inlined = true;
    site.reason = "inlined into " + enclosing->name + ", where this copy begins";
    instances_.plan_inner(std::move(function), *enclosing, site);
  }
  for (const auto& [name, reasons] : refused) {
    for (const auto& [reason, copies] : reasons) {
      result_.issues.push_back({std::to_string(copies) +
                                    (copies == 1 ? " inlined copy of " : " inlined copies of ") + name +
                                    " cannot be probed: " + reason,
                                "probe a caller, or build it with __attribute__((noinline))"});
    }
  }
}

void ProbePlanner::plan_line(const LinePattern& pattern) {
  const std::vector<DieKey> units = names_.lines.units_with(pattern);
  bool found = false;
  for (const DieKey unit : units) {
    const LineTable& table = names_.lines.of_unit(unit);
    std::vector<std::pair<std::string, std::uint64_t>> places;
    for (const LinePlace& place : line_begins(table, pattern))
      places.emplace_back(table.files.at(place.file), place.address);
    for (const auto& [file, address] : places) {
      if (address < kFirstAddress || !parts_.elf.is_code(address)) continue;
      found = true;
      if (!is_full() && seen_.insert(address).second) plan_place(pattern, file, address);
    }
  }
  if (!found) name_nearest_lines(pattern, units);
}

void ProbePlanner::plan_place(const LinePattern& pattern, const std::string& file, std::uint64_t address) {
  const auto scope = find_scope(parts_.session, address);
  const auto enclosing = scope ? read_enclosing(scope->function) : std::nullopt;
  if (!enclosing) {
    result_.issues.push_back(
        {probe_.function + ": the function around it is not in the debug information", ""});
    return;
  }
  FunctionInfo shown = *enclosing;
  const bool inlined = scope->innermost != scope->function;
  if (inlined) {
    TypeBuilder types(parts_.session, parts_.index);
    shown = read_function(parts_.session, parts_.index, types, scope->innermost);
  }
  shown.parameters = visible_variables(parts_.session, scope->visible);
  shown.return_type.reset();
  shown.source = {file, pattern.line};
  InnerSite site;
  site.address = address;
  site.inlined = inlined;
  site.is_line = true;
  site.is_set_up = true;
  site.reason = "where line " + std::to_string(pattern.line) + " of " + base_name(file) + " begins" +
                (inlined ? ", in a copy of " + shown.name + " inlined into " + enclosing->name : "");
  instances_.plan_inner(std::move(shown), *enclosing, site);
}

void ProbePlanner::name_nearest_lines(const LinePattern& pattern, const std::vector<DieKey>& units) {
  if (units.empty()) {
    result_.issues.push_back({"no source file " + pattern.path + " in " + parts_.path,
                              "give its name, or the end of its path, as the compiler saw it"});
    return;
  }
  std::set<std::uint32_t> before;
  std::set<std::uint32_t> after;
  for (const DieKey unit : units) {
    for (const std::uint32_t line : nearest_lines(names_.lines.of_unit(unit), pattern))
      (line < pattern.line ? before : after).insert(line);
  }
  std::string hint;
  if (!before.empty()) hint = std::to_string(*before.rbegin());
  if (!after.empty()) hint += (hint.empty() ? "" : " and ") + std::to_string(*after.begin());
  result_.issues.push_back(
      {"line " + std::to_string(pattern.line) + " of " + pattern.path + " has no code in " + parts_.path,
       hint.empty() ? "no line of the file has" : "the nearest lines with code: " + hint});
}

Issue ProbePlanner::not_found(const FunctionPattern& pattern) const {
  NearestNames nearest(pattern.name());
  for (const FunctionEntry& entry : parts_.index.functions()) nearest.offer(parts_.index.qualified(entry));
  return {"no function " + probe_.function + " in " + parts_.path, suggestion(nearest.names())};
}

}  // namespace backsight::probes
