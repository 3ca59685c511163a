// The captures of one probe at one function: the entry and return programs, the
// chase programs, and the part of the plan that tells how to show the result.
#pragma once

#include "probes/chase_programs.h"
#include "probes/config.h"
#include "probes/expression_compiler.h"
#include "probes/planner.h"
#include "probes/redaction.h"

#include <map>
#include <vector>

namespace backsight::probes {

class CaptureCompiler {
 public:
  CaptureCompiler(const FunctionContext& context, CompiledPlan& output)
      : context_(context), expressions_(context), output_(output) {}

  // What the probe asks for, as far as entry and return events exist.
  void compile(const ProbeConfig& probe);

 private:
  struct Compiled {
    schema::Capture capture;
    Operand operand;
  };

  void add_defaults();
  void add_indexed(const CaptureConfig& config);
  // Which calls are kept: `where`, `sample`.
  void decide(const ProbeConfig& probe);
  void add(const CaptureConfig& config);
  void add_operand(schema::Capture capture, Operand operand, const std::string& shown);
  void add_refused(schema::Capture capture, schema::Unavailable reason, const std::string& shown);
  bool has_room(const std::string& shown);
  void check_size(Operand& operand) const;
  void emit(const Compiled& compiled, std::uint16_t root);
  void emit_program(bool at_return);
  void finish_types(std::uint32_t depth);
  void take_types(std::vector<schema::TypeId> roots, std::vector<schema::TypeId>& renumbered);
  void refuse_all();
  void emit_blanks();

  const FunctionContext& context_;
  ExpressionCompiler expressions_;
  CompiledPlan& output_;
  std::vector<Compiled> compiled_;
  FollowedMembers followed_;
  std::map<std::uint32_t, std::vector<Redaction::Range>> blanks_;  // by type of the plan
};

}  // namespace backsight::probes
