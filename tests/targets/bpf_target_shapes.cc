// Containers and objects of C++, good ones and corrupt ones, for bpf_target.
#include <deque>
#include <list>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

extern "C" {
#include "bpf_target.h"
void see(const void* a, const void* b);
void run_shape(const char* command, long n);
}

struct Left {
  virtual ~Left() = default;
  long left = 1;
};
struct Right {
  virtual ~Right() = default;
  long right = 2;
};
struct Both : Left, Right {
  long own = 3;
};
struct Unknown : Left {
  long hidden = 4;
};

namespace {

const void* const kBad = reinterpret_cast<const void*>(0x10);

void lists(long n) {
  std::list<const char*> words = {"one", "two", "three"};
  see(&words, nullptr);
  std::list<long> numbers;
  for (long i = 0; i < n; i++) numbers.push_back(i);
  see(&numbers, &numbers);
}

void shared_tail() {
  bpf_node d = {4, nullptr}, c = {3, &d}, b = {2, &c}, a = {1, &c};
  bpf_node *first = &a, *second = &b;
  see(&first, &second);
}

void corrupt_lists() {
  bpf_node self = {1, &self}, bad = {2, reinterpret_cast<bpf_node*>(0x10)}, to_bad = {1, &bad};
  bpf_node *first = &self, *second = &to_bad;
  see(&first, &second);
}

void maps(long n) {
  std::map<long, long> numbers;
  for (long i = 0; i < n; i++) numbers[i * 7919 % n] = i;
  see(&numbers, &numbers);
}

void corrupt_trees() {
  bpf_tree_node self = {0, nullptr, nullptr, nullptr, 1, 1};
  self.parent = self.left = self.right = &self;
  bpf_tree cycle = {0, {nullptr, &self, &self, &self}, 1000};
  see(&cycle, nullptr);
  bpf_tree_node root = {0, nullptr, nullptr, nullptr, 2, 2}, low = {0, &root, nullptr, nullptr, 1, 1};
  root.left = &low;
  root.right = reinterpret_cast<bpf_tree_node*>(0x10);
  bpf_tree bad = {0, {nullptr, &root, &low, &root}, 3};
  see(&bad, nullptr);
  // Right as it is, but for the count: the way up leads to the header.
  bpf_tree_node three = {0, nullptr, nullptr, nullptr, 3, 3};
  bpf_tree lies = {0, {nullptr, &root, &low, &three}, 1000};
  three.parent = &root;
  root.right = &three;
  root.parent = reinterpret_cast<bpf_tree_node*>(&lies.header);
  see(&lies, nullptr);
}

void hashed(long n) {
  std::unordered_map<long, long> numbers;
  for (long i = 0; i < n; i++) numbers[i] = i * i;
  see(&numbers, nullptr);
}

void deques(long n) {
  std::deque<long> numbers;
  for (long i = 0; i < n; i++) numbers.push_back(i);
  for (long i = 0; i < 5 && !numbers.empty(); i++) numbers.pop_front();
  see(&numbers, &numbers);
}

void numbered() {
  long blocks[3][4] = {{4, 5, 6, 7}, {8, 9, 10, 11}, {12, 13, 14, 15}};
  long* map[4] = {nullptr, blocks[0], blocks[1], blocks[2]};
  bpf_numbered deque = {map, 6, 7}, gone = {map, 0, 8}, absurd = {map, 6, -1ul};
  see(&deque, nullptr);
  see(&gone, nullptr);
  see(&absurd, nullptr);
}

void corrupt_deque() {
  std::deque<long> numbers(100, 7);
  long* words[10];
  __builtin_memcpy(words, static_cast<void*>(&numbers), sizeof words);
  words[9] -= 20;  // the last block before the first
  see(words, nullptr);
  __builtin_memcpy(words, static_cast<void*>(&numbers), sizeof words);
  words[2] += 70;  // begins behind its block
  see(words, nullptr);
}

void bits(long n) {
  std::vector<bool> flags;
  for (long i = 0; i < n; i++) flags.push_back(i % 3 == 0);
  see(&flags, nullptr);
}

void objects() {
  Both both;
  Left left;
  Left* as_left = &both;
  Right* as_right = &both;
  see(&as_left, &as_right);
  as_left = &left;
  Unknown unknown;
  Left* other = &unknown;
  see(&as_left, &other);
  // Parts whose vtables say that the object begins far before them, or behind.
  long far_table[4] = {-(1 << 21), 0, 0, 0}, ahead_table[4] = {8, 0, 0, 0};
  const void* far_object[2] = {far_table + 2, nullptr};
  struct {
    const void* vptr;
    Left object;
  } ahead;
  ahead.vptr = ahead_table + 2;
  const void *far_pointer = far_object, *ahead_pointer = &ahead;
  see(&far_pointer, &ahead_pointer);
  const void* no_object[2] = {kBad, nullptr};
  const void *no_table = no_object, *bad = kBad;
  see(&no_table, &bad);
}

}  // namespace

void run_shape(const char* text, long n) {
  const std::string_view command = text;
  if (command == "lists") lists(n);
  if (command == "shared_tail") shared_tail();
  if (command == "corrupt_lists") corrupt_lists();
  if (command == "maps") maps(n);
  if (command == "corrupt_trees") corrupt_trees();
  if (command == "hashed") hashed(n);
  if (command == "deques") deques(n);
  if (command == "numbered") numbered();
  if (command == "corrupt_deque") corrupt_deque();
  if (command == "bits") bits(n);
  if (command == "objects") objects();
}
