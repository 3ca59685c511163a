/* Chase operations: following the pointers in the element being chased. */
#ifndef BACKSIGHT_BPF_CHASE_BPF_H
#define BACKSIGHT_BPF_CHASE_BPF_H

#include "bpf/items.bpf.h"

/* The 8 bytes at `offset` of the element; 0 where they are not inside it. */
static __always_inline __u64 element_word(struct bs_machine *m, __u32 offset) {
  if (offset > BS_MAX_OBJECT || offset + 8 > m->element_size) return 0;
  __u32 at = m->element + offset;
  if (at > BS_MAX_EVENT + BS_MAX_OBJECT) return 0;
  return *(__u64 *)(m->buffer + at);
}

/* `bytes` (1, 2, 4) at `offset` of the element, zero-extended. */
static __always_inline __u32 element_part(struct bs_machine *m, __u32 offset, __u32 bytes) {
  if (offset > BS_MAX_OBJECT || offset + bytes > m->element_size) return 0;
  __u32 at = m->element + offset;
  if (at > BS_MAX_EVENT + BS_MAX_OBJECT) return 0;
  const __u8 *part = m->buffer + at;
  return bytes == 1 ? *part : bytes == 2 ? *(const __u16 *)part : *(const __u32 *)part;
}

static __always_inline void begin_request_of(struct bs_machine *m, __u32 type, __u64 address) {
  struct bs_request *r = &m->request;
  r->address = address;
  r->type = type;
  r->root = m->root;
  r->depth = m->depth + 1;
}

static __always_inline void begin_request(struct bs_machine *m, const struct bs_op *op, __u64 address) {
  begin_request_of(m, op->c, address);
}

/* Takes `count` elements of `granule` bytes, at most `max`. */
static __always_inline void request_elements(struct bs_machine *m, __u64 count, __u32 granule, __u32 max,
                                             __u8 limit_status) {
  struct bs_request *r = &m->request;
  r->granule = granule;
  r->length = count * granule;
  r->limit = (__u64)max * granule;
  r->limit_status = limit_status;
}

static __always_inline void make_absurd_item(struct bs_machine *m) {
  struct bs_request *r = &m->request;
  if (begin_item(m, r->type, r->root, BS_ITEM_NEGATIVE_LENGTH, r->depth, r->address, 0, 0))
    m->used += BS_ITEM_SIZE;
}

static __always_inline void chase_pointer(struct bs_machine *m, const struct bs_op *op) {
  __u64 address = element_word(m, op->b);
  if (!address || seen_before(m, address, op->c, op->d)) return;
  begin_request(m, op, address);
  request_elements(m, 1, op->d, 1, BS_ITEM_OK);
  copy_object(m);
}

static __always_inline void chase_string(struct bs_machine *m, const struct bs_op *op) {
  __u64 address = element_word(m, op->b);
  if (!address || seen_before(m, address, op->c, 0)) return;
  begin_request(m, op, address);
  copy_string(m);
}

/* Begin and end pointers: std::vector. */
static __always_inline void chase_span(struct bs_machine *m, const struct bs_op *op) {
  __u64 begin = element_word(m, op->b);
  __u64 end = element_word(m, op->b + (__s8)op->a * 8);
  __u32 granule = op->d;
  if (!begin || !granule) return;
  __u64 bytes = end - begin;
  begin_request(m, op, begin);
  if (end < begin || bytes > 0xffffffffull || bytes % granule) {
    make_absurd_item(m);
    return;
  }
  if (seen_before(m, begin, op->c, bytes)) return;
  request_elements(m, bytes / granule, granule, m->max_elements, BS_ITEM_ELEMENT_LIMIT);
  copy_object(m);
}

/* Data pointer and length: std::string, std::string_view, slices. */
static __always_inline void chase_counted(struct bs_machine *m, const struct bs_op *op) {
  __u64 address = element_word(m, op->b);
  __u64 count = element_word(m, op->d >> 32);
  __u32 granule = op->d;
  if (!address || !granule) return;
  __u64 element = m->element_address;
  if (element && address >= element && address - element < m->element_size) return;
  begin_request(m, op, address);
  if (count > 0xffffffffull / granule) {
    make_absurd_item(m);
    return;
  }
  if (seen_before(m, address, op->c, count * granule)) return;
  if (op->a == 1)
    request_elements(m, count, granule, m->max_string / granule, BS_ITEM_STRING_LIMIT);
  else
    request_elements(m, count, granule, m->max_elements, BS_ITEM_ELEMENT_LIMIT);
  copy_object(m);
}

/* Words of bits: std::vector<bool>. */
static __always_inline void chase_bits(struct bs_machine *m, const struct bs_op *op) {
  __u64 begin = element_word(m, op->b), words;
  if (!begin) return;
  begin_request(m, op, begin);
  if (op->a) {
    __u32 at = op->b + (__s8)op->a * 8;
    __u64 last = element_word(m, at);
    words = ((last - begin) >> 3) + (element_part(m, at + 8, 4) != 0);
    if (last < begin || (last - begin) & 7) words = ~0ull;
  } else {
    __u64 bits = element_word(m, op->d >> 32);
    words = (bits >> 6) + ((bits & 63) != 0);
  }
  if (words > 0xffffffffull / 64) {
    make_absurd_item(m);
    return;
  }
  if (seen_before(m, begin, op->c, words * 8)) return;
  request_elements(m, words, 8, (m->max_elements >> 6) + ((m->max_elements & 63) != 0),
                   BS_ITEM_ELEMENT_LIMIT);
  copy_object(m);
}

/* A part of the element says whether the next operations have something to follow. */
static __always_inline void chase_if(struct bs_machine *m, const struct bs_op *op) {
  if ((element_part(m, op->b, op->a) & (__u32)(op->d >> 32)) != (__u32)op->d) m->pc += op->c;
}

/* Makes the next element current, from this item or the next one in the queue.
 * Ends the event where there is none. */
static __always_inline void next_element(struct bs_machine *m) {
  __u32 element = m->element + m->element_size;
  if (m->element_size && element + m->element_size <= m->element_end) {
    if (m->element_address) m->element_address += m->element_size;
    m->element = element;
    m->pc = m->chase_pc;
    return;
  }
  if (m->head == m->tail) {
    m->done = 1;
    return;
  }
  __u32 offset = m->queue[m->head & (BS_QUEUE - 1)];
  m->head++;
  if (offset > BS_MAX_EVENT) {
    m->done = 1;
    return;
  }
  struct bs_item *item = (struct bs_item *)(m->buffer + offset);
  struct bs_type *type = find_type(m, item->type);
  if (!type) {
    m->done = 1;
    return;
  }
  m->element = offset + BS_ITEM_SIZE;
  m->element_size = type->size;
  m->element_end = offset + BS_ITEM_SIZE + item->captured;
  m->element_address = item->address;
  m->root = item->root;
  m->depth = item->depth;
  m->chase_pc = type->chase_pc;
  m->pc = type->chase_pc;
}

#endif
