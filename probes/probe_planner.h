// One probe in one binary: its functions, their inlined copies, or the places of
// a line, each planned as an instance.
#pragma once

#include "probes/function_finder.h"
#include "probes/inlined_copies.h"
#include "probes/instance_planner.h"
#include "probes/lines.h"
#include "probes/plan_stream.h"

#include <set>

namespace backsight::probes {

// What finds functions and lines of one binary.
struct BinaryNames {
  const FunctionSymbols& symbols;
  const FunctionFinder& functions;
  const LineTables& lines;
};

class ProbePlanner {
 public:
  ProbePlanner(const BinaryParts& parts, const BinaryNames& names, const ProbeConfig& probe)
      : parts_(parts), names_(names), probe_(probe), instances_(parts, probe, result_) {}

  PlanResult plan();
  // The plans of the result are given to `take`.
  std::vector<Issue> plan_each(const TakePlan& take);

 private:
  void plan_functions();
  void plan_concrete(const FunctionPattern& pattern, DieKey key);
  void name_lambda(const FunctionFinder::Found& found, FunctionInfo& function) const;
  void plan_inlined(const FunctionPattern& pattern, const FunctionFinder::Found& found);
  void plan_line(const LinePattern& pattern);
  // Null: there is no code of it in the binary.
  std::optional<FunctionInfo> read_enclosing(DieKey key);
  void find_source(FunctionInfo& function) const;
  bool is_full() const;
  std::size_t planned() const { return taken_ + result_.plans.size(); }
  void hand_over();
  Issue not_found(const FunctionPattern& pattern) const;

  const BinaryParts& parts_;
  const BinaryNames& names_;
  const ProbeConfig& probe_;
  PlanResult result_;
  const TakePlan* take_ = nullptr;  // null: all are kept
  std::size_t taken_ = 0;
  bool is_enough_ = false;  // for the taker
  InstancePlanner instances_;
  std::set<std::uint64_t> seen_;  // addresses of functions
};

}  // namespace backsight::probes
