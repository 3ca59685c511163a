/* Walks over linked nodes and over trees in order. The pointers that lead on are
 * those of the captured bytes: who shows the value finds the same way. */
#ifndef BACKSIGHT_BPF_WALK_NODES_BPF_H
#define BACKSIGHT_BPF_WALK_NODES_BPF_H

#include "bpf/walk.bpf.h"

/* The item of the next node; 0 where the walk ends with it. */
static __always_inline __u32 take_node(struct bs_machine *m, __u32 type, __u32 size) {
  begin_request_of(m, type, m->walk.at);
  request_elements(m, 1, size, 1, BS_ITEM_OK);
  return take_object(m, size);
}

static __noinline int walk_list(struct bs_machine *m, const struct bs_op *op) {
  if (!m || !op) return 0;
  struct bs_walk *w = &m->walk;
  if (!w->is_active) {
    start_walk(m);
    w->at = element_word(m, op->b);
    w->end = op->a == 1 && m->element_address ? m->element_address + (op->d >> 48) : 0;
  }
  if (w->at && w->at != w->end && w->left) {
    __u32 before = m->used;
    __u32 node = take_node(m, op->c, op->d);
    /* A node of this very walk: the list leads into itself. */
    if (node && (node < w->first || node == before)) {
      w->left--;
      w->at = item_word(m, node, (__u16)(op->d >> 32));
      go_on(m);
      return 0;
    }
  }
  end_walk(m);
  return 0;
}

enum bs_going {
  BS_GOING_DOWN = 0,  /* to a node whose left subtree comes first */
  BS_GOING_FIRST = 1, /* to the leftmost node */
  BS_GOING_UP = 2,    /* to a parent */
};

/* The headers of trees lie in their containers, and are not nodes. */
static __always_inline int in_element(struct bs_machine *m, __u64 address) {
  return m->element_address && address - m->element_address < m->element_size;
}

/* Where to go from `node`, whose own value comes now. Returns 0 at the end. */
static __always_inline int visit(struct bs_machine *m, const struct bs_op *op, __u32 node) {
  struct bs_walk *w = &m->walk;
  if (--w->count == 0 || --w->left == 0) return 0;
  __u64 right = item_word(m, node, (__u8)(op->d >> 32));
  if (right) {
    w->at = right;
    w->going = BS_GOING_DOWN;
    return 1;
  }
  w->from = w->at;
  w->at = item_word(m, node, (__u8)(op->d >> 16));
  w->going = BS_GOING_UP;
  return 1;
}

/* One node further. Nodes are captured when they are met, so that the way to
 * each is there too. Returns 0 at the end. */
static __always_inline int advance_tree(struct bs_machine *m, const struct bs_op *op) {
  struct bs_walk *w = &m->walk;
  if (!w->at || in_element(m, w->at)) return 0;
  __u32 node = take_node(m, op->c, (__u16)op->d);
  if (!node) return 0;
  __u64 left = item_word(m, node, (__u8)(op->d >> 24));
  if (w->going == BS_GOING_DOWN && left) {
    w->at = left;
    return 1;
  }
  if (w->going == BS_GOING_UP && w->from != left) {
    if (w->from != item_word(m, node, (__u8)(op->d >> 32))) return 0;
    w->from = w->at;
    w->at = item_word(m, node, (__u8)(op->d >> 16));
    return 1;
  }
  return visit(m, op, node);
}

static __noinline int walk_tree(struct bs_machine *m, const struct bs_op *op) {
  if (!m || !op) return 0;
  struct bs_walk *w = &m->walk;
  if (!w->is_active) {
    start_walk(m);
    w->at = element_word(m, op->b);
    w->count = element_word(m, op->d >> 48);
    w->going = BS_GOING_FIRST;
    if (!w->count || !w->left) w->at = 0;
  }
  if (w->steps && advance_tree(m, op)) {
    w->steps--;
    go_on(m);
  } else {
    end_walk(m);
  }
  return 0;
}

#endif
