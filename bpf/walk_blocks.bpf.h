/* The walk over the blocks of a deque. */
#ifndef BACKSIGHT_BPF_WALK_BLOCKS_BPF_H
#define BACKSIGHT_BPF_WALK_BLOCKS_BPF_H

#include "bpf/walk.bpf.h"

/* Where the used elements are: `map` the place of the first used block's
 * pointer; m->walk.skip and m->walk.count the elements. 0 where that cannot be
 * true. Iterators: {current, first, end, place in the map}. */
static __always_inline int by_iterators(struct bs_machine *m, const struct bs_op *op, __u32 size,
                                        __u32 per_block) {
  struct bs_walk *w = &m->walk;
  __u32 begin = op->b, end = op->d >> 48;
  __u64 map = element_word(m, begin + 24), last = element_word(m, end + 24);
  __u64 head = element_word(m, begin) - element_word(m, begin + 8);
  __u64 tail = element_word(m, end) - element_word(m, end + 8);
  __u64 block = (__u64)size * per_block;
  w->at = map;
  if (last < map || (last - map) & 7 || last - map > 0xffffffffull) return 0;
  if (head >= block || tail > block || head % size || tail % size) return 0;
  __u64 elements = ((last - map) >> 3) * per_block + tail / size;
  if (elements < head / size) return 0;
  w->skip = head / size;
  w->count = elements - head / size;
  return 1;
}

/* The same from {number of the first element, number of elements}. */
static __always_inline int by_numbers(struct bs_machine *m, const struct bs_op *op, __u32 per_block) {
  struct bs_walk *w = &m->walk;
  __u32 at = op->d >> 48;
  __u64 first = element_word(m, at), count = element_word(m, at + 8);
  w->at = element_word(m, op->b) + first / per_block * 8;
  w->skip = first % per_block;
  w->count = count;
  return first <= 0xffffffffull && count <= 0xffffffffull;
}

/* Copies the pointers to the used blocks. Returns 0 where there is nothing to walk. */
static __always_inline int take_blocks(struct bs_machine *m, const struct bs_op *op) {
  struct bs_walk *w = &m->walk;
  __u32 size = (__u16)op->d, per_block = (__u16)(op->d >> 16);
  if (!size || !per_block) return 0;
  int good = op->a ? by_numbers(m, op, per_block) : by_iterators(m, op, size, per_block);
  begin_request_of(m, op->c >> 16, w->at);
  if (!good) {
    make_absurd_item(m);
    return 0;
  }
  if (!w->count || !w->left) return 0;
  __u64 wanted = w->count < w->left ? w->count : w->left;
  __u64 needed = (w->skip + wanted + per_block - 1) / per_block;
  request_elements(m, (w->skip + w->count + per_block - 1) / per_block, 8, needed, BS_ITEM_ELEMENT_LIMIT);
  m->request.is_final = 1;
  w->first = take_object(m, 8);
  m->request.is_final = 0;
  w->index = 0;
  return w->first != 0;
}

/* One block further. Returns 0 at the end. */
static __always_inline int advance_blocks(struct bs_machine *m, const struct bs_op *op) {
  struct bs_walk *w = &m->walk;
  __u32 size = (__u16)op->d, per_block = (__u16)(op->d >> 16), pointers = w->first, index = w->index;
  if (pointers > BS_MAX_EVENT || index > BS_MAX_OBJECT / 8) return 0;
  struct bs_item *item = (struct bs_item *)(m->buffer + pointers);
  if (index * 8 + 8 > item->captured) return 0;
  __u64 block = item_word(m, pointers, index * 8);
  if (!block) return 0;
  __u64 count = per_block - w->skip;
  if (count > w->count) count = w->count;
  __u32 taken = count < w->left ? count : w->left;
  begin_request_of(m, (__u16)op->c, block + (__u64)w->skip * size);
  request_elements(m, count, size, w->left, BS_ITEM_ELEMENT_LIMIT);
  if (!take_object(m, taken * size)) return 0;
  w->count -= count;
  w->left -= taken;
  w->skip = 0;
  w->index = index + 1;
  return w->count && w->left;
}

static __noinline int walk_blocks(struct bs_machine *m, const struct bs_op *op) {
  if (!m || !op) return 0;
  struct bs_walk *w = &m->walk;
  if (!w->is_active) {
    start_walk(m);
    if (take_blocks(m, op)) {
      go_on(m);
      return 0;
    }
  } else if (advance_blocks(m, op)) {
    go_on(m);
    return 0;
  }
  end_walk(m);
  return 0;
}

#endif
