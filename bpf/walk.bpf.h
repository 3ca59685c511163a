/* What the walks over linked nodes, trees and blocks have in common. */
#ifndef BACKSIGHT_BPF_WALK_BPF_H
#define BACKSIGHT_BPF_WALK_BPF_H

#include "bpf/chase.bpf.h"

/* Steps that a walk may take: some for each element, and for what is met on the
 * way. More is only needed where the structure is not what it says. */
static __always_inline __u32 walk_steps(__u32 max_elements) {
  return max_elements < BS_MAX_STEPS ? 4 * max_elements + 64 : 4 * BS_MAX_STEPS;
}

static __always_inline void start_walk(struct bs_machine *m) {
  struct bs_walk *w = &m->walk;
  w->is_active = 1;
  w->left = m->max_elements;
  w->steps = walk_steps(m->max_elements);
  w->first = m->used;
}

/* The machine executes the operation of the walk again. */
static __always_inline void go_on(struct bs_machine *m) {
  m->pc--;
}

static __always_inline void end_walk(struct bs_machine *m) {
  m->walk.is_active = 0;
  m->request.is_final = 0;
}

/* The item of m->request: made now, or made before by this event. Returns where
 * it begins in the buffer; 0 where it does not have `bytes` bytes. */
static __noinline __u32 take_object(struct bs_machine *m, __u32 bytes) {
  if (!m) return 0;
  struct bs_request *r = &m->request;
  __u32 offset = m->used;
  __u32 earlier = note_object(m, r->address, r->type, r->length);
  if (earlier)
    offset = earlier;
  else
    copy_object(m);
  if (offset > BS_MAX_EVENT || offset + BS_ITEM_SIZE > m->used) return 0;
  struct bs_item *item = (struct bs_item *)(m->buffer + offset);
  if (item->address != r->address || item->type != r->type || item->captured < bytes) return 0;
  return offset;
}

/* The 8 bytes at `at` of the item at `offset`. */
static __always_inline __u64 item_word(struct bs_machine *m, __u32 offset, __u32 at) {
  offset += BS_ITEM_SIZE + at;
  if (offset > BS_MAX_EVENT + BS_MAX_OBJECT) return 0;
  return *(__u64 *)(m->buffer + offset);
}

#endif
