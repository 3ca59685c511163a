/* The few kernel structures that the programs look into, with only the members
 * that they read; CO-RE relocates them against the running kernel's BTF. */
#ifndef BACKSIGHT_BPF_KERNEL_TYPES_BPF_H
#define BACKSIGHT_BPF_KERNEL_TYPES_BPF_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} bs_atomic;

struct signal_struct {
  bs_atomic live; /* threads that have not exited */
};

struct task_struct {
  int pid;
  int tgid;
  __u64 start_boottime;
  struct task_struct *group_leader;
  struct signal_struct *signal;
};

struct vm_area_struct {
  unsigned long vm_end;
  unsigned long vm_flags;
};

#pragma clang attribute pop

#define BS_VM_READ 1ul

#endif
