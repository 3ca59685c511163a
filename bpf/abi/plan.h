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
#define BS_SLEEPABLE_SLOTS 1u   /* likewise of the sleepable program: see capture() */

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
  /* Predicates and sampling keys compute one value, which is what the stack holds
   * at END. A truth value is 0, 1 or BS_UNDECIDED. Numbers are exact: what does not
   * fit 64 bits is undecided. See docs/format/plan-ops.md. */
  BS_OP_ATOM = 17,    /* the next c operations leave one slot; where one of them fails (memory that cannot be
                         read, a number out of range), it is BS_UNDECIDED, and they are left at once */
  BS_OP_COMPARE = 18, /* y = pop, x = pop; push x (enum bs_relation a) y. b: BS_LEFT_UNSIGNED | … */
  BS_OP_COMPARE_FLOAT = 19, /* likewise for the bits of doubles; a NaN is unequal to all, and unordered */
  BS_OP_COMPUTE = 20,       /* y = pop, x = pop; push x (enum bs_operator a) y, b as in COMPARE */
  BS_OP_TO_FLOAT = 21, /* top: from (a = 0) s64, (1) u64, (2) the bits of a float, to those of a double */
  BS_OP_LOGIC = 22,    /* enum bs_logic a */
  BS_OP_SHORTCUT = 23, /* where top == a, which decides: skip the next c operations */
  BS_OP_IF_NULL = 24,  /* where top == 0: top = d, and skip the next c operations; else, if a = 1, pop */
  BS_OP_TEXT = 25,    /* text at (enum bs_text a) against the b bytes of the DATA that follow: push whether it
                         is equal (c = 0) or begins so (c = 1) */
  BS_OP_DATA = 26,    /* 8 bytes of a literal: d */
  BS_OP_HASH = 27,    /* text at (enum bs_text a), or the number (BS_TEXT_NONE) on top: push its hash */
  BS_OP_SELECT = 28,  /* condition = pop, y = pop, x = pop; push condition ? x : y */
  BS_OP_PUSH_ID = 42, /* push the number of the process (a = 0) or of the thread (a = 1) */
  /* 43..55: reserved for predicates. */
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

#define BS_UNDECIDED 2u
enum bs_relation {
  BS_EQUAL = 0,
  BS_UNEQUAL = 1,
  BS_LESS = 2,
  BS_LESS_EQUAL = 3,
  BS_GREATER = 4,
  BS_GREATER_EQUAL = 5,
};
#define BS_LEFT_UNSIGNED 1u
#define BS_RIGHT_UNSIGNED 2u
enum bs_operator {
  BS_PLUS = 0,
  BS_MINUS = 1,
  BS_TIMES = 2,
  BS_DIVIDE = 3, /* towards zero, as C */
  BS_REMAINDER = 4,
  BS_AND = 5,
  BS_OR = 6,
  BS_XOR = 7,
  BS_SHIFT_LEFT = 8, /* by 0 to 63 */
  BS_SHIFT_RIGHT = 9,
};
enum bs_logic {
  BS_LOGIC_NOT = 0, /* of a truth value */
  BS_LOGIC_AND = 1, /* of two: undecided unless one of them decides */
  BS_LOGIC_OR = 2,
  BS_LOGIC_TRUTH = 3, /* of a number: whether it is not 0 */
};
/* Where a text is. */
enum bs_text {
  BS_TEXT_NONE = 0,
  BS_TEXT_COUNTED = 1, /* pops its length in bytes, then its address */
  BS_TEXT_CSTR = 2,    /* pops its address: up to the NUL */
  BS_TEXT_ARRAY = 3,   /* pops its address: up to the NUL, at most d bytes */
  BS_TEXT_THREAD = 4,  /* the thread's name */
};
#define BS_MAX_LITERAL 128u /* bytes of the text of one TEXT */
#define BS_HASHED_TEXT 256u /* bytes of a text that its hash depends on, besides its length */

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
#define BS_PLAN_STACK_REDACTS 0x800u   /* the probe redacts something: send return addresses alone */
#define BS_PLAN_STACK_ALL (BS_PLAN_STACK_FP | BS_PLAN_STACK_DWARF)
/* Which calls are kept is decided by where_pc, the sample, the bucket. */
#define BS_PLAN_WHERE 4u
#define BS_PLAN_SAMPLED 8u
#define BS_PLAN_LIMITED 16u
#define BS_PLAN_GOVERNED (BS_PLAN_WHERE | BS_PLAN_SAMPLED | BS_PLAN_LIMITED)
/* It is decided at the entry, and kept calls are remembered until they return. */
#define BS_PLAN_PAIRED 32u

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
  __u32 bucket;       /* index in buckets; BS_PLAN_LIMITED */
  __u64 link_address; /* of the function */
  __u32 redacts;      /* 1: some type has blanks */
  __u32 reserved;
  __u32 where_pc;  /* BS_PLAN_WHERE: leaves a truth value */
  __u32 sample_pc; /* BS_PLAN_SAMPLED: leaves a hash; 0: each call by chance */
  /* Kept where the hash is below. The low 8 bits are also the number of this
   * fraction, which each event carries: both change at once. */
  __u64 sample_below;
};

/* A token bucket as the time at which it will be full again: a hit takes
 * interval_ns, and there is none where that would be more than burst_ns ahead. */
struct bs_bucket {
  __u64 full_ns; /* CLOCK_MONOTONIC */
  __u64 interval_ns;
  __u64 burst_ns;
};
#define BS_MAX_BUCKETS 8192u

/* A call that was kept, until it returns. Value: CLOCK_MONOTONIC of its entry,
 * whose low 8 bits are those of its sample_below instead. */
struct bs_call_key {
  __u64 pid_tgid;
  __u64 frame;
  __u32 plan;
  __u32 reserved;
};
#define BS_MAX_KEPT_CALLS 65536u

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
