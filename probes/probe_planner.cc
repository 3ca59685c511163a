#include "probes/probe_planner.h"

#include "probes/global_planner.h"
#include "probes/line_places.h"
#include "probes/nearest.h"

#include <map>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxInstances = 10'000;
constexpr int kMaxOriginChain = 4;
// Linkers give functions that they dropped the address 0 or 1.
constexpr std::uint64_t kFirstAddress = 64;

// GCC names the body of a coroutine after the coroutine.
bool is_coroutine_body(const FunctionInfo& function) {
  constexpr std::string_view kFrame = ".Frame*";
  return function.parameter_types.size() == 1 && function.parameter_types[0].size() > kFrame.size() &&
         function.parameter_types[0].compare(function.parameter_types[0].size() - kFrame.size(),
                                             kFrame.size(), kFrame) == 0;
}

}  // namespace

PlanResult ProbePlanner::plan() {
  if (schema::is_global(probe_.function)) {
    result_ = GlobalPlanner(parts_, probe_).plan();
    hand_over();
  } else if (const auto line = parse_line_pattern(probe_.function)) {
    plan_line(*line);
  } else {
    plan_functions();
  }
  if (is_full() && !is_enough_) {
    result_.issues.push_back(
        {probe_.function + " matches more than " + std::to_string(kMaxInstances) + " functions",
         "use a narrower pattern"});
  }
  return std::move(result_);
}

std::vector<Issue> ProbePlanner::plan_each(const TakePlan& take) {
  take_ = &take;
  return plan().issues;
}

void ProbePlanner::hand_over() {
  if (!take_) return;
  for (CompiledPlan& plan : result_.plans) {
    if (is_enough_) break;
    is_enough_ = !(*take_)(std::move(plan));
    ++taken_;
  }
  result_.plans.clear();
}

bool ProbePlanner::is_full() const {
  return is_enough_ || planned() >= kMaxInstances;
}

void ProbePlanner::plan_functions() {
  const FunctionPattern pattern(searched_text(probe_));
  const FunctionFinder::Found found = names_.functions.find(pattern);
  if (found.empty()) {
    result_.issues.push_back(not_found(pattern));
    return;
  }
  for (const DieKey key : found.concrete) {
    if (is_full()) return;
    plan_concrete(pattern, key);
  }
  plan_inlined(pattern, found);
  // A cached index knows names whose debug information may be gone since.
  if (planned() == 0 && result_.issues.empty()) result_.issues = parts_.session.issues();
  if (planned() == 0 && result_.issues.empty()) {
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
  if (const std::string other = names_.functions.shares_code(*function); !other.empty()) {
    result_.issues.push_back({function->name + " was merged with " + other + " in " + parts_.path +
                                  ": calls of one cannot be told from calls of the other",
                              "link it with --icf=none"});
    return;
  }
  if (seen_.insert(function->ranges.front().begin).second) instances_.plan_function(std::move(*function));
  hand_over();
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
  if (function.source.line == 0) find_source(function);
  return function;
}

// Lambdas have no declaration: where their code begins.
void ProbePlanner::find_source(FunctionInfo& function) const {
  const Unit* unit = parts_.session.unit_of(function.die);
  if (!unit) return;
  const LineTable& table = names_.lines.of_unit(unit->die);
  const LineRow* row = row_at(table, function.ranges.front().begin);
  if (row && row->file < table.files.size()) function.source = {table.files[row->file], row->line};
}

// The debug information has a lambda's function without its scope.
void ProbePlanner::name_lambda(const FunctionFinder::Found& found, FunctionInfo& function) const {
  if (found.lambdas.empty()) return;
  DieKey key = function.die;
  for (int i = 0; i < kMaxOriginChain && key != 0; ++i) {
    if (const auto name = found.lambdas.find(key); name != found.lambdas.end()) {
      if (function.signature.starts_with(function.name))
        function.signature.replace(0, function.name.size(), name->second);
      function.name = name->second;
      return;
    }
    key = parts_.session.die(key).reference(DW_AT_abstract_origin).value_or(0);
  }
}

void ProbePlanner::plan_inlined(const FunctionPattern& pattern, const FunctionFinder::Found& found) {
  if (FunctionFinder::names_part(pattern)) return;
  std::map<std::string, std::map<std::string, std::size_t>> refused;  // function, reason: copies
  DieKey around = 0;
  std::optional<FunctionInfo> enclosing;
  FunctionCode code;
  TypeBuilder types(parts_.session, parts_.index);
  for (const InlinedCopy& copy : find_inlined_copies(parts_.session, found.abstract, kMaxInstances)) {
    if (is_full()) break;
    FunctionInfo function = read_function(parts_.session, parts_.index, types, copy.die);
    name_lambda(found, function);
    if (!pattern.matches_parameters(function.parameter_types) || is_coroutine_body(function)) continue;
    if (copy.enclosing != around) {  // one function's copies come one after the other
      around = copy.enclosing;
      enclosing = read_enclosing(around);
      code = enclosing ? disassemble(parts_.elf, enclosing->ranges) : FunctionCode();
    }
    if (!enclosing) continue;
    const InlinedEntry entry =
        find_inlined_entry(parts_.session, names_.lines, parts_.session.die(copy.die), code);
    if (!entry.problem.empty()) {
      ++refused[function.name][entry.problem];
      continue;
    }
    // Several copies may begin at one instruction: each is entered there.
    function.return_type.reset();
    InnerSite site;
    site.address = entry.address;
    site.inlined = true;
    site.reason = "inlined into " + enclosing->name + ", where this copy begins";
    instances_.plan_inner(function, *enclosing, code, site);
    hand_over();
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
  LinePlaces places(parts_, names_.lines, [this](DieKey key) { return read_enclosing(key); });
  for (Issue& issue : places.find(pattern, [this](const FoundPlace& place) {
         instances_.plan_inner(place.shown, place.enclosing, place.code, place.site);
         hand_over();
         return !is_full();
       })) {
    result_.issues.push_back(std::move(issue));
  }
}

Issue ProbePlanner::not_found(const FunctionPattern& pattern) const {
  NearestNames nearest(pattern.name());
  for (const FunctionEntry& entry : parts_.index.functions()) nearest.offer(parts_.index.qualified(entry));
  if (!pattern.is_glob() && !names_.symbols.named(pattern.name()).empty()) {
    if (const std::vector<Issue> missing = parts_.session.issues(); !missing.empty()) return missing.front();
    return {parts_.path + " has code of " + probe_.function + ", but no debug information for it",
            "build its source file with -g; of functions with equal code GCC may describe one only "
            "(-fno-ipa-icf)"};
  }
  return {"no function " + probe_.function + " in " + parts_.path, suggestion(nearest.names())};
}

}  // namespace backsight::probes
