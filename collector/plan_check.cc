#include "collector/plan_check.h"

#include "collector/chase_check.h"
#include "collector/predicate_check.h"

#include <limits>

namespace backsight::collector {

namespace {

constexpr std::uint32_t kNone = 0xffffffff;

bool is_load_size(unsigned bytes) {
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

// Pops and pushes of an operation of an entry or return program; false: not one.
bool stack_effect(const bs_op& op, int& pops, int& pushes) {
  pops = pushes = 0;
  switch (op.code) {
    case BS_OP_END:
    case BS_OP_ROOT:
    case BS_OP_IF_CALLER:
    case BS_OP_NEED_CALLER:
      return true;
    case BS_OP_PUSH_REG:
    case BS_OP_PUSH_CONST:
    case BS_OP_PUSH_IP_REL:
    case BS_OP_PUSH_LINKED:
      pushes = 1;
      return true;
    case BS_OP_ADD_CONST:
    case BS_OP_LOAD:
    case BS_OP_EXTEND:
    case BS_OP_SHIFT:
      pops = pushes = 1;
      return true;
    case BS_OP_ADD:
    case BS_OP_SUB:
    case BS_OP_MUL:
      pops = 2;
      pushes = 1;
      return true;
    case BS_OP_ELEMENT:
      pops = 3;
      pushes = 1;
      return true;
    case BS_OP_EMIT:
      pops = op.d > 8 ? 2 : 1;
      return true;
    case BS_OP_COPY:
    case BS_OP_COPY_CSTR:
      pops = 1;
      return true;
    case BS_OP_COPY_RANGE:
      pops = 2 + op.a;
      return true;
    default:
      return false;
  }
}

schema::Result<void> check_operands(const bs_op& op, std::size_t pc) {
  if (op.code == BS_OP_PUSH_REG && op.a > BS_RIP)
    return wrong_operation(pc, "no register " + std::to_string(op.a));
  if (op.code == BS_OP_LOAD && !is_load_size(op.a))
    return wrong_operation(pc, "cannot load " + std::to_string(op.a) + " bytes");
  if (op.code == BS_OP_EXTEND && (op.a == 8 || !is_load_size(op.a)))
    return wrong_operation(pc, "cannot extend " + std::to_string(op.a) + " bytes");
  if (op.code == BS_OP_SHIFT && (op.a == 0 || op.a > 63))
    return wrong_operation(pc, "cannot shift by " + std::to_string(op.a) + " bits");
  if (op.code == BS_OP_ELEMENT && op.d >> 16 == 0) return wrong_operation(pc, "elements of 0 bytes");
  if (op.code == BS_OP_EMIT && (op.d == 0 || op.d > 16))
    return wrong_operation(pc, "cannot emit " + std::to_string(op.d) + " bytes");
  if (op.code == BS_OP_COPY_RANGE && op.a > 2)
    return wrong_operation(pc, "a range has no bounds of kind " + std::to_string(op.a));
  if ((op.code == BS_OP_COPY || op.code == BS_OP_COPY_RANGE) && (op.d == 0 || op.d > BS_MAX_OBJECT))
    return wrong_operation(pc, "an object of " + std::to_string(op.d) + " bytes; at most " +
                                   std::to_string(BS_MAX_OBJECT) + " can be captured");
  return {};
}

// Values that depend on the caller: one slot from whichever operations are executed.
class CallerChoice {
 public:
  // Before operation `pc`, with `depth` slots on the stack; a next alternative begins with
  // as many as the first.
  schema::Result<void> step(const bs_op& op, std::size_t pc, int& depth) {
    const bool is_next = op.code == BS_OP_IF_CALLER;
    if (is_next && op.a == 1 && !is_open_) {
      base_ = depth;
    } else if (is_next || op.code == BS_OP_NEED_CALLER) {
      if (!is_open_ || pc != end_ || op.a != 0) return wrong_operation(pc, "no choice of callers ends here");
      if (depth != base_ + 1) return wrong_operation(pc, "a choice of callers leaves one slot each");
      depth = is_next ? base_ : depth;
    } else if (is_open_ && (pc >= end_ || op.code == BS_OP_END || op.code == BS_OP_ROOT || depth < base_)) {
      return wrong_operation(pc, "a choice of callers is not ended");
    }
    if (is_next && (op.c == 0 || op.d == 0))
      return wrong_operation(pc, "a caller without operations or address");
    if (is_next) end_ = pc + 1 + op.c;
    is_open_ = is_next || (is_open_ && op.code != BS_OP_NEED_CALLER);
    return {};
  }

 private:
  bool is_open_ = false;
  int base_ = 0;
  std::size_t end_ = 0;
};

bool makes_item(const bs_op& op) {
  return op.code == BS_OP_ROOT || op.code == BS_OP_EMIT || op.code == BS_OP_COPY ||
         op.code == BS_OP_COPY_RANGE || op.code == BS_OP_COPY_CSTR;
}

// `flow`: of a predicate, which makes no items and leaves one value.
schema::Result<void> check_program(const std::vector<bs_op>& ops, std::uint32_t pc, PredicateFlow* flow) {
  int depth = 0;
  CallerChoice choice;
  for (; pc < ops.size(); pc++) {
    const bs_op& op = ops[pc];
    int pops = 0, pushes = 0;
    const bool is_known = stack_effect(op, pops, pushes);
    if (flow ? makes_item(op) || (!is_known && !predicate_effect(op, pops, pushes)) : !is_known)
      return wrong_operation(pc, "unknown code " + std::to_string(op.code));
    BACKSIGHT_TRY(check_operands(op, pc));
    BACKSIGHT_TRY(choice.step(op, pc, depth));
    std::size_t skip = 0;
    if (flow) BACKSIGHT_TRY(flow->step(ops, pc, depth, skip));
    if (op.code == BS_OP_END) return flow ? flow->end(pc, depth) : schema::Result<void>();
    if (op.code == BS_OP_ROOT) depth = 0;
    if (depth < pops) return wrong_operation(pc, "the stack is empty");
    depth += pushes - pops;
    if (depth > static_cast<int>(BS_STACK)) return wrong_operation(pc, "the stack is full");
    pc += static_cast<std::uint32_t>(skip);
  }
  return wrong_operation(pc, "the program has no end");
}

// Ranges of a type that are zeroed; each inside of the largest item.
schema::Result<void> check_blanks(const probes::CompiledPlan& plan, const bs_type& type) {
  if (type.blanks == 0) return {};
  if (type.blanks > BS_MAX_BLANKS || type.size == 0 || type.blank_pc > plan.ops.size() ||
      plan.ops.size() - type.blank_pc < type.blanks)
    return schema::make_error(schema::ErrorCode::kInvalid, "a type of " + std::to_string(type.size) +
                                                               " bytes has " + std::to_string(type.blanks) +
                                                               " blanks at " + std::to_string(type.blank_pc));
  for (std::uint32_t pc = type.blank_pc; pc < type.blank_pc + type.blanks; pc++) {
    const bs_op& op = plan.ops[pc];
    if (op.code != BS_OP_BLANK || op.d == 0 || op.d > BS_MAX_OBJECT || op.b + op.d > type.size)
      return wrong_operation(pc, "not a blank of a type of " + std::to_string(type.size) + " bytes");
  }
  return {};
}

}  // namespace

schema::Result<void> check_plan(const probes::CompiledPlan& plan) {
  for (const std::uint32_t pc : {plan.entry_pc, plan.return_pc})
    if (pc != kNone) BACKSIGHT_TRY(check_program(plan.ops, pc, nullptr));
  for (const std::uint32_t pc : {plan.where_pc, plan.sample_pc}) {
    PredicateFlow flow;
    if (pc != kNone) BACKSIGHT_TRY(check_program(plan.ops, pc, &flow));
  }
  for (const bs_type& type : plan.types) {
    BACKSIGHT_TRY(check_blanks(plan, type));
    if (type.chase_pc == kNone) continue;
    if (type.size == 0)
      return schema::make_error(schema::ErrorCode::kInvalid, "a type of 0 bytes has a chase program");
    BACKSIGHT_TRY(check_chase_program(plan, type.chase_pc, type.size));
  }
  for (const probes::Vtable& vtable : plan.vtables)
    if (vtable.type.value >= plan.types.size())
      return schema::make_error(schema::ErrorCode::kInvalid, "a vtable of type " +
                                                                 std::to_string(vtable.type.value) + " of " +
                                                                 std::to_string(plan.types.size()));
  return {};
}

void fuse_operations(std::vector<bs_op>& ops) {
  for (std::size_t i = 0; i + 3 < ops.size(); i++) {
    const bs_op &push = ops[i + 1], &make = ops[i + 2], &after = ops[i + 3];
    if (ops[i].code != BS_OP_ROOT || push.code != BS_OP_PUSH_REG) continue;
    if (after.code != BS_OP_ROOT && after.code != BS_OP_END) continue;
    const bool is_emit = make.code == BS_OP_EMIT && make.d <= 8;
    if (!is_emit && make.code != BS_OP_COPY) continue;
    const auto offset = static_cast<std::int64_t>(push.d);
    if (offset < std::numeric_limits<std::int32_t>::min() ||
        offset > std::numeric_limits<std::int32_t>::max())
      continue;
    bs_op& fused = ops[i];
    fused.code = is_emit ? BS_OP_EMIT_REG : BS_OP_COPY_REG;
    fused.a = push.a;
    fused.b = make.b;
    fused.c = make.c;
    fused.d = make.d << 32 | static_cast<std::uint32_t>(offset);
  }
}

}  // namespace backsight::collector
