/* Claiming a capture buffer. A uprobe program can be preempted, so the buffer of
 * a CPU may be in use by a program below us: each CPU has some, and one is
 * claimed by compare-and-swap. None free is a counted loss.
 * The sleepable program has a map of its own, so that its waiting takes nothing
 * from the other. */
#ifndef BACKSIGHT_BPF_SCRATCH_BPF_H
#define BACKSIGHT_BPF_SCRATCH_BPF_H

#include "bpf/maps.bpf.h"

#ifdef BACKSIGHT_SLEEPABLE
#define BS_CLAIMABLE BS_SLEEPABLE_SLOTS
#else
#define BS_CLAIMABLE BS_SCRATCH_SLOTS
#endif

static __always_inline struct bs_machine *claim_machine(void) {
  __u32 first = bpf_get_smp_processor_id() * BS_CLAIMABLE;
#pragma unroll
  for (__u32 i = 0; i < BS_CLAIMABLE; i++) {
    __u32 index = first + i;
    struct bs_machine *machine = bpf_map_lookup_elem(&scratch, &index);
    if (!machine) return 0;
    if (__sync_val_compare_and_swap(&machine->busy, 0, 1) == 0) return machine;
  }
  return 0;
}

static __always_inline void release_machine(struct bs_machine *machine) {
  asm volatile("" ::: "memory");
  *(volatile __u32 *)&machine->busy = 0;
}

#endif
