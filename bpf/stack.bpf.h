/* The stack of a hit, as the last item of its event: the chain of frame pointers,
 * or a bounded copy of the stack with the registers that unwinding starts from. */
#ifndef BACKSIGHT_BPF_STACK_BPF_H
#define BACKSIGHT_BPF_STACK_BPF_H

#include "bpf/items.bpf.h"

static __always_inline struct bs_item *begin_stack(struct bs_machine *m, __u8 what) {
  return begin_item(m, BS_STACK_TYPE, BS_STACK_ROOT, BS_ITEM_OK, what, BS_STACK_OUTERMOST, 0, 0);
}

static __always_inline void end_stack(struct bs_machine *m, struct bs_item *item, __u32 bytes) {
  item->length = bytes;
  item->captured = bytes;
  m->used += BS_ITEM_SIZE + bytes;
}

static __always_inline __u32 stack_failure(__u64 address) {
  return failure_status(address, 1) == BS_ITEM_NOT_RESIDENT ? BS_STACK_NOT_RESIDENT : BS_STACK_BAD_ADDRESS;
}

/* Return addresses are told as that of the byte before: in the call instruction. */
static __noinline int walk_frame_pointers(struct bs_machine *m, __u32 redacts) {
  if (!m) return 0;
  struct bs_item *item = begin_stack(m, BS_STACK_ADDRESSES);
  if (!item) return 0;
  __u64 *addresses = (__u64 *)(item + 1);
  __u64 slot = ((struct bs_event *)m->buffer)->frame; /* of the return address */
  __u64 pair[2];                                      /* the caller's frame pointer, return address */
  __u32 count = 1;
  addresses[0] = m->registers[BS_RIP];
  pair[0] = m->registers[BS_RBP];
  /* Where the function has not set its frame up yet, its frame pointer is the caller's. */
  __u64 end = BS_STACK_DEPTH_LIMIT;
  if (bpf_probe_read_user(&pair[1], 8, (void *)slot)) {
    end = stack_failure(slot);
  } else {
    __u64 frame = slot - 8;
    if (pair[0] == frame && bpf_probe_read_user(&pair[0], 8, (void *)frame)) pair[0] = 1;
    for (__u32 i = 1; i < BS_STACK_FRAMES; i++) {
      if (!pair[1]) {
        end = BS_STACK_OUTERMOST;
        break;
      }
      addresses[i] = pair[1] - 1;
      count = i + 1;
      if (redacts) { /* the next word is a return address only if RBP is a frame pointer */
        end = BS_STACK_REDACTED;
        break;
      }
      __u64 next = pair[0];
      if (!next) {
        end = BS_STACK_OUTERMOST;
        break;
      }
      if (next <= frame || (next & 7)) {
        end = BS_STACK_BAD_ADDRESS;
        break;
      }
      frame = next;
      if (bpf_probe_read_user(pair, sizeof(pair), (void *)frame)) {
        end = stack_failure(frame);
        break;
      }
    }
  }
  item->address = end;
  end_stack(m, item, count * 8);
  return 0;
}

/* The one place where bytes of a stack are copied. */
static __noinline int copy_stack(struct bs_machine *m) {
  if (!m) return 0;
  struct bs_item *item = begin_stack(m, BS_STACK_COPY);
  if (!item) return 0;
  struct bs_stack_registers *registers = (struct bs_stack_registers *)(item + 1);
  __builtin_memcpy(registers->by_number, m->registers, sizeof(registers->by_number));
  __u8 *bytes = (__u8 *)(registers + 1);
  __u64 from = m->registers[BS_RSP];
  __u32 done = BS_STACK_BYTES;
  item->address = BS_STACK_BYTE_LIMIT;
  m->flags |= BS_EVENT_STACK_COPY;
  if (bpf_probe_read_user(bytes, BS_STACK_BYTES, (void *)from)) {
    /* The part up to the first page that is not there. */
    done = 0;
    for (__u32 page = 0; page < BS_STACK_BYTES / BS_PAGE; page++) {
      __u32 size = BS_PAGE - ((from + done) & (BS_PAGE - 1));
      if (done > BS_STACK_BYTES - BS_PAGE) break;
      if (bpf_probe_read_user(bytes + done, size, (void *)(from + done))) {
        item->address = stack_failure(from + done);
        break;
      }
      done += size;
    }
    done &= ~7u;
  }
  end_stack(m, item, sizeof(*registers) + done);
  return 0;
}

/* Where something is redacted, nothing is sent that may be it: no copy, and of the chain
 * what is certain to be a return address. */
static __noinline int take_no_copy(struct bs_machine *m) {
  if (!m) return 0;
  struct bs_item *item = begin_stack(m, BS_STACK_ADDRESSES);
  if (!item) return 0;
  item->address = BS_STACK_REDACTED;
  end_stack(m, item, 0);
  return 0;
}

/* Behind everything else that the event captures. */
static __always_inline void take_stack(struct bs_machine *m, const struct bs_plan *plan, __u8 site_kind) {
  __u32 flags = plan->flags, redacts = flags & BS_PLAN_STACK_REDACTS;
  int is_entry = site_kind == BS_SITE_ENTRY || site_kind == BS_SITE_ENTRY_BY_RBP;
  if (flags & BS_PLAN_STACK_AT_RETURN ? site_kind != BS_SITE_RETURN : !is_entry) return;
  if (!(flags & BS_PLAN_STACK_DWARF))
    walk_frame_pointers(m, redacts);
  else if (redacts)
    take_no_copy(m);
  else
    copy_stack(m);
}

#endif
