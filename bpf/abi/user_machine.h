/* The capture machine in user space: the same sources as the BPF program
 * (bpf/user_machine.c), run over memory that the caller reads. What it makes of a
 * plan is what the program makes of it: one record as on the data ring. */
#ifndef BACKSIGHT_BPF_ABI_USER_MACHINE_H
#define BACKSIGHT_BPF_ABI_USER_MACHINE_H

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads `bytes` at address `from`. BS_ITEM_OK, or why not. */
typedef int (*bs_read_memory)(void *context, __u64 from, void *to, __u32 bytes);

struct bs_user_vtable {
  __u64 address; /* link-time; sorted by it */
  struct bs_vtable is;
};

/* Checked by the caller as for the kernel. Programs as the kernel has them: index
 * 0 of the operations means none. */
struct bs_user_plan {
  const struct bs_op *ops;
  const struct bs_type *types;
  const struct bs_user_vtable *vtables;
  __u32 op_count, type_count, vtable_count;
  __u32 reserved;
  struct bs_plan plan; /* type_base 0, link_address 0 */
  __u64 bias;          /* link-time address + bias = address in the process */
};

struct bs_machine;
struct bs_machine *bs_user_machine_new(void); /* null: no memory */
void bs_user_machine_free(struct bs_machine *machine);

/* Runs the entry program. The record stays until the next run; its header has
 * size, kind (BS_SITE_GLOBAL) and flags, the rest is 0. One thread at a time per
 * machine. */
const struct bs_event *bs_user_machine_run(struct bs_machine *machine, const struct bs_user_plan *plan,
                                           bs_read_memory read, void *context);

#ifdef __cplusplus
}
#endif

#endif
