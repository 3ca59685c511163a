/* What the BPF programs write: events to the data ring, process changes to the
 * control ring, counters to per-CPU arrays. Types only.
 *
 * Items in a bs_event have the layout of backsight::schema::ItemHeader
 * (tests/collector compares the two field by field). */
#ifndef BACKSIGHT_BPF_ABI_EVENT_H
#define BACKSIGHT_BPF_ABI_EVENT_H

#include <linux/types.h>

#include "bpf/abi/plan.h"

enum bs_item_status {
  BS_ITEM_OK = 0,
  BS_ITEM_BAD_ADDRESS = 1,
  BS_ITEM_NOT_RESIDENT = 2,
  BS_ITEM_ELEMENT_LIMIT = 3,
  BS_ITEM_STRING_LIMIT = 4,
  BS_ITEM_BYTE_LIMIT = 5,
  BS_ITEM_NEGATIVE_LENGTH = 6,
  BS_ITEM_UNKNOWN_CALLER = 7,
  BS_ITEM_CHANGING = 8, /* of user space alone: see user_machine.h */
};

#define BS_EVENT_BYTE_LIMIT 1u
#define BS_EVENT_QUEUE_LIMIT 2u
#define BS_EVENT_STEP_LIMIT 4u
#define BS_EVENT_STACK_COPY 8u /* its last item is a copy of the stack */

/* Header of one record of the data ring; items follow, each padded to 8. */
struct bs_event {
  __u32 size;      /* of the whole record */
  __u8 kind;       /* enum bs_site_kind */
  __u8 generation; /* low 8 bits of sample_below when the call was decided */
  __u16 flags;
  __u64 boot_ns;
  __u64 seq; /* per CPU, from 1 */
  __u32 cpu;
  __u32 plan; /* index */
  __u32 tgid;
  __u32 tid;
  __u64 frame;
  char comm[16];
};

struct bs_item {
  __u32 type;
  __u16 root;
  __u8 status;
  __u8 depth;
  __u64 address;
  __u32 length;
  __u32 captured;
};

/* The stack of a hit: an item {type BS_STACK_TYPE, root BS_STACK_ROOT}, the last of its event. */
#define BS_STACK_TYPE 0xffffffffu
#define BS_STACK_ROOT 0xffffu
/* bs_item.depth: what its bytes are. */
#define BS_STACK_ADDRESSES 1u /* u64: of the probed instruction, then of a byte of each call */
#define BS_STACK_COPY 2u      /* bs_stack_registers, then the stack from rsp on */
#define BS_STACK_FRAMES 127u  /* addresses at most */
#define BS_STACK_BYTES 16384u /* copied at most */

/* Bytes of one record: a stack may begin where the event is full. */
#define BS_MAX_RECORD (BS_MAX_EVENT + BS_STACK_BYTES + 256u)

/* bs_item.address: where it ends, and why. */
enum bs_stack_end {
  BS_STACK_OUTERMOST = 0,
  BS_STACK_DEPTH_LIMIT = 1,
  BS_STACK_BYTE_LIMIT = 2,
  BS_STACK_NOT_RESIDENT = 3,
  BS_STACK_BAD_ADDRESS = 4,
  BS_STACK_REDACTED = 7,
};

struct bs_stack_registers {
  __u64 by_number[17]; /* enum bs_register */
};

/* Control ring. */
enum bs_process_event_kind {
  BS_PROCESS_FORK = 1, /* a new process (not a thread); parent_tgid forked tgid */
  BS_PROCESS_EXEC = 2,
  BS_PROCESS_EXIT = 3,    /* the last thread of the process is gone */
  BS_PROCESS_MODULES = 4, /* the dynamic linker changed the list of loaded libraries */
};

struct bs_process_event {
  __u32 kind;
  __u32 tgid;
  __u32 parent_tgid;
  __u32 reserved;
  __u64 boot_ns;
  __u64 start_boot_ns; /* of the process */
};

/* Mirrors the first values of backsight::schema::LossReason. */
enum bs_loss_reason {
  BS_LOSS_RING_FULL = 0,
  BS_LOSS_NO_SCRATCH = 1,
  BS_LOSS_NESTED = 2,
  BS_LOSS_TOO_LARGE = 3,
  BS_LOSS_THROTTLED = 4,
  BS_LOSS_SAMPLED = 5,
};
#define BS_LOSS_REASONS 6

/* Per plan and CPU. */
struct bs_plan_counters {
  __u64 hits; /* that passed the process filter, without returns of calls that were not kept */
  __u64 kept; /* written to the ring */
  __u64 lost[BS_LOSS_REASONS];
  __u64 run_ns;     /* time in the program, measured at one of BS_MEASURED hits and scaled */
  __u64 rejected;   /* did not match `where` */
  __u64 undecided;  /* nobody could say whether it matches, or what to sample by */
  __u64 open_calls; /* not kept: too many kept calls are open already */
  __u64 skipped;    /* returns of calls that were not kept */
  __u64 foreign;    /* hits in processes of no service */
  __u64 exits;      /* hits, skipped and foreign at sites where the function is left */
};
#define BS_MEASURED 64u

#endif
