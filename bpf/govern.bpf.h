/* Which calls are kept: the sample, then `where`, then the token bucket, in the
 * order in which they cost. A call is decided once, where the function is entered;
 * kept ones are remembered until it is left, so that both events of a call are
 * there or none. */
#ifndef BACKSIGHT_BPF_GOVERN_BPF_H
#define BACKSIGHT_BPF_GOVERN_BPF_H

#include "bpf/predicate.bpf.h"

static __always_inline void count_loss(struct bs_plan_counters *count, __u32 reason) {
  __sync_fetch_and_add(&count->lost[reason], 1);
}

/* Generic cell rate algorithm (ITU-T I.371): one word holds the bucket. Who loses
 * it to another CPU too often goes without a token. */
static __always_inline int take_token(__u32 index) {
  struct bs_bucket *bucket = bpf_map_lookup_elem(&buckets, &index);
  if (!bucket || !bucket->interval_ns) return 1;
  __u64 now = bpf_ktime_get_ns();
#pragma unroll
  for (int attempt = 0; attempt < 4; attempt++) {
    __u64 full = *(volatile __u64 *)&bucket->full_ns;
    __u64 from = full > now ? full : now;
    if (from - now > bucket->burst_ns) return 0;
    if (__sync_val_compare_and_swap(&bucket->full_ns, full, from + bucket->interval_ns) == full) return 1;
  }
  return 0;
}

/* Runs a predicate; what it leaves on the stack. */
static __always_inline __u64 decide(struct bs_machine *m, __u32 pc, int *is_known) {
  m->pc = pc;
  m->sp = 0;
  m->done = 0;
  m->has_failed = 0;
  run_predicate(m);
  *is_known = m->done && m->sp == 1;
  return m->stack[0];
}

enum bs_verdict { BS_KEEP = 0, BS_REJECTED, BS_UNKNOWN, BS_LOST_SAMPLED, BS_LOST_THROTTLED };

static __always_inline __u64 draw(void) {
  return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

/* `m` is null where neither a key nor a condition has to be read. */
static __always_inline int judge(struct bs_machine *m, const struct bs_plan *plan, __u32 flags, __u64 below) {
  int is_known = 1;
  if (flags & BS_PLAN_SAMPLED) {
    if (!plan->sample_pc) {
      if (draw() >= below) return BS_LOST_SAMPLED;
    } else if (m) {
      __u64 hash = decide(m, plan->sample_pc, &is_known);
      if (!is_known || m->has_failed) return BS_UNKNOWN;
      if (hash >= below) return BS_LOST_SAMPLED;
    }
  }
  if (flags & BS_PLAN_WHERE && m) {
    __u64 truth = decide(m, plan->where_pc, &is_known);
    if (!is_known || truth == BS_UNDECIDED) return BS_UNKNOWN;
    if (!truth) return BS_REJECTED;
  }
  if (flags & BS_PLAN_LIMITED && !take_token(plan->bucket)) return BS_LOST_THROTTLED;
  return BS_KEEP;
}

static __always_inline void count_verdict(struct bs_plan_counters *count, int verdict) {
  switch (verdict) {
    case BS_REJECTED:
      __sync_fetch_and_add(&count->rejected, 1);
      break;
    case BS_UNKNOWN:
      __sync_fetch_and_add(&count->undecided, 1);
      break;
    case BS_LOST_SAMPLED:
      count_loss(count, BS_LOSS_SAMPLED);
      break;
    case BS_LOST_THROTTLED:
      count_loss(count, BS_LOSS_THROTTLED);
  }
}

/* The end of a call: its record, 0 where it was not kept. */
static __always_inline __u64 end_call(const struct bs_call_key *key) {
  __u64 *found = bpf_map_lookup_elem(&kept_calls, key);
  if (!found) return 0;
  __u64 record = *found;
  bpf_map_delete_elem(&kept_calls, key);
  return record;
}

/* One that was left without a return may have had this frame before. */
static __always_inline void forget_call(const struct bs_call_key *key) {
  if (bpf_map_lookup_elem(&kept_calls, key)) bpf_map_delete_elem(&kept_calls, key);
}

static __always_inline int remember_call(const struct bs_call_key *key, __u8 generation) {
  __u64 record = (bpf_ktime_get_ns() & ~0xffull) | generation;
  return !bpf_map_update_elem(&kept_calls, key, &record, BPF_ANY);
}

#endif
