/* The machine that makes an event: one operation per step. */
#ifndef BACKSIGHT_BPF_INTERPRETER_BPF_H
#define BACKSIGHT_BPF_INTERPRETER_BPF_H

#include "bpf/follow.bpf.h"
#include "bpf/stack_machine.bpf.h"

/* An item of up to 16 bytes that came from registers. */
static __always_inline void emit(struct bs_machine *m, const struct bs_op *op, __u32 bytes, __u64 low,
                                 __u64 high) {
  if (bytes > 16) bytes = 16;
  __u32 offset = m->used;
  struct bs_item *item = begin_item(m, op->c, op->b, BS_ITEM_OK, 0, 0, bytes, bytes);
  if (!item) return;
  if (bytes > room_bytes(m)) {
    item->status = BS_ITEM_BYTE_LIMIT;
    item->captured = 0;
    m->flags |= BS_EVENT_BYTE_LIMIT;
    m->used = offset + BS_ITEM_SIZE;
    return;
  }
  __u64 *value = (__u64 *)(item + 1);
  if (bytes < 8) low &= (1ull << (bytes * 8)) - 1;
  value[0] = low;
  m->used = offset + BS_ITEM_SIZE + 8;
  if (bytes > 8) {
    if (bytes < 16) high &= (1ull << ((bytes - 8) * 8)) - 1;
    value[1] = high;
    m->used = offset + BS_ITEM_SIZE + 16;
  }
  m->payload += bytes;
  if (m->redacts) blank_item(m, offset + BS_ITEM_SIZE, op->c, bytes);
  queue_item(m, offset, op->c, 0, bytes);
}

static __always_inline void emit_stack(struct bs_machine *m, const struct bs_op *op) {
  __u64 high = op->d > 8 ? pop(m) : 0;
  __u64 low = pop(m);
  emit(m, op, op->d, low, high);
}

/* A root object of target memory; null is a bad address here, because a root
 * always has its item. */
static __always_inline void copy_root(struct bs_machine *m, const struct bs_op *op, __u64 address,
                                      __u64 count, __u32 granule, __u32 max) {
  struct bs_request *r = &m->request;
  r->address = address;
  r->type = op->c;
  r->root = op->b;
  r->depth = 0;
  if (!granule || count > 0xffffffffull / granule) {
    make_absurd_item(m);
    return;
  }
  request_elements(m, count, granule, max, BS_ITEM_ELEMENT_LIMIT);
  seen_before(m, address, op->c, count * granule);
  copy_object(m);
}

static __always_inline void copy_root_string(struct bs_machine *m, const struct bs_op *op) {
  struct bs_request *r = &m->request;
  r->address = pop(m);
  r->type = op->c;
  r->root = op->b;
  r->depth = 0;
  seen_before(m, r->address, op->c, 0);
  copy_string(m);
}

static __always_inline void root(struct bs_machine *m) {
  m->sp = 0;
  m->skip = 0;
}

/* `count` elements from `begin`, but none at or beyond `end`; a negative count stays. */
static __always_inline __u64 bounded_count(__u64 begin, __u64 count, __u64 end, __u32 size) {
  __u64 room = end > begin && size ? (end - begin) / size : 0;
  return (__s64)count > 0 && count > room ? room : count;
}

/* Executes one operation. */
static __always_inline void step(struct bs_machine *m) {
  __u32 pc = m->pc;
  const struct bs_op *op = bpf_map_lookup_elem(&ops, &pc);
  if (!op) {
    m->done = 1;
    return;
  }
  m->pc = pc + 1;
  __u8 code = op->code;
  if (m->skip && code != BS_OP_ROOT && code != BS_OP_END) {
    if (code < BS_OP_EMIT_REG) return;
    m->skip = 0;
  }
  if (compute_step(m, op, 0)) return;
  __u64 x, y;
  switch (code) {
    case BS_OP_EMIT_REG:
      m->pc = pc + 3;
      emit(m, op, op->d >> 32, register_value(m, op->a) + (__s32)op->d, 0);
      break;
    case BS_OP_COPY_REG:
      m->pc = pc + 3;
      copy_root(m, op, register_value(m, op->a) + (__s32)op->d, 1, op->d >> 32, 1);
      break;
    case BS_OP_END:
    case BS_OP_NEXT:
      m->skip = 0;
      next_element(m);
      break;
    case BS_OP_ROOT:
      root(m);
      break;
    case BS_OP_EMIT:
      emit_stack(m, op);
      break;
    case BS_OP_COPY:
      copy_root(m, op, pop(m), 1, op->d, 1);
      break;
    case BS_OP_COPY_RANGE:
      y = pop(m);
      x = pop(m);
      if (op->a) y = bounded_count(x, y, pop(m), op->d);
      if (op->a == 2 && x < pop(m)) y = ~0ull;
      copy_root(m, op, x, y, op->d, m->max_elements);
      break;
    case BS_OP_COPY_CSTR:
      copy_root_string(m, op);
      break;
    default:
      run_chase(m, op);
  }
}

#ifndef BACKSIGHT_NO_BPF_LOOP
static long run_step(__u32 index, struct bs_run *run) {
  step(run->machine);
  return run->machine->done ? 1 : 0;
}

/* Runs from m->pc until the event is complete or a limit ends it. */
static __always_inline void run_machine(struct bs_machine *m) {
  struct bs_run run = {m};
  bpf_loop(BS_MAX_STEPS, run_step, &run, 0);
  if (!m->done) m->flags |= BS_EVENT_STEP_LIMIT;
}
#else
/* Kernels before 5.17. A global function is verified once and by itself, so that
 * a plain loop over it does not multiply the verifier's work. */
__noinline int run_step(struct bs_machine *m) {
  if (!m) return 1;
  step(m);
  return m->done;
}

static __always_inline void run_machine(struct bs_machine *m) {
  for (__u32 i = 0; i < BS_MAX_STEPS; i++)
    if (run_step(m)) return;
  m->flags |= BS_EVENT_STEP_LIMIT;
}
#endif

#endif
