#include "probes/instance_planner.h"

#include "probes/argument_place.h"
#include "probes/capture_compiler.h"
#include "probes/dynamic_types.h"
#include "probes/function_code.h"
#include "probes/prologue.h"
#include "probes/redact_check.h"
#include "probes/redaction.h"
#include "probes/site_check.h"
#include "probes/slot_check.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace backsight::probes {

namespace {

bool fits_adjust(std::int64_t offset) {
  return offset >= std::numeric_limits<std::int16_t>::min() &&
         offset <= std::numeric_limits<std::int16_t>::max();
}

// Whether the function is left where it is entered. Of two probes on one instruction
// the kernel does not say which is hit first, and the exit must not be.
bool leaves_at(const ReturnSites& returns, std::uint64_t address) {
  return std::any_of(returns.sites.begin(), returns.sites.end(),
                     [&](const Site& site) { return !site.is_uretprobe && site.address == address; });
}

void forget_return(CompiledPlan& compiled) {
  compiled.plan.on_return = false;
  compiled.plan.return_via = schema::ReturnVia::kNone;
  compiled.plan.return_reason = "the instruction where it is entered leaves it";
}

}  // namespace

void InstancePlanner::refuse(const FunctionInfo& function, const std::string& why) {
  result_.issues.push_back({function.name + " cannot be probed: " + why, ""});
}

CompiledPlan InstancePlanner::begin(const FunctionInfo& function) const {
  CompiledPlan compiled;
  schema::Plan& plan = compiled.plan;
  plan.probe = probe_.function;
  plan.function = function.name;
  plan.signature = function.signature;
  plan.source = function.source;
  plan.module_path = parts_.path;
  plan.build_id = parts_.elf.build_id();
  plan.limits = probe_.limits;
  plan.stack = probe_.stack;
  return compiled;
}

// One piece of code may be several functions: aliases, and what linkers fold.
void InstancePlanner::note_other_names(const FunctionInfo& function, CompiledPlan& compiled) {
  for (const std::string& other : function.other_names)
    compiled.issues.push_back({"calls of " + other + " are seen too: it is the same code", ""});
}

void InstancePlanner::plan_function(FunctionInfo function) {
  CodeLandmarks landmarks = parts_.landmarks.of_function(function.ranges);
  landmarks.frames = &parts_.frames;
  const FunctionCode code = read_function_code(parts_.elf, function.ranges, landmarks);
  const Prologue prologue = analyse_prologue(parts_.elf, function.ranges.front());
  const EntrySites sites = find_entry_sites(parts_.elf, code, prologue, landmarks);
  if (sites.candidates.empty()) return refuse(function, sites.refusal);
  ReturnSites returns = choose_return_sites(parts_.elf, code, landmarks, function.is_c);
  CompiledPlan common = begin(function);
  schema::Plan& plan = common.plan;
  plan.address = function.ranges.front().begin;
  note_other_names(function, common);
  if (function.parameters.empty() && !has_all_parameters(function))
    common.issues.push_back({"the parameters of " + function.name + " are not in the debug information",
                             "-g1 leaves them out; build with -g"});
  plan.on_entry = probe_.on_entry;
  plan.return_via = probe_.on_return ? returns.via : schema::ReturnVia::kNone;
  plan.return_reason = probe_.on_return ? returns.reason : "not asked for";
  plan.on_return = plan.return_via != schema::ReturnVia::kNone;
  if (!plan.on_entry && plan.on_return && returns.sites.empty()) plan.on_return = false;
  if (probe_.on_return && !plan.on_return) {
    common.issues.push_back({"returns of " + function.name + " are not caught: " + returns.reason, ""});
  }
  if (!plan.on_entry && !plan.on_return) {
    result_.issues.insert(result_.issues.end(), common.issues.begin(), common.issues.end());
    return;
  }
  auto chosen = choose_entry_site(sites, [&](const EntryCandidate& candidate) {
    CompiledPlan compiled = common;
    compiled.plan.site = candidate.site.address;
    compiled.plan.site_class = candidate.site.site_class;
    compiled.plan.site_reason = candidate.reason;
    if (plan.on_entry) compiled.sites.push_back(candidate.site);
    if (plan.on_entry && leaves_at(returns, candidate.site.address)) forget_return(compiled);
    compile(function, function, code, prologue, candidate.frame, compiled);
    return compiled;
  });
  if (!chosen) return;
  chosen->plan.plan.site_reason = site_reason(sites, chosen->candidate, function.parameters.size());
  const bool on_return = chosen->plan.plan.on_return;
  if (on_return && plan.return_via == schema::ReturnVia::kUretprobe && !chosen->plan.vtables.empty()) {
    returns = choose_return_sites(parts_.elf, code, landmarks, function.is_c, true);
    chosen->plan.plan.return_via = returns.via;
    chosen->plan.plan.return_reason = returns.reason + "; its result's class is told by link-time addresses";
  }
  if (on_return) {
    move_return_probe(sites, chosen->candidate, returns.sites);
    auto& all = chosen->plan.sites;
    all.insert(all.end(), returns.sites.begin(), returns.sites.end());
  }
  finish(function, code, std::move(chosen->plan));
}

void InstancePlanner::finish(const FunctionInfo& function, const FunctionCode& code, CompiledPlan compiled) {
  if (redact_refusal_) {
    redact_refusal_->message = function.name + " is not probed: " + redact_refusal_->message;
    result_.issues.push_back(*std::exchange(redact_refusal_, std::nullopt));
    return;
  }
  if (!compiled.refusal.empty()) return refuse(function, compiled.refusal);
  const std::string problem = seal_sites(parts_.elf, code, compiled.sites);
  if (!problem.empty()) return refuse(function, problem);
  result_.plans.push_back(std::move(compiled));
}

void InstancePlanner::plan_inner(const FunctionInfo& shown, const FunctionInfo& enclosing,
                                 const FunctionCode& code, const InnerSite& at) {
  if (!probe_.on_entry) {
    result_.issues.push_back({shown.name + " has no return that could be seen: " +
                                  (at.is_line ? "a line has none" : "it is inlined into " + enclosing.name),
                              "add entry to `on`"});
    return;
  }
  const Instruction* instruction = code.at(at.address);
  if (!instruction) return refuse(shown, "its address is not at an instruction of " + enclosing.name);
  if (instruction->kind == InstructionKind::kTrap || instruction->is_refused || instruction->is_nop5)
    return refuse(shown, "the instruction there cannot be probed");
  const auto offset = parts_.elf.file_offset(at.address);
  const auto cfa = parts_.frames.at(at.address);
  if (!offset) return refuse(shown, "its code is not in the file");
  if (!cfa || !fits_adjust(cfa->offset - 8))
    return refuse(shown, "the frame of " + enclosing.name + " is not described at its address");

  CompiledPlan compiled = begin(shown);
  schema::Plan& plan = compiled.plan;
  plan.inlined = at.inlined;
  plan.address = enclosing.ranges.front().begin;
  plan.site = at.address;
  plan.site_class = instruction->site_class;
  plan.site_reason = at.reason;
  plan.return_reason = at.is_line ? "a line has no return" : "an inlined copy has no return of its own";
  plan.on_return = false;
  Site site;
  site.address = at.address;
  site.file_offset = *offset;
  site.kind = cfa->reg == BS_RBP ? BS_SITE_ENTRY_BY_RBP : BS_SITE_ENTRY;
  site.frame_adjust = static_cast<std::int16_t>(cfa->offset - 8);
  site.site_class = instruction->site_class;
  compiled.sites.push_back(site);

  SiteFrame frame;
  frame.site = at.address;
  frame.entry = plan.address;
  frame.cfa = cfa;
  frame.at_entry = at.address == plan.address;
  frame.is_set_up = at.is_set_up && !frame.at_entry;
  frame.is_shared = at.is_shared;
  const Prologue prologue = analyse_prologue(parts_.elf, enclosing.ranges.front());
  compile(shown, enclosing, code, prologue, frame, compiled, !at.is_line);
  finish(shown, code, std::move(compiled));
}

void InstancePlanner::compile(const FunctionInfo& shown, const FunctionInfo& enclosing,
                              const FunctionCode& code, const Prologue& prologue, const SiteFrame& frame,
                              CompiledPlan& compiled, bool is_copy) const {
  const Die die = parts_.session.die(enclosing.die);
  std::optional<SlotCheck> slots;
  const bool is_inner = &shown != &enclosing;  // a copy, or a line
  if ((is_inner || !frame.at_entry) && is_optimised(parts_.session, die))
    slots.emplace(TypeLayout(parts_.session, parts_.index), parts_.elf, parts_.frames, die, code, frame,
                  is_copy);
  const LocationReader locations(
      parts_.session, die, frame, prologue, [&] { return body_stack_.rsp(enclosing.die, code, prologue); },
      [&] { return calls_.of(code); }, slots ? &*slots : nullptr);
  TypeBuilder types(parts_.session, parts_.index);
  DynamicTypes dynamic(parts_.classes, types);
  Redaction redaction(resolve_redact(probe_.redact, parts_.index, types), types, &dynamic);
  const FunctionContext context{parts_.session,          parts_.index, types,          shown,     locations,
                                parts_.elf.is_library(), &dynamic,     &parts_.shared, &redaction};
  RedactCheck check = check_redact(probe_, context);
  redact_refusal_ = std::move(check.refusal);
  if (redact_refusal_) return;
  compiled.issues.insert(compiled.issues.end(), check.notes.begin(), check.notes.end());
  CaptureCompiler(context, compiled).compile(probe_);
}

}  // namespace backsight::probes
