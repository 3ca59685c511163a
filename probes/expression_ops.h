// Small pieces that expressions are compiled of.
#pragma once

#include "probes/expression_compiler.h"

#include <vector>

namespace backsight::probes {

inline void append(std::vector<bs_op>& to, const std::vector<bs_op>& ops) {
  to.insert(to.end(), ops.begin(), ops.end());
}

inline void add_constant(std::vector<bs_op>& ops, std::uint64_t amount) {
  if (amount == 0) return;
  if (!ops.empty() && (ops.back().code == BS_OP_ADD_CONST || ops.back().code == BS_OP_PUSH_REG ||
                       ops.back().code == BS_OP_PUSH_IP_REL)) {
    ops.back().d += amount;
  } else {
    ops.push_back(make_op(BS_OP_ADD_CONST, 0, 0, 0, amount));
  }
}

// The value itself on the stack: loads it where it is in memory. The upper part of
// a register that holds a narrow value means nothing.
inline std::vector<bs_op> loaded(const Operand& operand, std::uint64_t size, bool is_signed) {
  std::vector<bs_op> ops = operand.source.ops;
  if (operand.source.in_memory)
    ops.push_back(make_op(BS_OP_LOAD, static_cast<std::uint8_t>(size), is_signed));
  else if (size < 8)
    ops.push_back(make_op(BS_OP_EXTEND, static_cast<std::uint8_t>(size), is_signed));
  return ops;
}

inline bool is_pointer(const schema::Type& type) {
  return type.kind == schema::TypeKind::kPointer || type.kind == schema::TypeKind::kReference;
}

}  // namespace backsight::probes
