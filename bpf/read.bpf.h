/* Reading target memory, and why a read failed: no such memory, or memory whose
 * page is not there right now. In the build for sleepable programs
 * (BACKSIGHT_SLEEPABLE) such a page is made present first, as if the thread had
 * read it itself. */
#ifndef BACKSIGHT_BPF_READ_BPF_H
#define BACKSIGHT_BPF_READ_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi/event.h"
#include "bpf/kernel_types.bpf.h"

#define BS_PAGE 4096ul

#ifdef BACKSIGHT_SLEEPABLE
/* The page was asked for, and is not there. */
static __always_inline int failure_status(__u64 address, __u64 length) {
  return BS_ITEM_BAD_ADDRESS;
}
#elif !defined(BACKSIGHT_NO_BPF_LOOP)
struct bs_area {
  __u64 end;
  __u64 readable;
};

static long note_area(struct task_struct *task, struct vm_area_struct *area, void *context) {
  struct bs_area *found = context;
  found->end = area->vm_end;
  found->readable = area->vm_flags & BS_VM_READ;
  return 0;
}

/* Status of a failed read of [address, address + length). */
static __noinline int failure_status(__u64 address, __u64 length) {
  struct bs_area area = {};
  struct task_struct *task = (void *)bpf_get_current_task_btf();
  long error = bpf_find_vma(task, address, note_area, &area, 0);
  if (error == -16 /* EBUSY: somebody changes the address space now */) return BS_ITEM_NOT_RESIDENT;
  if (error || !area.readable) return BS_ITEM_BAD_ADDRESS;
  if (address + length <= area.end) return BS_ITEM_NOT_RESIDENT;
  /* It reaches into another mapping: good only if that is readable too. */
  error = bpf_find_vma(task, address + length - 1, note_area, &area, 0);
  return error || !area.readable ? BS_ITEM_BAD_ADDRESS : BS_ITEM_NOT_RESIDENT;
}
#else
/* Without bpf_find_vma (Linux 5.17) the two cannot be told apart. */
static __noinline int failure_status(__u64 address, __u64 length) {
  return BS_ITEM_BAD_ADDRESS;
}
#endif

#ifdef BACKSIGHT_SLEEPABLE
static __always_inline long read_user(void *to, __u32 bytes, __u64 from) {
  if (!bpf_probe_read_user(to, bytes, (void *)from)) return 0;
  return bpf_copy_from_user(to, bytes, (void *)from);
}

/* Pages are asked for one at a time: none behind the end of the string. */
static __always_inline long read_user_string(void *to, __u32 size, __u64 from) {
  __u64 at = from;
  for (int i = 0; i < 4; i++) {
    long got = bpf_probe_read_user_str(to, size, (void *)from);
    char byte;
    if (got > 0 || at - from >= size) return got;
    if (bpf_copy_from_user(&byte, 1, (void *)at)) return got;
    at = (at | (BS_PAGE - 1)) + 1;
  }
  return bpf_probe_read_user_str(to, size, (void *)from);
}
#else
static __always_inline long read_user(void *to, __u32 bytes, __u64 from) {
  return bpf_probe_read_user(to, bytes, (void *)from);
}

static __always_inline long read_user_string(void *to, __u32 size, __u64 from) {
  return bpf_probe_read_user_str(to, size, (void *)from);
}
#endif

/* Status of a failed read of a string: it failed in its first page, or in a
 * later one that it runs into. */
static __always_inline int string_failure_status(__u64 address) {
  char first;
  if (bpf_probe_read_user(&first, 1, (void *)address)) return failure_status(address, 1);
  return failure_status((address | (BS_PAGE - 1)) + 1, 1);
}

#endif
