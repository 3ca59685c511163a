/* Commands of bpf_target, the program under the tests of the kernel side. One
 * line each on stdin; it answers "done" on stdout. */
#ifndef BACKSIGHT_TESTS_TARGETS_BPF_TARGET_H
#define BACKSIGHT_TESTS_TARGETS_BPF_TARGET_H

/* NOLINTBEGIN(readability-identifier-naming): C names, as the kernel side has them */
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

/* The layout of libstdc++'s trees, for trees that are not what they say. */
struct bpf_tree_node {
  long color;
  struct bpf_tree_node *parent, *left, *right;
  long key, value;
};

struct bpf_tree {
  long compare;
  struct bpf_tree_node* header[4]; /* color, root, leftmost, rightmost */
  unsigned long count;
};

/* A deque by numbers, as libc++ has it, with blocks of 4 elements. */
struct bpf_numbered {
  long** map;
  unsigned long first, count;
};

/* NOLINTEND(readability-identifier-naming) */
#endif
