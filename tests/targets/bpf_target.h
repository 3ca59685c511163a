/* Commands of bpf_target, the program under the tests of the kernel side. One
 * line each on stdin; it answers "done" on stdout. */
#ifndef BACKSIGHT_TESTS_TARGETS_BPF_TARGET_H
#define BACKSIGHT_TESTS_TARGETS_BPF_TARGET_H

struct bpf_node {
  long value;
  struct bpf_node* next;
};

struct bpf_text {
  const char* data;
  unsigned long length;
};

struct bpf_span {
  struct bpf_node *begin, *end;
};

struct bpf_pair {
  long first, second;
};

#endif
