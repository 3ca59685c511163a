/* Capture plans as the BPF program sees them: map data, written by user space,
 * read only by the kernel. Types only; shared between bpf/ and user space.
 *
 * An event is made by a small stack machine. The entry program of a plan
 * computes addresses and emits *items* (bytes copied whole). Each item's type
 * may have a chase program, which runs once per element and follows pointers
 * found in the copied bytes; items so found are queued and chased in turn,
 * breadth first, until depth, bytes or queue end it. No operation can fail the
 * target: a bad address becomes an item status. */
#ifndef BACKSIGHT_BPF_ABI_PLAN_H
#define BACKSIGHT_BPF_ABI_PLAN_H

#include <linux/types.h>

/* Limits of the one program. */
#define BS_MAX_PLANS 8192u      /* plans; index = low 16 bits of the cookie */
#define BS_MAX_OPS (1u << 20)   /* operations of all plans */
#define BS_MAX_TYPES (1u << 18) /* chase types of all plans */
#define BS_MAX_OBJECT 8192u     /* bytes of one item */
#define BS_MAX_EVENT 32768u     /* bytes of one event */
#define BS_MAX_STRING 4096u     /* bytes of one C string */
#define BS_STACK 16u            /* slots of the machine's stack */
#define BS_QUEUE 1024u          /* items waiting to be chased: as many as an event can hold */
#define BS_MAX_STEPS 2048u      /* operations executed for one event */
#define BS_MAX_SERVICES 256u    /* services; index in bs_membership */
#define BS_SCRATCH_SLOTS 4u     /* capture buffers of one CPU */
#define BS_SLEEPABLE_SLOTS 16u  /* the same of the sleepable program, whose events hold theirs while they wait */

/* Attach cookie: plan index | kind << 16 | site delta << 24 | frame_adjust << 48. */
enum bs_site_kind {
  BS_SITE_ENTRY = 1,
  BS_SITE_RETURN = 2,    /* at a RET instruction, or a uretprobe */
  BS_SITE_TAIL_CALL = 3, /* at a jump out of the function */
  /* As an entry, in the midst of a function that has its frame pointer set up:
   * frame address = RBP + frame_adjust. */
  BS_SITE_ENTRY_BY_RBP = 4,
  /* No site: the kind of a record that user space made of a process's globals. */
  BS_SITE_GLOBAL = 5,
};
/* frame_adjust (signed 16 bits): frame address = stack pointer + frame_adjust,
 * where frame address is that of the return address slot.
 * site_delta (signed 24 bits): address of the site - bs_plan.link_address; so the
 * load bias = instruction pointer - delta - link_address. BS_NO_SITE_DELTA where
 * it does not fit, or where the instruction pointer is not at the site
 * (uretprobe): the load bias is not known there. */
#define BS_NO_SITE_DELTA (-0x800000)
#define BS_COOKIE(plan, kind, site_delta, frame_adjust)                                          \
  ((__u64)(__u16)(plan) | ((__u64)(__u8)(kind) << 16) | (((__u64)(site_delta)&0xffffff) << 24) | \
   ((__u64)(__u16)(__s16)(frame_adjust) << 48))

/* x86-64 registers by DWARF number (System V ABI, figure 3.36). */
enum bs_register {
  BS_RAX = 0,
  BS_RDX = 1,
  BS_RCX = 2,
  BS_RBX = 3,
  BS_RSI = 4,
  BS_RDI = 5,
  BS_RBP = 6,
  BS_RSP = 7,
  BS_R8 = 8,
  BS_R9 = 9,
  BS_R10 = 10,
  BS_R11 = 11,
  BS_R12 = 12,
  BS_R13 = 13,
  BS_R14 = 14,
  BS_R15 = 15,
  BS_RIP = 16,
};

enum bs_op_code {
  BS_OP_END = 0,         /* of an entry or return program */
  BS_OP_PUSH_REG = 1,    /* push register a + (s64)d */
  BS_OP_PUSH_CONST = 2,  /* push d */
  BS_OP_PUSH_IP_REL = 3, /* push instruction pointer + (s64)d: globals, load bias free */
  BS_OP_ADD_CONST = 4,   /* top += d */
  BS_OP_LOAD = 5,        /* top = a bytes (1, 2, 4, 8) at address top, sign-extended if b;
                            where it cannot be read: item {root d, type c, status}, skip to the next ROOT */
  BS_OP_ADD = 6,         /* y = pop, x = pop, push x op y; likewise: */
  BS_OP_SUB = 7,
  BS_OP_MUL = 8,
  BS_OP_ROOT = 9,         /* marks the beginning of capture b; empties the stack */
  BS_OP_EMIT = 10,        /* item {root b, type c, address 0}: d bytes (<= 16) from the top ceil(d/8)
                             slots, the deepest slot first; pops them */
  BS_OP_COPY = 11,        /* pop address; item {root b, type c, d bytes} */
  BS_OP_COPY_RANGE = 12,  /* pop count, address; item of min(count, max_elements) elements of d bytes;
                             if a = 1, pop then the end too: no element at or beyond that address;
                             if a = 2, then the beginning: before it, as if the count were negative */
  BS_OP_COPY_CSTR = 13,   /* pop address; item up to and without the NUL, at most max_string */
  BS_OP_PUSH_LINKED = 15, /* push load bias + d (a link-time address); where the bias is not known, as a
                             LOAD that fails: item {root b, type c, bad address}, skip to the next ROOT */
  BS_OP_SHIFT = 16,       /* top >>= a bits (1 to 63); what moves in is the sign if b, else 0 */
  BS_OP_EXTEND = 14,      /* top = its low a bytes (1, 2, 4), sign-extended if b, else zero-extended: what
                             lies above a narrow value in a register means nothing */

  /* Chase programs: offsets relative to the element. a..d as named. A null
   * pointer makes no item. The new item has the root of its parent, depth + 1;
   * beyond max_depth it is not made. */
  BS_OP_CHASE_PTR = 32,     /* pointer at b -> item of one element of type c, d bytes */
  BS_OP_CHASE_CSTR = 33,    /* char pointer at b -> string item of type c */
  BS_OP_CHASE_SPAN = 34,    /* begin pointer at b, end pointer at b + a (signed a of 8-byte words)
                               -> item of elements of type c, d bytes each */
  BS_OP_CHASE_COUNTED = 35, /* data pointer at b, u64 length in elements at d >> 32
                            -> item of elements of type c, (u32)d bytes each; as string (max_string) if a = 1.
                            No item where the data lies inside the element itself (small string). */
  BS_OP_CHASE_IF =
      36, /* unless (the a bytes (1, 2, 4) at b & d >> 32) == (u32)d: skip the next c operations */
  BS_OP_CHASE_BITS = 37, /* words (u64, type c) that hold bits: pointer to the first at b. a != 0: pointer to
                            the last, partial one at b + a (signed a of 8-byte words), number of its bits
                            (u32) behind that; words up to it, and it too where it has bits. a = 0: number of
                            bits (u64) at d >> 32. At most the words that max_elements bits need */
  BS_OP_CHASE_LIST = 38, /* linked nodes: pointer to the first at b -> an item of type c, (u32)d bytes for
                            each, at most max_elements; pointer to the next at (u16)(d >> 32) of a node. Ends
                            at null, and where a = 1 at the element's address + (d >> 48) */
  BS_OP_CHASE_TREE = 39, /* nodes of a binary search tree in order, from the leftmost at b: an item of type c,
                            (u16)d bytes each; pointers to parent, left and right child at bytes 2, 3, 4 of d
                            (u8 each); number of nodes (u64) at d >> 48 of the element */
  BS_OP_CHASE_BLOCKS =
      40, /* deque: elements of type (u16)c, (u16)d bytes each, d >> 16 & 0xffff in a block. First an
             item of the pointers to the used blocks (type c >> 16, 8 bytes each), then one item
             per block. a = 0: iterators {current, first, end, place in the map} of 32 bytes at b
             and at d >> 48. a = 1: pointer to the map at b; number of the first element (u64) at
             d >> 48 and behind it the number of elements (u64). At most max_elements */
  BS_OP_CHASE_DYNAMIC = 41, /* pointer at b to a polymorphic object of static type c, (u32)d bytes. Where its
                               vtable is one of this plan's (bs_vtable): an item of type d >> 32 {pointer's
                               value: complete object's address (u64), its type (u64)} and an item of that
                               type at that address; otherwise as CHASE_PTR */
  /* 42..55 and 17..28: reserved for predicates (comparisons, branches). */
  BS_OP_IF_CALLER = 29,   /* unless the function returns to load bias + d: skip the next c operations. a = 1:
                             the first of a choice. At entries only; callers of a choice are different */
  BS_OP_NEED_CALLER = 30, /* ends a choice, of which each leaves one slot. Where it was none of the callers,
                             as a LOAD that fails: item {root b, type c, unknown caller}, skip to next ROOT */
  BS_OP_ELEMENT = 31, /* index = pop (unsigned), end = pop, begin = pop; push the address of that element of
                         d >> 16 bytes. Where none lies there, as a LOAD that fails: item {root (u16)d, type
                         c, bad address}, skip to the next ROOT */
  BS_OP_BLANK = 56, /* of bs_type.blank_pc alone: bytes [b, b + d) of each element are zeroed, before anything
                       else is done with the item */
  BS_OP_NEXT = 63,  /* end of a chase program */

  /* Fused forms that the loader makes of ROOT, PUSH_REG and EMIT or COPY; never
   * in a planner's output. They stand where the ROOT stood and skip the three. */
  BS_OP_EMIT_REG = 64, /* item {root b, type c}: d >> 32 bytes (<= 8) of register a + (s32)d */
  BS_OP_COPY_REG = 65, /* item {root b, type c}: d >> 32 bytes at register a + (s32)d */
};

struct bs_op {
  __u8 code; /* enum bs_op_code */
  __u8 a;
  __u16 b;
  __u32 c;
  __u64 d;
};

/* Chase program of a type; index = plan.type_base + TypeId. */
struct bs_type {
  __u32 size;     /* bytes of one element */
  __u32 chase_pc; /* first operation, index in the ops map; 0: nothing to chase */
  /* Redaction: `blanks` operations BS_OP_BLANK from blank_pc on. 0: none. */
  __u32 blank_pc;
  __u32 blanks;
};
#define BS_MAX_BLANKS 64u    /* of one type */
#define BS_MAX_BLANKED 1024u /* of one item: elements that would need more are not taken */

/* Which class a vtable belongs to. A hash map, filled per plan. */
struct bs_vtable_key {
  __u64 address;   /* link-time, of the primary address point: what the vptr of a complete object holds */
  __u32 type_base; /* of the plan */
  __u32 reserved;
};
struct bs_vtable {
  __u32 type; /* TypeId */
  __u32 size; /* bytes of an object */
};
#define BS_MAX_VTABLES (1u << 16) /* of all plans */

#define BS_PLAN_ENABLED 1u
#define BS_PLAN_ANY_PROCESS 2u /* every process that runs this file belongs to the service */
/* For the loader alone: attach the sleepable program. */
#define BS_PLAN_SLEEPABLE 0x80000000u
/* Take the stack of each hit. */
#define BS_PLAN_STACK_FP 0x100u
#define BS_PLAN_STACK_DWARF 0x200u
#define BS_PLAN_STACK_AT_RETURN 0x400u /* of returns, not of entries */
#define BS_PLAN_STACK_REDACTS 0x800u  /* the probe redacts something: send return addresses alone */
#define BS_PLAN_STACK_ALL (BS_PLAN_STACK_FP | BS_PLAN_STACK_DWARF)

struct bs_plan {
  __u32 flags;
  __u32 service;  /* index; < BS_MAX_SERVICES; a process is in it if its bit in bs_membership is set */
  __u32 entry_pc; /* 0: emit the header alone */
  __u32 return_pc;
  __u32 type_base;
  __u32 max_depth;
  __u32 max_elements;
  __u32 max_string;
  __u32 max_bytes;
  __u32 reserved;
  __u64 link_address; /* of the function */
  __u32 redacts;      /* 1: some type has blanks */
  __u32 reserved_too;
};

/* Value of the process map (key: tgid): the services that a process belongs to,
 * one bit each. */
struct bs_membership {
  __u64 services[BS_MAX_SERVICES / 64];
};

/* Constants of one load of the programs, set before verification. */
struct bs_options {
  __u64 ring_bytes; /* of the data ring */
  __u32 cpus;       /* possible CPUs; scratch has cpus * BS_SCRATCH_SLOTS entries */
  __u32 reserved;
};

#endif
