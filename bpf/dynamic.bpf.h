/* Following a pointer to a polymorphic object to what the object is. */
#ifndef BACKSIGHT_BPF_DYNAMIC_BPF_H
#define BACKSIGHT_BPF_DYNAMIC_BPF_H

#include "bpf/chase.bpf.h"

/* How far before the part that is pointed to an object may begin. */
#define BS_MAX_TO_TOP (1ll << 20)

/* The object that the part at `part` belongs to (Itanium C++ ABI, 2.5): the
 * offset to its top lies two words before the vtable's address point. 0 where
 * that cannot be read or cannot be true. */
static __always_inline __u64 complete_object(__u64 part, __u64 *vptr) {
  __s64 to_top = 0;
  if (read_user(vptr, 8, part)) return 0;
  if (read_user(&to_top, 8, *vptr - 16)) return 0;
  if (to_top == 0) return part;
  if (to_top > 0 || to_top <= -BS_MAX_TO_TOP) return 0;
  __u64 object = part + to_top;
  return read_user(vptr, 8, object) ? 0 : object;
}

/* The item that leads from the pointer's value to the object. Returns 0 where
 * there was no room for it. */
static __always_inline int make_link(struct bs_machine *m, __u32 link_type, __u64 part, __u64 object,
                                     __u32 type) {
  __u8 status = BS_ITEM_OK;
  __u32 captured = 16;
  if (room_bytes(m) < 16) {
    status = BS_ITEM_BYTE_LIMIT;
    captured = 0;
    m->flags |= BS_EVENT_BYTE_LIMIT;
  }
  struct bs_item *item = begin_item(m, link_type, m->root, status, m->depth + 1, part, 16, captured);
  if (!item) return 0;
  if (captured) {
    __u64 *value = (__u64 *)(item + 1);
    value[0] = object;
    value[1] = type;
  }
  end_item(m, captured);
  return captured != 0;
}

/* Follows `part` as what it is; 0 where that is not known. */
static __noinline int follow_dynamic(struct bs_machine *m, const struct bs_op *op, __u64 part) {
  if (!m || !op || !m->has_bias) return 0;
  __u64 vptr = 0;
  __u64 object = complete_object(part, &vptr);
  if (!object) return 0;
  struct bs_vtable_key key = {.address = vptr - m->bias, .type_base = m->type_base, .reserved = 0};
  struct bs_vtable *found = bpf_map_lookup_elem(&vtables, &key);
  if (!found) return 0;
  __u32 type = found->type, size = found->size, link = op->d >> 32;
  if (!size) return 0;
  if (seen_before(m, part, link, 16)) return 1;
  if (!make_link(m, link, part, object, type)) return 1;
  if (seen_before(m, object, type, size)) return 1;
  begin_request_of(m, type, object);
  request_elements(m, 1, size, 1, BS_ITEM_OK);
  copy_object(m);
  return 1;
}

static __always_inline void chase_dynamic(struct bs_machine *m, const struct bs_op *op) {
  __u64 part = element_word(m, op->b);
  if (!part || follow_dynamic(m, op, part)) return;
  if (seen_before(m, part, op->c, (__u32)op->d)) return;
  begin_request(m, op, part);
  request_elements(m, 1, (__u32)op->d, 1, BS_ITEM_OK);
  copy_object(m);
}

#endif
