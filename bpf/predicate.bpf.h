/* What `where` and `sample` compute: operations on numbers, truth values and
 * texts. Whatever cannot be known makes its atom undecided, never false. */
#ifndef BACKSIGHT_BPF_PREDICATE_BPF_H
#define BACKSIGHT_BPF_PREDICATE_BPF_H

#include "bpf/maps.bpf.h"
#include "bpf/numbers.bpf.h"
#include "bpf/stack_machine.bpf.h"

static __always_inline void push_known(struct bs_machine *m, int is_known, __u64 value) {
  if (is_known)
    push(m, value);
  else
    leave_atom(m);
}

static __always_inline void logic(struct bs_machine *m, __u32 what) {
  __u64 y = pop(m);
  if (what == BS_LOGIC_TRUTH) return push(m, y != 0);
  if (what == BS_LOGIC_NOT) return push(m, y == BS_UNDECIDED ? y : !y);
  __u64 x = pop(m), decides = what == BS_LOGIC_OR;
  if (x == decides || y == decides) return push(m, decides);
  push(m, x == BS_UNDECIDED || y == BS_UNDECIDED ? BS_UNDECIDED : !decides);
}

/* Pops a number: unsigned where its type says so, or where it was computed and is
 * too large for a signed one. */
static __always_inline struct bs_number pop_number(struct bs_machine *m, __u32 is_unsigned) {
  __u64 value = pop(m);
  __u32 slot = 1u << (m->sp & 31);
  if (m->large & slot) is_unsigned = 1;
  m->large &= ~slot;
  return to_number(value, is_unsigned);
}

static __always_inline void push_number(struct bs_machine *m, struct bs_number number) {
  if (number.fits && is_large(number)) m->large |= 1u << (m->sp & 31);
  push_known(m, number.fits, bits_of(number));
}

static __always_inline void to_float(struct bs_machine *m, __u32 from) {
  __u64 bits = 0;
  if (from == 2) return push(m, double_of_float(pop(m)));
  int is_known = double_of_integer(pop_number(m, from), &bits);
  push_known(m, is_known, bits);
}

/* Reads a text into m->text, at most `want` bytes (<= BS_HASHED_TEXT + 1); how
 * many there are, up to `want`; negative: it cannot be read. */
static __always_inline int read_bytes(struct bs_machine *m, __u64 address, __u64 length, __u32 want) {
  __u32 have = length < want ? length : want;
  if (!have) return 0;
  asm volatile("" : "+r"(have));
  if (have > BS_HASHED_TEXT + 1) return -1;
  return read_user(m->text, have, address) ? -1 : (int)have;
}

static __always_inline int read_terminated(struct bs_machine *m, __u64 address, __u32 want) {
  __u32 size = want + 1; /* with the NUL */
  asm volatile("" : "+r"(size));
  if (size > BS_HASHED_TEXT + 2) return -1;
  return (int)read_user_string(m->text, size, address) - 1;
}

/* Bytes of m->text in front of the first NUL. */
static __always_inline int text_length(struct bs_machine *m, int have) {
  for (__u32 i = 0; i <= BS_HASHED_TEXT / 8; i++) {
    if ((int)(i * 8) >= have) break;
    __u64 word = *(__u64 *)(m->text + i * 8);
    __u64 zeros = (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
    if (!zeros) continue;
    int length = i * 8 + (highest_bit(zeros & (0 - zeros)) >> 3);
    return length < have ? length : have;
  }
  return have;
}

static __always_inline int read_text(struct bs_machine *m, const struct bs_op *op, __u32 want) {
  if (op->a == BS_TEXT_THREAD) {
    bpf_get_current_comm(m->text, 16);
    return text_length(m, want < 16 ? want : 16);
  }
  __u64 length = op->a == BS_TEXT_COUNTED ? pop(m) : op->d;
  __u64 address = pop(m);
  if (op->a == BS_TEXT_CSTR) return read_terminated(m, address, want);
  int have = read_bytes(m, address, length, want);
  return op->a == BS_TEXT_ARRAY && have > 0 ? text_length(m, have) : have;
}

/* Whether the first `bytes` of m->text are those of the DATA from pc on. */
static __always_inline int same_text(struct bs_machine *m, __u32 bytes) {
#pragma unroll
  for (__u32 i = 0; i < BS_MAX_LITERAL / 8; i++) {
    if (i * 8 >= bytes) return 1;
    __u32 pc = m->pc + i;
    const struct bs_op *data = bpf_map_lookup_elem(&ops, &pc);
    if (!data) return 0;
    __u32 left = bytes - i * 8;
    __u64 mask = left >= 8 ? ~0ull : (1ull << (left * 8)) - 1;
    if ((*(__u64 *)(m->text + i * 8) ^ data->d) & mask) return 0;
  }
  return 1;
}

static __always_inline void compare_text(struct bs_machine *m, const struct bs_op *op) {
  __u32 bytes = op->b & (BS_MAX_LITERAL * 2 - 1);
  __u32 is_prefix = op->c;
  /* A length that differs says it without a look at the text. */
  if (op->a == BS_TEXT_COUNTED && m->sp - 1 < BS_STACK) {
    __u64 length = m->stack[m->sp - 1];
    if (is_prefix ? length < bytes : length != bytes) {
      pop(m);
      pop(m);
      m->pc += (bytes + 7) / 8;
      return push(m, 0);
    }
  }
  int have = read_text(m, op, is_prefix ? bytes : bytes + 1); /* one more tells that it goes on */
  if (have < 0) return leave_atom(m);
  int same = have == (int)bytes && same_text(m, bytes);
  m->pc += (bytes + 7) / 8;
  push(m, same);
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014): every bit of the number
 * counts for every bit of the hash. */
static __always_inline __u64 mixed(__u64 value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ value >> 27) * 0x94d049bb133111ebull;
  return value ^ value >> 31;
}

/* docs/format/sampling.md */
static __always_inline void hash_top(struct bs_machine *m, const struct bs_op *op) {
  if (op->a == BS_TEXT_NONE) return push(m, mixed(pop(m) + 0x9e3779b97f4a7c15ull));
  int have = read_text(m, op, BS_HASHED_TEXT + 1);
  if (have < 0) return leave_atom(m);
  __u64 hash = 0x9e3779b97f4a7c15ull;
  for (__u32 i = 0; i < BS_HASHED_TEXT / 8; i++) {
    int left = have - (int)(i * 8);
    if (left <= 0) break;
    __u64 word = *(__u64 *)(m->text + i * 8);
    if (left < 8) word &= (1ull << ((left * 8) & 63)) - 1;
    hash = mixed(hash ^ word);
  }
  push(m, mixed(hash ^ (__u64)have));
}

static __noinline int predicate_operation(struct bs_machine *m, const struct bs_op *op) {
  if (!m || !op) return 0;
  __u64 x, y, value;
  struct bs_number a, b;
  switch (op->code) {
    case BS_OP_ATOM:
      m->large = 0;
      m->atom_end = m->pc + op->c;
      m->atom_sp = m->sp;
      break;
    case BS_OP_COMPARE:
      b = pop_number(m, op->b & BS_RIGHT_UNSIGNED);
      a = pop_number(m, op->b & BS_LEFT_UNSIGNED);
      push(m, holds(op->a, order_numbers(a, b)));
      break;
    case BS_OP_COMPARE_FLOAT:
      y = pop(m);
      x = pop(m);
      push(m, compare_doubles(op->a, x, y));
      break;
    case BS_OP_COMPUTE:
      b = pop_number(m, op->b & BS_RIGHT_UNSIGNED);
      a = pop_number(m, op->b & BS_LEFT_UNSIGNED);
      push_number(m, compute(op->a, a, b));
      break;
    case BS_OP_TO_FLOAT:
      to_float(m, op->a);
      break;
    case BS_OP_LOGIC:
      logic(m, op->a);
      break;
    case BS_OP_SHORTCUT:
      x = pop(m);
      push(m, x);
      if (x == op->a) m->pc += op->c;
      break;
    case BS_OP_IF_NULL:
      x = pop(m);
      if (!x) m->pc += op->c;
      if (!x || !op->a) push(m, x ? x : op->d);
      break;
    case BS_OP_TEXT:
      compare_text(m, op);
      break;
    case BS_OP_HASH:
      hash_top(m, op);
      break;
    case BS_OP_SELECT:
      value = pop(m);
      y = pop(m);
      x = pop(m);
      push(m, value ? x : y);
      break;
    case BS_OP_PUSH_ID:
      push(m, op->a ? (__u32)m->pid_tgid : m->pid_tgid >> 32);
      break;
    default: /* END; DATA is skipped by what it belongs to */
      m->done = 1;
  }
  return 0;
}

static __always_inline void predicate_step(struct bs_machine *m) {
  __u32 pc = m->pc;
  const struct bs_op *op = bpf_map_lookup_elem(&ops, &pc);
  if (!op) {
    m->done = 1;
    return;
  }
  m->pc = pc + 1;
  if (!compute_step(m, op, 1)) predicate_operation(m, op);
}

/* More than a condition can have that was compiled; each is executed once. */
#define BS_PREDICATE_STEPS 1024u

#ifndef BACKSIGHT_NO_BPF_LOOP
static long run_predicate_step(__u32 index, struct bs_run *run) {
  predicate_step(run->machine);
  return run->machine->done ? 1 : 0;
}

/* Runs from m->pc to END. A global function: verified by itself, not once more for
 * each way that leads here. */
__noinline int run_predicate(struct bs_machine *m) {
  if (!m) return 0;
  struct bs_run run = {m};
  bpf_loop(BS_PREDICATE_STEPS, run_predicate_step, &run, 0);
  return 0;
}
#else
__noinline int run_predicate_step(struct bs_machine *m) {
  if (!m) return 1;
  predicate_step(m);
  return m->done;
}

__noinline int run_predicate(struct bs_machine *m) {
  if (!m) return 0;
  for (__u32 i = 0; i < BS_PREDICATE_STEPS; i++)
    if (run_predicate_step(m)) return 0;
  return 0;
}
#endif

#endif
