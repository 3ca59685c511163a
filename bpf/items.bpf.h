/* Making items: limits, reading, padding, remembering, queueing. */
#ifndef BACKSIGHT_BPF_ITEMS_BPF_H
#define BACKSIGHT_BPF_ITEMS_BPF_H

#include "bpf/maps.bpf.h"
#include "bpf/read.bpf.h"
#include "bpf/redact.bpf.h"

#define BS_ITEM_SIZE ((__u32)sizeof(struct bs_item))

/* Objects already captured by this event. Returns where the item of {type,
 * address, length} is if that is known; else notes that it will be the next item
 * and returns 0. A full neighbourhood is not noted: the other limits still end
 * the chase. */
static __always_inline __u32 note_object(struct bs_machine *m, __u64 address, __u32 type, __u32 length) {
  __u32 at = (__u32)((address >> 3) ^ (address >> 13) ^ type * 0x9e3779b1u);
#pragma unroll
  for (__u32 i = 0; i < BS_SEEN_PROBES; i++) {
    struct bs_seen *entry = &m->seen[(at + i) & (BS_SEEN - 1)];
    if (entry->epoch != m->epoch) {
      entry->epoch = m->epoch;
      entry->address = address;
      entry->type = type;
      entry->length = length;
      entry->item = m->used;
      return 0;
    }
    if (entry->address == address && entry->type == type && entry->length == length) return entry->item;
  }
  return 0;
}

static __always_inline int seen_before(struct bs_machine *m, __u64 address, __u32 type, __u32 length) {
  return note_object(m, address, type, length) != 0;
}

/* Queues the item at `offset` if its type has something to chase. */
static __always_inline void queue_item(struct bs_machine *m, __u32 offset, __u32 type, __u32 depth,
                                       __u32 captured) {
  if (depth >= m->max_depth) return;
  struct bs_type *found = find_type(m, type);
  if (!found || !found->chase_pc || !found->size || captured < found->size) return;
  if (m->tail - m->head >= BS_QUEUE) {
    m->flags |= BS_EVENT_QUEUE_LIMIT;
    return;
  }
  m->queue[m->tail & (BS_QUEUE - 1)] = offset;
  m->tail++;
}

/* Writes an item's header at the end of the event. The caller adds its bytes.
 * Null where the event is full. */
static __always_inline struct bs_item *begin_item(struct bs_machine *m, __u32 type, __u16 root, __u8 status,
                                                  __u8 depth, __u64 address, __u32 length, __u32 captured) {
  __u32 used = m->used;
  if (used > BS_MAX_EVENT - BS_ITEM_SIZE) {
    m->flags |= BS_EVENT_BYTE_LIMIT;
    return 0;
  }
  struct bs_item *item = (struct bs_item *)(m->buffer + used);
  item->type = type;
  item->root = root;
  item->status = status;
  item->depth = depth;
  item->address = address;
  item->length = length;
  item->captured = captured;
  return item;
}

/* An item without bytes that says why. */
static __always_inline void make_failed_item(struct bs_machine *m, __u32 type, __u16 root, __u8 status,
                                             __u64 address, __u32 length) {
  if (begin_item(m, type, root, status, 0, address, length, 0)) m->used += BS_ITEM_SIZE;
}

/* Bytes that the event still has room for. */
static __always_inline __u32 room_bytes(struct bs_machine *m) {
  __u32 used = m->used, payload = m->payload;
  __u32 room = used < BS_MAX_EVENT - BS_ITEM_SIZE ? BS_MAX_EVENT - BS_ITEM_SIZE - used : 0;
  __u32 budget = payload < m->max_bytes ? m->max_bytes - payload : 0;
  return budget < room ? budget : room;
}

/* Zeroes the bytes behind an item of `captured` bytes up to the next multiple of
 * 8 and ends the item. */
static __always_inline void end_item(struct bs_machine *m, __u32 captured) {
  __u32 offset = m->used;
  __u32 end = offset + BS_ITEM_SIZE + captured;
  if (captured & 7) {
    __u32 word = end & ~7u;
    if (word > BS_MAX_EVENT + BS_MAX_OBJECT) return;
    *(__u64 *)(m->buffer + word) &= (1ull << ((end & 7) * 8)) - 1;
    end = word + 8;
  }
  m->used = end;
  m->payload += captured;
}

/* Copies target memory as m->request says into a new item. */
static __noinline int copy_object(struct bs_machine *m) {
  if (!m) return 0;
  struct bs_request *r = &m->request;
  __u32 granule = r->granule;
  __u64 length = r->length, limit = r->limit;
  __u8 status = BS_ITEM_OK;
  if (length > limit) status = r->limit_status;
  __u64 take = length > limit ? limit : length;
  __u64 room = room_bytes(m);
  if (room > BS_MAX_OBJECT) room = BS_MAX_OBJECT;
  if (take > room) {
    take = granule > 1 ? room / granule * granule : room;
    status = BS_ITEM_BYTE_LIMIT;
    m->flags |= BS_EVENT_BYTE_LIMIT;
  }
  if (m->redacts) take = blankable(m, take, &status);
  __u32 captured = take;
  __u32 offset = m->used;
  struct bs_item *item = begin_item(m, r->type, r->root, status, r->depth, r->address, length, captured);
  if (!item) return 0;
  if (captured) {
    asm volatile("" : "+r"(captured));
    if (captured > BS_MAX_OBJECT) return 0;
    if (read_user(item + 1, captured, r->address)) {
      item->status = failure_status(r->address, captured);
      item->captured = 0;
      captured = 0;
    }
  }
  if (m->redacts && captured) blank_item(m, offset + BS_ITEM_SIZE, r->type, captured);
  end_item(m, captured);
  if (captured && !r->is_final) queue_item(m, offset, r->type, r->depth, captured);
  return 0;
}

/* Copies a C string: type, root, depth and address of m->request. */
static __noinline int copy_string(struct bs_machine *m) {
  if (!m) return 0;
  struct bs_request *r = &m->request;
  __u32 limit = m->max_string;
  __u8 limit_status = BS_ITEM_STRING_LIMIT;
  __u32 room = room_bytes(m);
  if (limit > room) {
    limit = room;
    limit_status = BS_ITEM_BYTE_LIMIT;
  }
  struct bs_item *item = begin_item(m, r->type, r->root, BS_ITEM_OK, r->depth, r->address, 0, 0);
  if (!item) return 0;
  /* One byte for the NUL and one more to tell "just fits" from "cut". */
  __u32 size = limit + 2;
  asm volatile("" : "+r"(size));
  if (size > BS_MAX_STRING + 2) size = BS_MAX_STRING + 2;
  long got = read_user_string(item + 1, size, r->address);
  __u32 captured = 0;
  if (got <= 0) {
    item->status = string_failure_status(r->address);
  } else {
    captured = got - 1;
    if (captured > limit) {
      captured = limit;
      item->status = limit_status;
      if (limit_status == BS_ITEM_BYTE_LIMIT) m->flags |= BS_EVENT_BYTE_LIMIT;
    }
  }
  item->length = captured;
  item->captured = captured;
  end_item(m, captured);
  return 0;
}

#endif
