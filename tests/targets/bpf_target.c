/* A program that calls observe() and friends with known values on command; see
 * bpf_target.h. Built at -O2. */
#define _GNU_SOURCE
#include "bpf_target.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __clang__
#define PROBED __attribute__((noinline, used))
#else
#define PROBED __attribute__((noipa, used))
#endif

PROBED long observe(const void* a, const void* b, long c, long d, long e, long f) {
  asm volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f) : "memory");
  return c + d;
}

PROBED struct bpf_pair make_pair(long first, long second) {
  asm volatile("" ::: "memory");
  return (struct bpf_pair){first, second};
}

PROBED long recurse(long depth) {
  asm volatile("" ::: "memory");
  if (depth == 0) return 0;
  long below = recurse(depth - 1);
  asm volatile("" : "+r"(below));
  return below + 1;
}

/* bpf_target_throw.cc */
long throw_through(long value);
/* bpf_target_shapes.cc */
void run_shape(const char* command, long n);

long global_number = 4242;

static char* pages(size_t count) {
  char* p = mmap(0, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) abort();
  return p;
}

void see(const void* a, const void* b) {
  observe(a, b, 3, 4, 5, 6);
}

static void run_chain(void) {
  static struct bpf_node third = {33, 0}, second = {22, &third}, first = {11, &second};
  see(&first, 0);
}

static void run_cycle(void) {
  static struct bpf_node a, b;
  a = (struct bpf_node){1, &b};
  b = (struct bpf_node){2, &a};
  see(&a, 0);
}

static void run_page_end(void) {
  char* p = pages(2);
  memset(p, 'x', 4096);
  munmap(p + 4096, 4096);
  see(p + 4090, 0);
  munmap(p, 4096);
}

static void run_not_resident(void) {
  char* p = pages(1);
  memset(p, 'x', 4096);
  madvise(p, 4096, MADV_DONTNEED);
  see(p, p);
  munmap(p, 4096);
}

/* Two pages of a file, mapped and not touched: a word, and a text over their boundary. */
static void run_away(void) {
  const long word = 4711;
  int file = memfd_create("away", 0);
  if (file < 0 || ftruncate(file, 3 * 4096) || pwrite(file, &word, sizeof word, 0) != sizeof word ||
      pwrite(file, "over the boundary", 18, 4090) != 18)
    abort();
  char* p = mmap(0, 3 * 4096, PROT_READ, MAP_SHARED, file, 0);
  if (p == MAP_FAILED) abort();
  madvise(p, 3 * 4096, MADV_RANDOM);
  see(p, p + 4090);
  munmap(p, 3 * 4096);
  close(file);
}

static void run_patterns(void) {
  static char a[256], b[256];
  memset(a, 'A', 255);
  strcpy(b, "bbb");
  see(a, a);
  see(b, b);
}

static void run_containers(void) {
  static struct bpf_node nodes[40];
  for (int i = 0; i < 40; i++) nodes[i] = (struct bpf_node){i, 0};
  static struct bpf_span span, backwards, empty;
  span = (struct bpf_span){nodes, nodes + 40};
  backwards = (struct bpf_span){nodes + 2, nodes};
  empty = (struct bpf_span){nodes, nodes};
  static struct bpf_text text = {"counted text", 12}, absurd = {"x", -1ul};
  see(&span, &text);
  see(&backwards, &absurd);
  see(&empty, 0);
}

static void run_strings(void) {
  see("12345678", 0);
  see("123456789", 0);
  see("", 0);
}

static void run_many(long count) {
  for (long i = 0; i < count; i++) observe(0, 0, i, 1, 2, 3);
}

static void* call_many(void* count) {
  run_many((long)count);
  return 0;
}

static void run_threads(long count) {
  pthread_t threads[64];
  for (int i = 0; i < 64; i++) pthread_create(&threads[i], 0, call_many, (void*)count);
  for (int i = 0; i < 64; i++) pthread_join(threads[i], 0);
}

static void run_fork(void) {
  pid_t child = fork();
  if (child == 0) {
    observe(0, 0, getpid(), 0, 0, 0);
    _exit(0);
  }
  printf("%d\n", child);
  waitpid(child, 0, 0);
}

int main(int argc, char** argv) {
  char line[64];
  setvbuf(stdout, 0, _IOLBF, 0);
  puts(argc > 1 ? "again" : "ready");
  while (fgets(line, sizeof line, stdin)) {
    char command[32] = "";
    long n = 0;
    sscanf(line, "%31s %ld", command, &n);
    if (!strcmp(command, "values")) observe((void*)1, (void*)2, 3, 4, -5, 6);
    if (!strcmp(command, "pair")) make_pair(7, 8);
    if (!strcmp(command, "chain")) run_chain();
    if (!strcmp(command, "cycle")) run_cycle();
    if (!strcmp(command, "strings")) run_strings();
    if (!strcmp(command, "page_end")) run_page_end();
    if (!strcmp(command, "bad")) see((void*)0x10, (void*)0xdead00000000);
    if (!strcmp(command, "null")) see(0, 0);
    if (!strcmp(command, "not_resident")) run_not_resident();
    if (!strcmp(command, "away")) run_away();
    if (!strcmp(command, "patterns")) run_patterns();
    if (!strcmp(command, "containers")) run_containers();
    if (!strcmp(command, "many")) run_many(n);
    if (!strcmp(command, "threads")) run_threads(n);
    if (!strcmp(command, "recurse")) recurse(n);
    if (!strcmp(command, "throw")) printf("%ld\n", throw_through(n));
    if (!strcmp(command, "fork")) run_fork();
    if (!strcmp(command, "exec")) execl(argv[0], argv[0], "again", (char*)0);
    run_shape(command, n);
    puts("done");
  }
  return 0;
}
