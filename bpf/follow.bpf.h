/* Which chase operation does what. */
#ifndef BACKSIGHT_BPF_FOLLOW_BPF_H
#define BACKSIGHT_BPF_FOLLOW_BPF_H

#include "bpf/dynamic.bpf.h"
#include "bpf/walk_blocks.bpf.h"
#include "bpf/walk_nodes.bpf.h"

static __noinline int run_chase(struct bs_machine *m, const struct bs_op *op) {
  if (!m || !op) return 0;
  switch (op->code) {
    case BS_OP_CHASE_PTR:
      chase_pointer(m, op);
      break;
    case BS_OP_CHASE_CSTR:
      chase_string(m, op);
      break;
    case BS_OP_CHASE_SPAN:
      chase_span(m, op);
      break;
    case BS_OP_CHASE_COUNTED:
      chase_counted(m, op);
      break;
    case BS_OP_CHASE_IF:
      chase_if(m, op);
      break;
    case BS_OP_CHASE_BITS:
      chase_bits(m, op);
      break;
    case BS_OP_CHASE_LIST:
      walk_list(m, op);
      break;
    case BS_OP_CHASE_TREE:
      walk_tree(m, op);
      break;
    case BS_OP_CHASE_BLOCKS:
      walk_blocks(m, op);
      break;
    case BS_OP_CHASE_DYNAMIC:
      chase_dynamic(m, op);
      break;
    default:
      m->done = 1;
  }
  return 0;
}

#endif
