/* Following processes: fork, exec, exit, and changes of the loaded libraries.
 * A fork copies the parent's services to the child before the child runs, so
 * that no hit of the child is missed. */
#ifndef BACKSIGHT_BPF_PROCESS_BPF_H
#define BACKSIGHT_BPF_PROCESS_BPF_H

#include <bpf/bpf_core_read.h>

#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"

static __always_inline void report(__u32 kind, __u32 tgid, __u32 parent_tgid, struct task_struct *task) {
  struct bs_process_event *event = bpf_ringbuf_reserve(&control, sizeof(*event), 0);
  if (!event) {
    __u32 zero = 0;
    __u64 *lost = bpf_map_lookup_elem(&control_lost, &zero);
    if (lost) __sync_fetch_and_add(lost, 1);
    return;
  }
  event->kind = kind;
  event->tgid = tgid;
  event->parent_tgid = parent_tgid;
  event->reserved = 0;
  event->boot_ns = bpf_ktime_get_boot_ns();
  event->start_boot_ns = BPF_CORE_READ(task, group_leader, start_boottime);
  bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *parent = (void *)ctx->args[0];
  struct task_struct *child = (void *)ctx->args[1];
  __u32 pid = BPF_CORE_READ(child, pid), tgid = BPF_CORE_READ(child, tgid);
  if (pid != tgid) return 0; /* a thread */
  __u32 parent_tgid = BPF_CORE_READ(parent, tgid);
  struct bs_membership *services = bpf_map_lookup_elem(&members, &parent_tgid);
  if (!services) return 0;
  struct bs_membership copy = *services;
  if (bpf_map_update_elem(&members, &tgid, &copy, BPF_NOEXIST)) {
    /* User space was quicker: add to what it has set. */
    struct bs_membership *have = bpf_map_lookup_elem(&members, &tgid);
#pragma unroll
    for (__u32 i = 0; have && i < BS_MAX_SERVICES / 64; i++)
      __sync_fetch_and_or(&have->services[i], copy.services[i]);
  }
  report(BS_PROCESS_FORK, tgid, parent_tgid, child);
  return 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *task = (void *)ctx->args[0];
  report(BS_PROCESS_EXEC, BPF_CORE_READ(task, tgid), 0, task);
  return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *task = (void *)ctx->args[0];
  if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0; /* other threads live on */
  __u32 tgid = BPF_CORE_READ(task, tgid);
  /* Two last threads may both see 0; only one of them deletes. */
  if (bpf_map_delete_elem(&members, &tgid)) return 0;
  report(BS_PROCESS_EXIT, tgid, 0, task);
  return 0;
}

/* On the dynamic linker's _dl_debug_state. */
SEC("uprobe")
int modules_changed(void *ctx) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  if (!bpf_map_lookup_elem(&members, &tgid)) return 0;
  report(BS_PROCESS_MODULES, tgid, 0, (void *)bpf_get_current_task());
  return 0;
}

#endif
