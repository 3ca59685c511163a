#include "probes/global_planner.h"

#include "probes/capture_compiler.h"
#include "probes/dynamic_types.h"
#include "probes/nearest.h"
#include "probes/prologue.h"
#include "probes/redact_check.h"
#include "probes/redaction.h"
#include "probes/variable_names.h"
#include "schema/expression.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxCandidates = 64;

// What of "stats.c::g_count.low" is what.
struct GlobalName {
  std::string file;        // "stats.c", or empty
  std::string expression;  // "g_count.low"
  std::string root;        // "g_count"; empty: it begins with no name
};

// A file has a name with a dot and no bracket before its "::"; no scope has a dot.
GlobalName parse_name(const std::string& function) {
  GlobalName name;
  name.expression = function.substr(schema::kGlobalPrefix.size());
  const auto separator = name.expression.find("::");
  const std::string before = name.expression.substr(0, separator);
  const bool is_file = separator != std::string::npos && before.find('.') != std::string::npos &&
                       before.find_first_of("()[]<>*&! \t") == std::string::npos;
  if (is_file) {
    name.file = before;
    name.expression.erase(0, separator + 2);
  }
  const auto tree = schema::parse_expression(name.expression);
  const schema::Expression* at = tree ? tree->get() : nullptr;
  while (at && at->kind != schema::ExpressionKind::kName)
    at = at->children.empty() ? nullptr : at->children.front().get();
  if (at) name.root = at->text;
  return name;
}

bool ends_with_file(const std::string& path, const std::string& file) {
  return path == file || path.ends_with("/" + file);
}

bool same_operations(const CompiledPlan& left, const CompiledPlan& right) {
  return std::equal(left.ops.begin(), left.ops.end(), right.ops.begin(), right.ops.end(),
                    [](const bs_op& a, const bs_op& b) { return std::memcmp(&a, &b, sizeof a) == 0; });
}

}  // namespace

bool GlobalPlanner::is_here(const DebugIndex& index, const std::string& function) {
  const std::string root = parse_name(function).root;
  return !root.empty() && !variables_called(index, root).empty();
}

void GlobalPlanner::refuse(std::string message, std::string hint) {
  result_.issues.push_back({std::move(message), std::move(hint)});
}

// Of the unit that describes it.
std::string GlobalPlanner::file_of(DieKey variable) const {
  const Unit* unit = parts_.session.unit_of(variable);
  if (!unit) return {};
  const Die top = parts_.session.die(unit->die);
  const char* name = top ? top.name() : nullptr;
  return name ? name : "";
}

CompiledPlan GlobalPlanner::compile(const CaptureConfig& capture, DieKey variable) {
  CompiledPlan compiled;
  schema::Plan& plan = compiled.plan;
  plan.probe = plan.function = plan.signature = probe_.function;
  plan.module_path = parts_.path;
  plan.build_id = parts_.elf.build_id();
  plan.limits = probe_.limits;
  plan.source.file = file_of(variable);
  plan.source.line =
      static_cast<std::uint32_t>(parts_.session.die(variable).unsigned_value(DW_AT_decl_line).value_or(0));
  plan.site_reason = "read from outside, nothing is attached";
  plan.return_reason = "a global has no return";
  plan.on_return = false;
  // A context without parameters, in the unit of the variable: of several statics with
  // one name it is that unit's.
  FunctionInfo nothing;
  const Unit* unit = parts_.session.unit_of(variable);
  nothing.die = unit ? unit->die : 0;
  const SiteFrame frame{.cfa = std::nullopt, .at_entry = false};
  const Prologue prologue;
  const LocationReader locations(parts_.session, parts_.session.die(nothing.die), frame, prologue,
                                 [] { return std::nullopt; });
  TypeBuilder types(parts_.session, parts_.index);
  DynamicTypes dynamic(parts_.classes, types);
  Redaction redaction(resolve_redact(probe_.redact, parts_.index, types), types, &dynamic);
  const FunctionContext context{parts_.session,          parts_.index, types,          nothing,   locations,
                                parts_.elf.is_library(), &dynamic,     &parts_.shared, &redaction};
  ProbeConfig asked = probe_;
  asked.capture_default = false;
  asked.capture = {capture};
  RedactCheck check = check_redact(asked, context);
  redact_refusal_ = std::move(check.refusal);
  if (redact_refusal_) return compiled;
  compiled.issues.insert(compiled.issues.end(), check.notes.begin(), check.notes.end());
  CaptureCompiler(context, compiled).compile(asked);
  return compiled;
}

PlanResult GlobalPlanner::plan() {
  const GlobalName name = parse_name(probe_.function);
  if (name.root.empty()) {
    refuse("'" + name.expression + "' names no global", "begin with one: g_stats.count");
    return std::move(result_);
  }
  std::vector<DieKey> candidates = variables_called(parts_.index, name.root);
  if (candidates.empty()) {
    NearestNames nearest(name.root);
    parts_.index.for_each_variable_name([&](const std::string& other) { nearest.offer(other); });
    refuse("no global '" + name.root + "' in " + parts_.path, suggestion(nearest.names()));
    return std::move(result_);
  }
  std::string files;
  for (const DieKey candidate : candidates) files += (files.empty() ? "" : ", ") + file_of(candidate);
  if (!name.file.empty()) {
    std::erase_if(candidates, [&](DieKey key) { return !ends_with_file(file_of(key), name.file); });
    if (candidates.empty()) {
      refuse("no global '" + name.root + "' of " + name.file + " in " + parts_.path, "it is in " + files);
      return std::move(result_);
    }
  }
  const Section* text = parts_.elf.section(".text");
  if (!text || text->address == 0) {
    refuse(parts_.path + " has no code by which its load address could be told");
    return std::move(result_);
  }
  if (candidates.size() > kMaxCandidates) candidates.resize(kMaxCandidates);
  const CaptureConfig capture{.name = {}, .expression = name.expression, .position = {}};
  CompiledPlan chosen = compile(capture, candidates.front());
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    // A variable may be described by several units; it is one where all find the same.
    if (same_operations(chosen, compile(capture, candidates[i]))) continue;
    refuse(
        "there are several globals '" + name.root + "' in " + parts_.path + ": of " + files,
        "name the file: globals: [ { expression: \"" + file_of(candidates[i]) + "::" + name.root + "\" } ]");
    return std::move(result_);
  }
  if (redact_refusal_) {
    result_.issues.push_back(*redact_refusal_);
    return std::move(result_);
  }
  const auto& captures = chosen.plan.captures;
  if (captures.size() != 1 || captures.front().unavailable != schema::Unavailable::kNone ||
      chosen.entry_pc == 0xffffffff) {
    result_.issues = std::move(chosen.issues);
    if (result_.issues.empty()) refuse("'" + name.expression + "' cannot be read");
    return std::move(result_);
  }
  if (chosen.ops.size() > 1 && chosen.ops[1].code == BS_OP_PUSH_IP_REL) chosen.plan.address = chosen.ops[1].d;
  Site anchor;
  anchor.address = text->address;
  anchor.file_offset = text->offset;
  chosen.sites.push_back(anchor);
  result_.plans.push_back(std::move(chosen));
  return std::move(result_);
}

}  // namespace backsight::probes
