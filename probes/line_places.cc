#include "probes/line_places.h"

#include "probes/function_code.h"
#include "probes/line_flow.h"
#include "probes/line_marks.h"

#include <algorithm>
#include <map>
#include <utility>

namespace backsight::probes {

namespace {

// Linkers give functions that they dropped the address 0 or 1.
constexpr std::uint64_t kFirstAddress = 64;
constexpr std::size_t kMostSteps = 20'000'000;

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

bool contains(const std::vector<AddressRange>& ranges, std::uint64_t address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

// The operator of a lambda has no declaration, its class has.
schema::SourcePosition class_position(const DwarfSession& session, DieKey function) {
  constexpr int kMaxSteps = 8;
  std::optional<DieKey> object;
  for (int i = 0; i < kMaxSteps && function != 0 && !object; ++i) {
    const Die die = session.die(function);
    object = die.reference(DW_AT_object_pointer);
    function = die.reference(DW_AT_abstract_origin).value_or(0);
  }
  DieKey key = object.value_or(0);
  for (int i = 0; i < kMaxSteps && key != 0; ++i) {
    const Die die = session.die(key);
    const auto line = die.unsigned_value(DW_AT_decl_line);
    const auto file = die.unsigned_value(DW_AT_decl_file);
    const bool is_class = die.tag() == DW_TAG_structure_type || die.tag() == DW_TAG_class_type;
    if (is_class && line && file) return {session.source_file(key, *file), static_cast<std::uint32_t>(*line)};
    key = die.reference(die.has(DW_AT_type) ? DW_AT_type : DW_AT_abstract_origin).value_or(0);
  }
  return {};
}

bool is_jumped_to(const FunctionCode& code, std::uint64_t address) {
  const auto jumps_there = [&](const Instruction& instruction) {
    const bool jumps =
        instruction.kind == InstructionKind::kJump || instruction.kind == InstructionKind::kConditionalJump;
    return jumps && instruction.target == address;
  };
  return std::any_of(code.instructions.begin(), code.instructions.end(), jumps_there) ||
         std::find(code.table_targets.begin(), code.table_targets.end(), address) != code.table_targets.end();
}

// Where the line may begin: its blocks, and in a block where another copy of a function is
// entered, or what is jumped to.
std::vector<LinePlace> candidates(const std::vector<LinePlace>& places, const FunctionCode& code,
                                  const LineMarks& marks, bool is_clear) {
  std::vector<LinePlace> result;
  DieKey last = 0;
  for (const LinePlace& place : places) {
    const DieKey copy = marks.copy_at(place.address);
    const bool is_entry = copy != last && !marks.is_by_gcc();
    last = copy;
    const bool is_inner = (is_entry || (is_clear && is_jumped_to(code, place.address))) &&
                          (place.is_statement || !marks.is_by_gcc());
    if (place.is_first_statement || ((place.is_first || is_inner) && marks.has_code(place)))
      result.push_back(place);
  }
  return result;
}

}  // namespace

std::vector<Issue> LinePlaces::find(const LinePattern& pattern, const Take& take) {
  const std::vector<DieKey> units = lines_.units_with(pattern);
  for (const DieKey unit : units) {
    const std::vector<Function> functions = functions_with(pattern, unit);
    if (functions.empty()) continue;
    const LineTable& table = lines_.of_unit(unit);
    const RowsByAddress rows(table);
    const LineOfFiles line{matching_files(table, pattern), pattern.line};
    for (const Function& function : functions) {
      if (!take_places(pattern, line, rows, function, take)) return std::move(issues_);
    }
  }
  return found_ || !issues_.empty() ? std::move(issues_) : nearest(pattern, units);
}

// The places of a unit by the functions that they are in.
std::vector<LinePlaces::Function> LinePlaces::functions_with(const LinePattern& pattern, DieKey unit) {
  std::vector<std::pair<std::string, LinePlace>> places;
  // Reading functions may read other tables, which replaces this one.
  const LineTable& table = lines_.of_unit(unit);
  for (const LinePlace& place : line_places(table, pattern))
    places.emplace_back(table.files.at(place.file), place);
  const auto rank = [](const LinePlace& place) {
    return place.is_first_statement ? 0 : place.is_statement ? 1 : 2;
  };
  std::stable_sort(places.begin(), places.end(), [&](const auto& a, const auto& b) {
    return std::pair(a.second.address, rank(a.second)) < std::pair(b.second.address, rank(b.second));
  });
  std::vector<Function> functions;
  Function* last = nullptr;
  for (const auto& [file, place] : places) {
    if (place.address < kFirstAddress || !parts_.elf.is_code(place.address)) continue;
    if (!seen_.insert(place.address).second) continue;
    if (!last || !contains(last->info.ranges, place.address)) {
      const DieKey key = find_function_at(parts_.session, place.address);
      const auto known = std::find_if(functions.begin(), functions.end(),
                                      [&](const Function& other) { return other.info.die == key; });
      auto info = known == functions.end() ? read_(key) : std::nullopt;
      if (known == functions.end() && !info) {
        if (!issues_.empty()) continue;  // told
        issues_.push_back({base_name(file) + ":" + std::to_string(pattern.line) +
                               ": a function around it is not in the debug information",
                           ""});
        continue;
      }
      last =
          known != functions.end() ? &*known : &functions.emplace_back(Function{std::move(*info), file, {}});
    }
    last->places.push_back(place);
  }
  return functions;
}

// At one address code of several functions may begin: the line is in the one that is
// declared nearest before it.
LinePlaces::Located LinePlaces::locate(const LinePattern& pattern, const Function& function,
                                       const LinePlace& place) const {
  Located located{place, find_scopes_in(parts_.session, function.info.die, place.address, place.view), 0,
                  function.info};
  TypeBuilder types(parts_.session, parts_.index);
  FunctionInfo& shown = located.shown;
  const std::vector<Scope>& scopes = located.scopes;
  for (std::size_t i = 1; i < scopes.size(); ++i) {
    FunctionInfo copy = read_function(parts_.session, parts_.index, types, scopes[i].die);
    if (copy.source.line == 0) copy.source = class_position(parts_.session, scopes[i].die);
    const bool may_hold = copy.source.file == function.file && copy.source.line <= pattern.line;
    const bool outer_holds = shown.source.file == function.file && shown.source.line <= pattern.line;
    if (!may_hold || (outer_holds && shown.source.line > copy.source.line)) continue;
    const bool is_same = outer_holds && shown.source.line == copy.source.line;
    if (is_same && scopes[located.innermost].is_certain && !scopes[i].is_certain) continue;
    shown = std::move(copy);
    located.innermost = i;
  }
  shown.parameters = visible_variables(parts_.session, scopes[located.innermost].visible);
  shown.return_type.reset();
  shown.source = {function.file, pattern.line};
  return located;
}

bool LinePlaces::take_places(const LinePattern& pattern, const LineOfFiles& line, const RowsByAddress& rows,
                             const Function& function, const Take& take) {
  const FunctionCode code = read_function_code(parts_.elf, function.info.ranges,
                                               parts_.landmarks.of_function(function.info.ranges));
  const std::string unclear = unclear_jump(code);
  const LineMarks marks(parts_.session, rows, function.info.die, code);
  std::map<DieKey, std::vector<Located>> by_scope;
  for (const LinePlace& place : candidates(function.places, code, marks, unclear.empty())) {
    Located located = locate(pattern, function, place);
    by_scope[located.scopes[located.innermost].die].push_back(std::move(located));
  }
  // Single places of very many copies are as they are.
  const bool looks_at_all = by_scope.size() * code.instructions.size() <= kMostSteps;
  const FlowGraph graph(code);
  for (auto& [scope, located] : by_scope) {
    const bool has_statement = drop_parts_of_statements(marks.has_statements(scope), located);
    std::vector<LinePlace> places;
    for (const Located& one : located) places.push_back(one.place);
    std::vector<PlaceUse> uses(places.size());
    if (unclear.empty() && (places.size() > 1 || looks_at_all))
      uses = choose_places(graph, marks.read(line, scope, places, has_statement));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!uses[i].is_needed) continue;
      found_ = true;
      InnerSite site = site_of(pattern, function.info, located[i]);
      if (uses[i].is_repeated) site.reason += "; a loop within the line comes by here again";
      if (places.size() > 1 && !unclear.empty())
        site.reason += "; parts of the line may be seen as the line again: " + unclear;
      if (!take({located[i].shown, function.info, code, site})) return false;
    }
  }
  return true;
}

// Some of GCC's code has no beginnings of statements (templates have not): only there other
// rows count. Elsewhere they are what was moved there. Whether a place is such a beginning.
bool LinePlaces::drop_parts_of_statements(bool has_statements, std::vector<Located>& located) {
  const bool has_beginning = std::any_of(located.begin(), located.end(),
                                         [](const Located& one) { return one.place.is_first_statement; });
  if (has_beginning || has_statements)
    std::erase_if(located, [](const Located& one) { return one.place.is_first && !one.place.is_statement; });
  return has_beginning;
}

InnerSite LinePlaces::site_of(const LinePattern& pattern, const FunctionInfo& enclosing,
                              const Located& located) {
  InnerSite site;
  site.address = located.place.address;
  site.inlined = located.innermost != 0;
  site.is_line = true;
  site.is_set_up = true;
  site.is_shared = !located.place.is_last_there;
  site.reason = "where line " + std::to_string(pattern.line) + " of " + base_name(located.shown.source.file) +
                " begins";
  if (site.inlined) site.reason += ", in a copy of " + located.shown.name + " inlined into " + enclosing.name;
  return site;
}

std::vector<Issue> LinePlaces::nearest(const LinePattern& pattern, const std::vector<DieKey>& units) const {
  if (units.empty()) {
    return {{"no source file " + pattern.path + " in " + parts_.path,
             "give its name, or the end of its path, as the compiler saw it"}};
  }
  std::set<std::uint32_t> before;
  std::set<std::uint32_t> after;
  for (const DieKey unit : units) {
    for (const std::uint32_t line : nearest_lines(lines_.of_unit(unit), pattern))
      (line < pattern.line ? before : after).insert(line);
  }
  std::string hint;
  if (!before.empty()) hint = std::to_string(*before.rbegin());
  if (!after.empty()) hint += (hint.empty() ? "" : " and ") + std::to_string(*after.begin());
  return {{"line " + std::to_string(pattern.line) + " of " + pattern.path + " has no code in " + parts_.path,
           hint.empty() ? "no line of the file has" : "the nearest lines with code: " + hint}};
}

}  // namespace backsight::probes
