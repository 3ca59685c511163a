#include "collector/predicate_check.h"

#include "collector/chase_check.h"

#include <string>

namespace backsight::collector {

bool predicate_effect(const bs_op& op, int& pops, int& pushes) {
  pops = pushes = 0;
  switch (op.code) {
    case BS_OP_ATOM:
    case BS_OP_DATA:
      return true;
    case BS_OP_COMPARE:
    case BS_OP_COMPARE_FLOAT:
    case BS_OP_COMPUTE:
      pops = 2;
      pushes = 1;
      return true;
    case BS_OP_TO_FLOAT:
    case BS_OP_SHORTCUT:
      pops = pushes = 1;
      return true;
    case BS_OP_LOGIC:
      pops = op.a == BS_LOGIC_AND || op.a == BS_LOGIC_OR ? 2 : 1;
      pushes = 1;
      return true;
    case BS_OP_IF_NULL:
      pops = 1;
      pushes = op.a ? 0 : 1;
      return true;
    case BS_OP_TEXT:
    case BS_OP_HASH:
      pops = op.a == BS_TEXT_COUNTED ? 2 : op.a == BS_TEXT_THREAD ? 0 : 1;
      pushes = 1;
      return true;
    case BS_OP_SELECT:
      pops = 3;
      pushes = 1;
      return true;
    case BS_OP_PUSH_ID:
      pushes = 1;
      return true;
    default:
      return false;
  }
}

schema::Result<void> PredicateFlow::jump(std::size_t pc, std::size_t count, int depth) {
  const std::size_t target = pc + 1 + count;
  const auto [known, is_new] = expected_.try_emplace(target, depth);
  if (count == 0 || (!is_new && known->second != depth))
    return wrong_operation(pc, "a jump to where the stack is another");
  return {};
}

schema::Result<void> PredicateFlow::text(const std::vector<bs_op>& ops, std::size_t pc,
                                         std::size_t& skip) const {
  const bs_op& op = ops[pc];
  if (op.a > BS_TEXT_THREAD) return wrong_operation(pc, "no text of kind " + std::to_string(op.a));
  if (op.code == BS_OP_HASH) return {};
  if (op.a == BS_TEXT_NONE || op.b > BS_MAX_LITERAL || op.c > 1)
    return wrong_operation(pc, "a text of " + std::to_string(op.b) + " bytes");
  skip = (op.b + 7u) / 8;
  for (std::size_t i = 0; i < skip; ++i)
    if (pc + 1 + i >= ops.size() || ops[pc + 1 + i].code != BS_OP_DATA)
      return wrong_operation(pc, "a text without its bytes");
  return {};
}

schema::Result<void> PredicateFlow::step(const std::vector<bs_op>& ops, std::size_t pc, int depth,
                                         std::size_t& skip) {
  const bs_op& op = ops[pc];
  skip = 0;
  if (const auto target = expected_.find(pc); target != expected_.end() && target->second != depth)
    return wrong_operation(pc, "the stack is not as a jump to here has it");
  const bool is_in_atom = pc < atom_end_;
  switch (op.code) {
    case BS_OP_ATOM:
      if (is_in_atom) return wrong_operation(pc, "an atom in an atom");
      atom_end_ = pc + 1 + op.c;
      return jump(pc, op.c, depth + 1);
    case BS_OP_SHORTCUT:
      return jump(pc, op.c, depth);
    case BS_OP_IF_NULL:
      if (pc + 1 + op.c > atom_end_) return wrong_operation(pc, "a jump out of its atom");
      return jump(pc, op.c, depth);
    case BS_OP_TEXT:
    case BS_OP_HASH:
      BACKSIGHT_TRY(text(ops, pc, skip));
      [[fallthrough]];
    case BS_OP_LOAD:
    case BS_OP_ELEMENT:
    case BS_OP_PUSH_LINKED:
    case BS_OP_NEED_CALLER:
    case BS_OP_COMPUTE:
    case BS_OP_TO_FLOAT:
      // Where it fails, the atom is left.
      if (!is_in_atom) return wrong_operation(pc, "an operation that may fail outside of an atom");
      return {};
    case BS_OP_DATA:
      return wrong_operation(pc, "bytes of no text");
    default:
      return {};
  }
}

schema::Result<void> PredicateFlow::end(std::size_t pc, int depth) const {
  if (depth != 1) return wrong_operation(pc, "a predicate leaves one value");
  if (!expected_.empty() && expected_.rbegin()->first > pc)
    return wrong_operation(pc, "a jump behind the end");
  return {};
}

}  // namespace backsight::collector
