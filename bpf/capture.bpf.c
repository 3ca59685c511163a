/* The one capture program. It runs at every probe site, finds its plan by the
 * attach cookie, and writes what the plan says to the ring. Order matters: what
 * is cheap and drops most comes first, and no target memory is read before there
 * is room for it. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "bpf/govern.bpf.h"
#include "bpf/interpreter.bpf.h"
#include "bpf/maps.bpf.h"
#ifndef BACKSIGHT_SLEEPABLE
#include "bpf/process.bpf.h"
#endif
#include "bpf/scratch.bpf.h"
#include "bpf/stack.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Free bytes that the ring must have before anything is read. */
#define BS_RING_ROOM 2048ull

/* Where the producer was when the consumer was last woken. Racy, harmlessly. */
__u64 woken_at;

static __always_inline int in_service(const struct bs_plan *plan, __u32 tgid) {
  if (plan->flags & BS_PLAN_ANY_PROCESS) return 1;
  struct bs_membership *services = bpf_map_lookup_elem(&members, &tgid);
  if (!services) return 0;
  __u32 service = plan->service;
  return services->services[(service >> 6) & (BS_MAX_SERVICES / 64 - 1)] >> (service & 63) & 1;
}

static __always_inline void take_registers(struct bs_machine *m, const struct pt_regs *ctx) {
  m->registers[BS_RAX] = ctx->rax;
  m->registers[BS_RDX] = ctx->rdx;
  m->registers[BS_RCX] = ctx->rcx;
  m->registers[BS_RBX] = ctx->rbx;
  m->registers[BS_RSI] = ctx->rsi;
  m->registers[BS_RDI] = ctx->rdi;
  m->registers[BS_RBP] = ctx->rbp;
  m->registers[BS_RSP] = ctx->rsp;
  m->registers[BS_R8] = ctx->r8;
  m->registers[BS_R9] = ctx->r9;
  m->registers[BS_R10] = ctx->r10;
  m->registers[BS_R11] = ctx->r11;
  m->registers[BS_R12] = ctx->r12;
  m->registers[BS_R13] = ctx->r13;
  m->registers[BS_R14] = ctx->r14;
  m->registers[BS_R15] = ctx->r15;
  m->registers[BS_RIP] = ctx->rip;
}

/* Address of the slot of the return address. */
static __always_inline __u64 frame_of(const struct pt_regs *ctx, __u64 cookie) {
  __u64 frame = ctx->rsp;
  /* Not a choice between addresses in the context: the verifier would refuse that. */
  asm volatile("" : "+r"(frame));
  if ((__u8)(cookie >> 16) == BS_SITE_ENTRY_BY_RBP) frame = ctx->rbp;
  return frame + (__s64)(__s16)(cookie >> 48);
}

static __always_inline void start_event(struct bs_machine *m, __u64 cookie, __u64 pid_tgid) {
  struct bs_event *event = (struct bs_event *)m->buffer;
  __u8 kind = cookie >> 16;
  event->kind = kind == BS_SITE_ENTRY_BY_RBP ? BS_SITE_ENTRY : kind;
  event->boot_ns = bpf_ktime_get_boot_ns();
  event->cpu = bpf_get_smp_processor_id();
  event->plan = (__u16)cookie;
  event->tgid = pid_tgid >> 32;
  event->tid = pid_tgid;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  m->used = sizeof(struct bs_event);
  m->flags = 0;
}

/* The instruction pointer is at the site, whose distance from the plan's address
 * the cookie tells. */
static __always_inline void find_bias(struct bs_machine *m, const struct bs_plan *plan, __u64 cookie) {
  __s64 delta = (__s64)(cookie << 16) >> 40;
  m->has_bias = delta != BS_NO_SITE_DELTA;
  m->bias = m->registers[BS_RIP] - delta - plan->link_address;
}

/* Wake the consumer only when the ring is an eighth full, and again only after
 * another sixteenth: a wake-up costs more than an event. */
static __always_inline __u64 wakeup_flags(__u64 waiting) {
  if (waiting < options.ring_bytes / 8) return BPF_RB_NO_WAKEUP;
  __u64 at = bpf_ringbuf_query(&events, BPF_RB_PROD_POS);
  if (at - woken_at < options.ring_bytes / 16) return BPF_RB_NO_WAKEUP;
  woken_at = at;
  return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void send_event(struct bs_machine *m, struct bs_plan_counters *count, __u64 waiting) {
  struct bs_event *event = (struct bs_event *)m->buffer;
  __u32 zero = 0, used = m->used;
  if (used > BS_MAX_RECORD) {
    count_loss(count, BS_LOSS_TOO_LARGE);
    return;
  }
  event->size = used;
  event->flags = m->flags;
  __u64 *next = bpf_map_lookup_elem(&sequence, &zero);
  if (!next) return;
  event->seq = __sync_fetch_and_add(next, 1) + 1;
  if (bpf_ringbuf_output(&events, m->buffer, used, wakeup_flags(waiting)))
    count_loss(count, BS_LOSS_RING_FULL);
  else
    __sync_fetch_and_add(&count->kept, 1);
}

/* What the machine has to know of this hit, whatever it runs. */
static __always_inline void prepare_machine(struct bs_machine *m, const struct bs_plan *plan, __u64 cookie,
                                            const struct bs_call_key *call, const struct pt_regs *ctx) {
  take_registers(m, ctx);
  find_bias(m, plan, cookie);
  ((struct bs_event *)m->buffer)->frame = call->frame;
  m->pid_tgid = call->pid_tgid;
}

static __always_inline void make_event(struct bs_machine *m, const struct bs_plan *plan,
                                       struct bs_plan_counters *count, __u64 cookie, __u64 pid_tgid,
                                       __u64 waiting) {
  start_event(m, cookie, pid_tgid);
  __u8 kind = cookie >> 16;
  __u32 pc = kind == BS_SITE_ENTRY || kind == BS_SITE_ENTRY_BY_RBP ? plan->entry_pc
             : kind == BS_SITE_RETURN                              ? plan->return_pc
                                                                   : 0;
  if (pc) {
    start_machine(m, plan, pc);
    run_machine(m);
  }
  if (plan->flags & BS_PLAN_STACK_ALL) take_stack(m, plan, kind);
  if (plan->redacts) forget_registers(m);
  send_event(m, count, waiting);
}

/* A hit of a process of the service, at an entry or at an exit. */
static __always_inline void take_hit(struct pt_regs *ctx, const struct bs_plan *plan,
                                     struct bs_plan_counters *count, __u64 cookie, __u64 pid_tgid,
                                     int is_exit, struct bs_machine *given) {
  __u32 flags = plan->flags;
  __u64 below = *(volatile __u64 *)&plan->sample_below;
  struct bs_call_key call = {pid_tgid, frame_of(ctx, cookie), (__u16)cookie, 0};
  int is_paired = flags & BS_PLAN_PAIRED;
  if (is_paired && is_exit) {
    below = end_call(&call);
    if (!below) {
      __sync_fetch_and_add(&count->skipped, 1);
      return;
    }
    flags &= ~(BS_PLAN_GOVERNED | BS_PLAN_PAIRED); /* it is decided */
  }
  __sync_fetch_and_add(&count->hits, 1);
  struct bs_machine *m = given;
  int is_prepared = 0;
  if (flags & BS_PLAN_WHERE || (flags & BS_PLAN_SAMPLED && plan->sample_pc)) {
    /* Decided where the function is left; by a tail call there is no result yet. */
    if ((__u8)(cookie >> 16) == BS_SITE_TAIL_CALL) {
      __sync_fetch_and_add(&count->undecided, 1);
      return;
    }
    if (!m) m = claim_machine();
    if (!m) {
      count_loss(count, BS_LOSS_NO_SCRATCH);
      if (flags & BS_PLAN_PAIRED) forget_call(&call);
      return;
    }
    prepare_machine(m, plan, cookie, &call, ctx);
    is_prepared = 1;
  }
  if (flags & BS_PLAN_GOVERNED) {
    int verdict = judge(m, plan, flags, below);
    if (verdict != BS_KEEP) {
      count_verdict(count, verdict);
      if (flags & BS_PLAN_PAIRED) forget_call(&call);
      goto release;
    }
  }
  if (flags & BS_PLAN_PAIRED && !remember_call(&call, below)) {
    __sync_fetch_and_add(&count->open_calls, 1);
    goto release;
  }
  __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  if (waiting + BS_RING_ROOM > options.ring_bytes) {
    count_loss(count, BS_LOSS_RING_FULL);
    goto release;
  }
  if (!is_prepared) {
    if (!m) m = claim_machine();
    if (!m) {
      count_loss(count, BS_LOSS_NO_SCRATCH);
      return;
    }
    prepare_machine(m, plan, cookie, &call, ctx);
  }
  ((struct bs_event *)m->buffer)->generation = below;
  make_event(m, plan, count, cookie, pid_tgid, waiting);
release:
  if (m && !given) release_machine(m);
}

/* `given`: a machine that is claimed already; null: claims one where it needs it. */
static __always_inline int capture_hit(struct pt_regs *ctx, struct bs_machine *given) {
  __u64 cookie = bpf_get_attach_cookie(ctx);
  __u32 index = (__u16)cookie;
  struct bs_plan *plan = bpf_map_lookup_elem(&plans, &index);
  if (!plan || !(plan->flags & BS_PLAN_ENABLED)) return 0;
  struct bs_plan_counters *count = bpf_map_lookup_elem(&counters, &index);
  if (!count) return 0;
  __u8 kind = cookie >> 16;
  int is_exit = kind == BS_SITE_RETURN || kind == BS_SITE_TAIL_CALL;
  if (is_exit) __sync_fetch_and_add(&count->exits, 1);
  __u64 pid_tgid = bpf_get_current_pid_tgid();
  if (!in_service(plan, pid_tgid >> 32)) {
    __sync_fetch_and_add(&count->foreign, 1);
    return 0;
  }
  /* Every one of them would cost two clocks more. */
  int is_measured = !(*(volatile __u64 *)&count->hits & (BS_MEASURED - 1));
  __u64 began = is_measured ? bpf_ktime_get_ns() : 0;
  take_hit(ctx, plan, count, cookie, pid_tgid, is_exit, given);
  if (is_measured) __sync_fetch_and_add(&count->run_ns, (bpf_ktime_get_ns() - began) * BS_MEASURED);
  return 0;
}

/* A build whose reads may fault pages in needs another section, so each build of
 * this file has one program.
 *
 * Since Linux 6.13 the x86-64 JIT puts frames of 64 bytes and more on a stack that
 * belongs to the CPU, believing that programs of this type are not preempted. At a
 * uprobe they are: another hit on the same CPU would write over the frame. No
 * program that has a tail call gets such a stack, so there is one, never taken.
 * Sleepable programs may have none. There a hit claims its machine first, in a
 * frame that is smaller, and each CPU has one machine: whoever comes meanwhile is
 * a counted loss and never uses the large frames. */
#ifdef BACKSIGHT_SLEEPABLE
static __noinline int count_unclaimed(struct pt_regs *ctx) {
  __u32 index = (__u16)bpf_get_attach_cookie(ctx);
  struct bs_plan *plan = bpf_map_lookup_elem(&plans, &index);
  if (!plan || !(plan->flags & BS_PLAN_ENABLED)) return 0;
  if (!in_service(plan, bpf_get_current_pid_tgid() >> 32)) return 0;
  struct bs_plan_counters *count = bpf_map_lookup_elem(&counters, &index);
  if (!count) return 0;
  __sync_fetch_and_add(&count->hits, 1);
  count_loss(count, BS_LOSS_NO_SCRATCH);
  return 0;
}

static __noinline int capture_claimed(struct pt_regs *ctx, struct bs_machine *m) {
  return capture_hit(ctx, m);
}

SEC("uprobe.s")
int capture(struct pt_regs *ctx) {
  struct bs_machine *m = claim_machine();
  if (!m) return count_unclaimed(ctx);
  capture_claimed(ctx, m);
  release_machine(m);
  return 0;
}
#else
SEC("uprobe")
int capture(struct pt_regs *ctx) {
  if (!ctx->rip) bpf_tail_call(ctx, &nowhere, 0);
  return capture_hit(ctx, 0);
}
#endif
