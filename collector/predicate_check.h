// Checks the programs that decide which calls are kept: one slot at the end, and
// jumps that lead forward to where the stack is as it was meant.
#pragma once

#include "bpf/abi/plan.h"
#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace backsight::collector {

// Pops and pushes of an operation that only predicates have; false: not one.
bool predicate_effect(const bs_op& op, int& pops, int& pushes);

// Follows the operations in their order; `depth` is of the stack before each.
class PredicateFlow {
 public:
  // Before `ops[pc]`. Sets `skip` to the number of DATA operations behind it.
  schema::Result<void> step(const std::vector<bs_op>& ops, std::size_t pc, int depth, std::size_t& skip);
  // At END.
  schema::Result<void> end(std::size_t pc, int depth) const;

 private:
  schema::Result<void> jump(std::size_t pc, std::size_t count, int depth);
  schema::Result<void> text(const std::vector<bs_op>& ops, std::size_t pc, std::size_t& skip) const;

  std::map<std::size_t, int> expected_;  // depth at the targets of jumps
  std::size_t atom_end_ = 0;             // of the innermost atom: none begins inside it
};

}  // namespace backsight::collector
