// Small pieces that predicates are compiled of.
#pragma once

#include "probes/location.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace backsight::probes {

inline std::uint16_t signedness(bool left_is_unsigned, bool right_is_unsigned) {
  return static_cast<std::uint16_t>((left_is_unsigned ? BS_LEFT_UNSIGNED : 0) |
                                    (right_is_unsigned ? BS_RIGHT_UNSIGNED : 0));
}

inline std::vector<bs_op> as_atom(std::vector<bs_op> body) {
  body.insert(body.begin(), make_op(BS_OP_ATOM, 0, 0, static_cast<std::uint32_t>(body.size())));
  return body;
}

inline std::optional<bs_operator> operator_of(std::string_view text) {
  constexpr std::pair<std::string_view, bs_operator> kOperators[] = {
      {"+", BS_PLUS}, {"-", BS_MINUS}, {"*", BS_TIMES}, {"/", BS_DIVIDE},      {"%", BS_REMAINDER},
      {"&", BS_AND},  {"|", BS_OR},    {"^", BS_XOR},   {"<<", BS_SHIFT_LEFT}, {">>", BS_SHIFT_RIGHT}};
  for (const auto& [name, code] : kOperators)
    if (name == text) return code;
  return std::nullopt;
}

// What an operation leaves on the stack, less what it takes.
inline int predicate_stack_effect(const bs_op& op) {
  switch (op.code) {
    case BS_OP_PUSH_REG:
    case BS_OP_PUSH_CONST:
    case BS_OP_PUSH_IP_REL:
    case BS_OP_PUSH_LINKED:
    case BS_OP_PUSH_ID:
      return 1;
    case BS_OP_ADD:
    case BS_OP_SUB:
    case BS_OP_MUL:
    case BS_OP_COMPARE:
    case BS_OP_COMPARE_FLOAT:
    case BS_OP_COMPUTE:
      return -1;
    case BS_OP_ELEMENT:
    case BS_OP_SELECT:
      return -2;
    case BS_OP_LOGIC:
      return op.a == BS_LOGIC_AND || op.a == BS_LOGIC_OR ? -1 : 0;
    case BS_OP_IF_NULL:
      return op.a ? -1 : 0;
    case BS_OP_TEXT:
    case BS_OP_HASH:
      return op.a == BS_TEXT_COUNTED ? -1 : op.a == BS_TEXT_THREAD ? 1 : 0;
    default:
      return 0;
  }
}

// Slots of the stack that a program needs.
inline int most_slots(const std::vector<bs_op>& ops) {
  int depth = 0, most = 0;
  for (const bs_op& op : ops) {
    if (op.code == BS_OP_IF_CALLER && op.a == 0) --depth;  // one of the callers, one slot
    depth += predicate_stack_effect(op);
    most = std::max(most, depth);
  }
  return most;
}

}  // namespace backsight::probes
