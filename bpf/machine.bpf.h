/* State of the capture machine while it makes one event. It lives in a claimed
 * scratch slot, because the stack of a BPF program is too small for it and
 * because state in map memory keeps the verifier's work small. */
#ifndef BACKSIGHT_BPF_MACHINE_BPF_H
#define BACKSIGHT_BPF_MACHINE_BPF_H

#include <linux/types.h>

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"

#define BS_REGISTERS 17u
#define BS_SEEN 256u      /* power of two */
#define BS_SEEN_PROBES 4u /* entries looked at before giving up */

/* An object that this event has captured. Old epochs are free entries. */
struct bs_seen {
  __u64 epoch;
  __u64 address;
  __u32 type;
  __u32 length;
  __u32 item; /* where its item begins in buffer, if there was room for it */
  __u32 reserved;
};

/* An item about to be made from target memory. */
struct bs_request {
  __u64 address;
  __u64 length;  /* bytes that there are */
  __u64 limit;   /* bytes to take at most, a multiple of granule */
  __u32 granule; /* bytes of one element */
  __u32 type;
  __u16 root;
  __u8 depth;
  __u8 limit_status; /* where length > limit */
  __u32 is_final;    /* 1: what it points to is followed by other means */
};

/* Where a walk over nodes or blocks is. It goes on by one node a step: the
 * machine stays at the operation until the walk has ended. */
struct bs_walk {
  __u64 at;    /* the node that comes next */
  __u64 from;  /* tree: the child that was left upwards */
  __u64 end;   /* list: the address that is no node but the end */
  __u64 count; /* tree: nodes to come; blocks: elements to come */
  __u32 is_active;
  __u32 left;  /* elements that may still be taken */
  __u32 steps; /* left for this walk: structures that change or lie end too */
  __u32 going; /* tree: enum bs_going */
  __u32 first; /* list: length of the event when the walk began; blocks: their pointers' item */
  __u32 index; /* blocks: number of the next */
  __u32 skip;  /* blocks: elements before the first one that is used, in the next block */
  __u32 reserved;
};

/* Zeroing an item: one range of one element a step. Offsets in buffer. */
struct bs_blanking {
  __u32 element;
  __u32 end; /* of the item's bytes */
  __u32 size;
  __u32 first_pc;
  __u32 pc;
  __u32 end_pc;
};

struct bs_machine {
  __u32 busy; /* 1: claimed */
  __u32 pc;
  __u32 sp;
  __u32 used;    /* bytes of the event in buffer, a multiple of 8 */
  __u32 payload; /* captured bytes, against max_bytes */
  __u32 flags;   /* BS_EVENT_* */
  __u32 skip;    /* 1: skip to the next ROOT or END */
  __u32 done;
  __u32 head, tail; /* of queue, free running */

  /* The element being chased: offsets in buffer. */
  __u32 element, element_end, element_size;
  __u32 chase_pc;
  __u64 element_address; /* 0: from registers */
  __u16 root;
  __u16 depth;

  /* Of the plan. */
  __u32 type_base;
  __u32 max_depth;
  __u32 max_elements;
  __u32 max_string;
  __u32 max_bytes;

  __u64 bias; /* load bias; link-time address + bias = address in the process */
  __u32 has_bias;
  __u32 has_caller; /* of this choice, one was the caller */
  __u64 caller;     /* link-time address that the function returns to; 0: not known */

  __u32 redacts; /* 1: some type of the plan has blanks */
  __u32 reserved;
  /* Of a predicate: a failure leaves the atom. */
  __u32 atom_end, atom_sp;
  __u32 has_failed; /* an atom was left */
  __u32 large;      /* slots of the stack that hold numbers from 2^63 on, one bit each */
  __u64 pid_tgid;

  __u64 epoch; /* of this event, in seen */
  struct bs_request request;
  struct bs_walk walk;
  struct bs_blanking blanking;
  __u64 stack[BS_STACK];
  __u64 registers[BS_REGISTERS];
  __u8 text[BS_HASHED_TEXT + 8] __attribute__((aligned(8))); /* what a predicate looks at */
  __u32 queue[BS_QUEUE];                                     /* offsets of items in buffer */
  struct bs_seen seen[BS_SEEN];
  /* bs_event, then items. In the tail one object, or the copy of a stack, can start
   * anywhere in an event, which is all that the verifier has to know. */
  __u8 buffer[BS_MAX_RECORD + 64] __attribute__((aligned(8)));
};

/* What a loop hands to its steps. */
struct bs_run {
  struct bs_machine *machine;
};

static __always_inline void start_machine(struct bs_machine *m, const struct bs_plan *plan, __u32 pc) {
  m->pc = pc;
  m->sp = 0;
  m->payload = 0;
  m->skip = 0;
  m->done = 0;
  m->head = m->tail = 0;
  m->element_size = 0;
  m->walk.is_active = 0;
  m->request.is_final = 0;
  m->type_base = plan->type_base;
  m->max_depth = plan->max_depth;
  m->max_elements = plan->max_elements;
  m->max_string = plan->max_string;
  m->max_bytes = plan->max_bytes;
  m->redacts = plan->redacts;
  m->epoch++;
}

#endif
