/* The interpreter of bpf/ compiled for user space. Its few helpers of the kernel
 * are replaced below; nothing else of it is changed, so that both make the same
 * record of the same memory. */
#include "bpf/abi/user_machine.h"

#include <stdlib.h>
#include <string.h>

/* In the place of bpf_helpers.h, maps.bpf.h, read.bpf.h and kernel_types.bpf.h. */
#define __BPF_HELPERS__
#define BACKSIGHT_BPF_MAPS_BPF_H
#define BACKSIGHT_BPF_READ_BPF_H
#define BACKSIGHT_BPF_KERNEL_TYPES_BPF_H
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

#include "bpf/machine.bpf.h"

#define BS_USER_PAGE 4096ull

static char ops, types, vtables; /* the maps, by their addresses */

static _Thread_local struct {
  const struct bs_user_plan *plan;
  bs_read_memory read;
  void *context;
  int status; /* of the last read that failed */
} user;

static const struct bs_vtable *find_vtable(__u64 address) {
  __u32 low = 0, high = user.plan->vtable_count;
  while (low < high) {
    __u32 middle = low + (high - low) / 2;
    const struct bs_user_vtable *entry = &user.plan->vtables[middle];
    if (entry->address == address) return &entry->is;
    if (entry->address < address)
      low = middle + 1;
    else
      high = middle;
  }
  return 0;
}

static void *bpf_map_lookup_elem(const void *map, const void *key) {
  if (map == &vtables) return (void *)find_vtable(((const struct bs_vtable_key *)key)->address);
  __u32 index;
  memcpy(&index, key, sizeof index);
  if (map == &ops) return index < user.plan->op_count ? (void *)&user.plan->ops[index] : 0;
  return index < user.plan->type_count ? (void *)&user.plan->types[index] : 0;
}

static long bpf_loop(__u32 steps, long (*step)(__u32, void *), void *context, __u64 flags) {
  (void)flags;
  for (__u32 i = 0; i < steps; i++)
    if (step(i, context)) return i + 1;
  return steps;
}

static long read_user(void *to, __u32 bytes, __u64 from) {
  int status = user.read(user.context, from, to, bytes);
  if (status == BS_ITEM_OK) return 0;
  user.status = status;
  memset(to, 0, bytes);
  return -14;
}

static long bpf_probe_read_kernel(void *to, __u32 bytes, const void *from) {
  memcpy(to, from, bytes);
  return 0;
}

/* Page by page, so that the end of memory behind the string is not met. */
static long read_user_string(void *to, __u32 size, __u64 from) {
  char *text = to;
  __u32 at = 0;
  while (at < size) {
    __u32 part = BS_USER_PAGE - ((from + at) & (BS_USER_PAGE - 1));
    if (part > size - at) part = size - at;
    if (read_user(text + at, part, from + at)) return -14;
    char *end = memchr(text + at, 0, part);
    if (end) return end - text + 1;
    at += part;
  }
  if (size) text[size - 1] = 0;
  return size;
}

static int failure_status(__u64 address, __u64 length) {
  (void)address;
  (void)length;
  return user.status;
}

static int string_failure_status(__u64 address) {
  return failure_status(address, 1);
}

#define bpf_loop(steps, step, context, flags) bpf_loop(steps, (long (*)(__u32, void *))(step), context, flags)

#include "bpf/interpreter.bpf.h"

struct bs_machine *bs_user_machine_new(void) {
  return calloc(1, sizeof(struct bs_machine));
}

void bs_user_machine_free(struct bs_machine *machine) {
  free(machine);
}

const struct bs_event *bs_user_machine_run(struct bs_machine *m, const struct bs_user_plan *plan,
                                           bs_read_memory read, void *context) {
  user.plan = plan;
  user.read = read;
  user.context = context;
  user.status = BS_ITEM_BAD_ADDRESS;
  struct bs_event *event = (struct bs_event *)m->buffer;
  memset(event, 0, sizeof *event);
  event->kind = BS_SITE_GLOBAL;
  memset(m->registers, 0, sizeof m->registers);
  m->registers[BS_RIP] = plan->bias; /* of a site at link-time address 0 */
  m->used = sizeof *event;
  m->flags = 0;
  start_machine(m, &plan->plan, plan->plan.entry_pc);
  m->has_bias = 1;
  m->bias = plan->bias;
  if (plan->plan.entry_pc) run_machine(m);
  if (m->redacts) forget_registers(m);
  event->size = m->used;
  event->flags = m->flags;
  return event;
}
