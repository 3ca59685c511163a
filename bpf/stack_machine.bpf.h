/* The stack of the machine, and what happens where an operation fails. */
#ifndef BACKSIGHT_BPF_STACK_MACHINE_BPF_H
#define BACKSIGHT_BPF_STACK_MACHINE_BPF_H

#include "bpf/items.bpf.h"

/* The loader has checked each program's use of the stack; the tests here only
 * keep the verifier and a wrong loader from harm. */
static __always_inline void push(struct bs_machine *m, __u64 value) {
  __u32 sp = m->sp;
  if (sp >= BS_STACK) return;
  m->stack[sp] = value;
  m->sp = sp + 1;
}

static __always_inline __u64 pop(struct bs_machine *m) {
  __u32 sp = m->sp - 1;
  if (sp >= BS_STACK) return 0;
  m->sp = sp;
  return m->stack[sp];
}

static __always_inline __u64 register_value(struct bs_machine *m, __u32 number) {
  return number < BS_REGISTERS ? m->registers[number] : 0;
}

/* Of a predicate: nobody can say what this atom is. */
static __always_inline void leave_atom(struct bs_machine *m) {
  m->pc = m->atom_end;
  m->sp = m->atom_sp;
  m->has_failed = 1;
  push(m, BS_UNDECIDED);
}

/* A value is not there: an item says why, and its capture ends; a predicate
 * (`deciding`, here and below a constant) goes on without it. */
static __always_inline void fail(struct bs_machine *m, int deciding, __u32 type, __u16 root, __u8 status,
                                 __u64 address, __u32 length) {
  if (deciding) {
    leave_atom(m);
    return;
  }
  make_failed_item(m, type, root, status, address, length);
  m->skip = 1;
}

static __always_inline void load(struct bs_machine *m, const struct bs_op *op, int deciding) {
  __u64 address = pop(m), value = 0;
  long error;
  switch (op->a) {
    case 1:
      error = read_user(&value, 1, address);
      if (op->b) value = (__s8)value;
      break;
    case 2:
      error = read_user(&value, 2, address);
      if (op->b) value = (__s16)value;
      break;
    case 4:
      error = read_user(&value, 4, address);
      if (op->b) value = (__s32)value;
      break;
    default:
      error = read_user(&value, 8, address);
  }
  if (!error) {
    push(m, value);
    return;
  }
  fail(m, deciding, op->c, op->d, deciding ? 0 : failure_status(address, op->a), address, op->a);
}

static __always_inline __u64 extended(__u64 value, __u32 bytes, __u32 is_signed) {
  if (bytes == 1) return is_signed ? (__u64)(__s8)value : (__u8)value;
  if (bytes == 2) return is_signed ? (__u64)(__s16)value : (__u16)value;
  return is_signed ? (__u64)(__s32)value : (__u32)value;
}

/* An address that is known from the binary alone. */
static __always_inline void push_linked(struct bs_machine *m, const struct bs_op *op, int deciding) {
  if (m->has_bias) {
    push(m, m->bias + op->d);
    return;
  }
  fail(m, deciding, op->c, op->b, BS_ITEM_BAD_ADDRESS, 0, 0);
}

/* The address of an element, which lies among those that there are. */
static __always_inline void element(struct bs_machine *m, const struct bs_op *op, int deciding) {
  __u64 index = pop(m), end = pop(m), begin = pop(m);
  __u64 size = op->d >> 16;
  __u64 count = end > begin && size ? (end - begin) / size : 0;
  __u64 address = begin + index * size;
  if (index < count) {
    push(m, address);
    return;
  }
  fail(m, deciding, op->c, op->d, BS_ITEM_BAD_ADDRESS, address, size);
}

/* Arguments that the compiler passes to no one are known from the calls: the
 * return address tells which it was. */
static __always_inline void if_caller(struct bs_machine *m, const struct bs_op *op) {
  if (op->a) {
    __u64 address = 0;
    m->has_caller = 0;
    m->caller = 0;
    if (m->has_bias && !read_user(&address, 8, ((struct bs_event *)m->buffer)->frame))
      m->caller = address - m->bias;
  }
  if (!m->has_caller && m->caller && m->caller == op->d)
    m->has_caller = 1;
  else
    m->pc += op->c;
}

static __always_inline void need_caller(struct bs_machine *m, const struct bs_op *op, int deciding) {
  if (m->has_caller) return;
  fail(m, deciding, op->c, op->b, BS_ITEM_UNKNOWN_CALLER, 0, 0);
}

/* Operations that both captures and predicates have. 0: it is none of them. */
static __always_inline int compute_step(struct bs_machine *m, const struct bs_op *op, int deciding) {
  __u64 x, y;
  switch (op->code) {
    case BS_OP_PUSH_REG:
      push(m, register_value(m, op->a) + op->d);
      return 1;
    case BS_OP_PUSH_CONST:
      push(m, op->d);
      return 1;
    case BS_OP_PUSH_IP_REL:
      push(m, m->registers[BS_RIP] + op->d);
      return 1;
    case BS_OP_PUSH_LINKED:
      push_linked(m, op, deciding);
      return 1;
    case BS_OP_ADD_CONST:
      push(m, pop(m) + op->d);
      return 1;
    case BS_OP_LOAD:
      load(m, op, deciding);
      return 1;
    case BS_OP_ELEMENT:
      element(m, op, deciding);
      return 1;
    case BS_OP_IF_CALLER:
      if_caller(m, op);
      return 1;
    case BS_OP_NEED_CALLER:
      need_caller(m, op, deciding);
      return 1;
    case BS_OP_EXTEND:
      push(m, extended(pop(m), op->a, op->b));
      return 1;
    case BS_OP_SHIFT:
      x = pop(m);
      push(m, op->b ? (__u64)((__s64)x >> (op->a & 63)) : x >> (op->a & 63));
      return 1;
    case BS_OP_ADD:
      y = pop(m);
      x = pop(m);
      push(m, x + y);
      return 1;
    case BS_OP_SUB:
      y = pop(m);
      x = pop(m);
      push(m, x - y);
      return 1;
    case BS_OP_MUL:
      y = pop(m);
      x = pop(m);
      push(m, x * y);
      return 1;
  }
  return 0;
}

#endif
