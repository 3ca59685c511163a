// One instance of a probe to a plan: a function, an inlined copy of one, or a
// line. Chooses the site, reads locations there, compiles the captures.
#pragma once

#include "probes/body_stack.h"
#include "probes/call_sites.h"
#include "probes/cfa.h"
#include "probes/class_hierarchy.h"
#include "probes/debug_index.h"
#include "probes/disassembly.h"
#include "probes/function_info.h"
#include "probes/planner.h"
#include "probes/return_sites.h"
#include "probes/shared_variables.h"
#include "probes/sites.h"

#include <optional>
#include <string>

namespace backsight::probes {

// A binary, read.
struct BinaryParts {
  const std::string& path;
  const ElfFile& elf;
  const DwarfSession& session;
  const DebugIndex& index;
  const FrameTable& frames;
  const Landmarks& landmarks;
  ClassHierarchy& classes;
  const SharedVariables& shared;
};

// A site in the midst of a function.
struct InnerSite {
  std::uint64_t address = 0;
  std::string reason;
  bool inlined = false;  // what is shown is an inlined copy
  bool is_line = false;
  bool is_set_up = false;  // behind the prologue, and variables are wanted as they stand
  bool is_shared = false;  // statements that come later stand at the address, too
};

class InstancePlanner {
 public:
  InstancePlanner(const BinaryParts& parts, const ProbeConfig& probe, PlanResult& result)
      : parts_(parts),
        probe_(probe),
        result_(result),
        body_stack_(parts.session),
        calls_(parts.elf, parts.session, parts.frames) {}

  // Entry and return of an out-of-line function.
  void plan_function(FunctionInfo function);
  // An entry event at `site`. `shown` is what is entered there: its names and
  // the variables to capture. `enclosing` is the function that has the `code`.
  void plan_inner(const FunctionInfo& shown, const FunctionInfo& enclosing, const FunctionCode& code,
                  const InnerSite& site);

 private:
  CompiledPlan begin(const FunctionInfo& function) const;
  void compile(const FunctionInfo& shown, const FunctionInfo& enclosing, const FunctionCode& code,
               const Prologue& prologue, const SiteFrame& frame, CompiledPlan& compiled,
               bool is_copy = false) const;
  static void note_other_names(const FunctionInfo& function, CompiledPlan& compiled);
  void finish(const FunctionInfo& function, const FunctionCode& code, CompiledPlan compiled);
  void refuse(const FunctionInfo& function, const std::string& why);

  const BinaryParts& parts_;
  const ProbeConfig& probe_;
  PlanResult& result_;
  mutable BodyStack body_stack_;
  mutable CallSites calls_;
  mutable std::optional<Issue> redact_refusal_;  // of the instance that was compiled last
};

}  // namespace backsight::probes
