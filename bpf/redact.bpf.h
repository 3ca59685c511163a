/* Redaction: bytes of an item that must not leave the process's memory are zeroed
 * right after they were read, before anything follows or sends them. */
#ifndef BACKSIGHT_BPF_REDACT_BPF_H
#define BACKSIGHT_BPF_REDACT_BPF_H

#include "bpf/maps.bpf.h"

/* The slot waits for the next event: it need not keep what stood in registers. */
static __always_inline void forget_registers(struct bs_machine *m) {
  __builtin_memset(m->registers, 0, sizeof(m->registers));
  __builtin_memset(m->stack, 0, sizeof(m->stack));
}

/* What is copied over them: there is no other way to set so many bytes at once. */
static const volatile __u8 blank_bytes[BS_MAX_OBJECT];

static __always_inline struct bs_type *find_type(struct bs_machine *m, __u32 type) {
  __u32 index = m->type_base + type;
  return bpf_map_lookup_elem(&types, &index);
}

/* Bytes of `take` that can be blanked in time: whole elements of m->request's type. */
static __always_inline __u64 blankable(struct bs_machine *m, __u64 take, __u8 *status) {
  struct bs_type *type = find_type(m, m->request.type);
  if (!type || !type->blanks || !type->size) return take;
  __u64 most = (__u64)(BS_MAX_BLANKED / type->blanks) * type->size;
  if (take <= most) return take;
  *status = BS_ITEM_BYTE_LIMIT;
  m->flags |= BS_EVENT_BYTE_LIMIT;
  return most;
}

/* Zeroes the next range of the next element; 1: there is none. */
static __always_inline int blank_next(struct bs_machine *m) {
  struct bs_blanking *b = &m->blanking;
  __u32 from = b->element, end = b->end, length = b->size, pc = b->pc;
  if (from >= end) return 1;
  struct bs_op *op = bpf_map_lookup_elem(&ops, &pc);
  if (op) { /* there always is one */
    from += op->b;
    length = op->d;
  }
  if (from < end) {
    if (length > end - from) length = end - from;
    asm volatile("" : "+r"(from), "+r"(length));
    if (from <= BS_MAX_EVENT && length <= BS_MAX_OBJECT)
      bpf_probe_read_kernel(m->buffer + from, length, (void *)blank_bytes);
  }
  b->pc = pc + 1;
  if (b->pc == b->end_pc) {
    b->pc = b->first_pc;
    b->element += b->size;
  }
  return 0;
}

#ifndef BACKSIGHT_NO_BPF_LOOP
struct bs_blank_run {
  struct bs_machine *machine;
};

static long blank_step(__u32 index, struct bs_blank_run *run) {
  return blank_next(run->machine);
}

static __always_inline void run_blanking(struct bs_machine *m) {
  struct bs_blank_run run = {m};
  bpf_loop(BS_MAX_BLANKED + 1, blank_step, &run, 0);
}
#else
/* A global function is verified once: see run_step. */
__noinline int run_blanking(struct bs_machine *m) {
  if (!m) return 0;
  for (__u32 i = 0; i < BS_MAX_BLANKED + 1; i++)
    if (blank_next(m)) return 0;
  return 0;
}
#endif

/* Zeroes what is redacted in the `captured` bytes at `at` of the buffer. */
static __always_inline void blank_item(struct bs_machine *m, __u32 at, __u32 type, __u32 captured) {
  struct bs_type *found = find_type(m, type);
  if (!found || !found->blanks || !found->size) return;
  struct bs_blanking *b = &m->blanking;
  b->element = at;
  b->end = at + captured;
  b->size = found->size;
  b->pc = b->first_pc = found->blank_pc;
  b->end_pc = found->blank_pc + found->blanks;
  run_blanking(m);
}

#endif
