/* All maps of the programs. Sizes that depend on the machine or on options are
 * set by the loader before loading. */
#ifndef BACKSIGHT_BPF_MAPS_BPF_H
#define BACKSIGHT_BPF_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"
#include "bpf/machine.bpf.h"

const volatile struct bs_options options SEC(".rodata.options");

/* Plans, written by user space through a mapping. Index 0 of ops is reserved. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, BS_MAX_PLANS);
  __type(key, __u32);
  __type(value, struct bs_plan);
} plans SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, BS_MAX_OPS);
  __type(key, __u32);
  __type(value, struct bs_op);
} ops SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, BS_MAX_TYPES);
  __type(key, __u32);
  __type(value, struct bs_type);
} types SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, BS_MAX_VTABLES);
  __type(key, struct bs_vtable_key);
  __type(value, struct bs_vtable);
} vtables SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 32768);
  __type(key, __u32); /* tgid */
  __type(value, struct bs_membership);
} members SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, BS_MAX_PLANS);
  __type(key, __u32);
  __type(value, struct bs_plan_counters);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BS_MAX_BUCKETS);
  __type(key, __u32);
  __type(value, struct bs_bucket);
} buckets SEC(".maps");

/* Bounded: a call that finds no room is not kept, and counted. User space takes
 * out what threads left behind that are gone. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, BS_MAX_KEPT_CALLS);
  __type(key, struct bs_call_key);
  __type(value, __u64);
} kept_calls SEC(".maps");

/* A plain array on purpose: entries are claimed, see scratch.bpf.h. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BS_SCRATCH_SLOTS);
  __type(key, __u32);
  __type(value, struct bs_machine);
} scratch SEC(".maps");

#ifndef BACKSIGHT_SLEEPABLE
/* Empty: see capture(). */
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} nowhere SEC(".maps");
#endif

/* Sequence of the events of this CPU. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} sequence SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} control SEC(".maps");

/* Entry 0: control records that found no room. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} control_lost SEC(".maps");

#endif
