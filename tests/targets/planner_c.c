// A C target for the planner's tests: untyped pointers, counted arrays,
// bit-fields, leaves, tail calls, and loops whose head is the entry.
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline, noclone))

typedef char* text;
struct hidden;

typedef struct {
  unsigned type : 4;
  unsigned encoding : 4;
  signed level : 24;
  int refcount;
  void* ptr;
} object;

struct client {
  long id;
  int argc;
  object** argv;
  struct client* next;
  struct hidden* hidden;
  int (*callback)(int);
  unsigned char bytes[6];
  long double precise;
  union {
    long whole;
    int half;
  };
  short matrix[2][2];
  double weights[3];
  char tail[];
};

struct plain {
  int a;
  long b;
};

long counter = 4;
static struct client* last_client;

NOINLINE int set_command(struct client* c) {
  last_client = c;
  printf("%s\n", (text)c->argv[1]->ptr);
  return c->argc;
}

NOINLINE long leaf(long a, int b) { return a * 3 + b; }
NOINLINE struct plain make_plain(int a) {
  struct plain result = {a, a + 1L};
  return result;
}
NOINLINE long double precise(long double v) { return v + 1; }
NOINLINE int by_table(int v) {
  switch (v) {
    case 0: return printf("zero\n");
    case 1: return rand();
    case 2: return printf("two %d\n", v);
    case 3: return abs(v) + rand();
    case 4: return puts("four");
    case 5: return printf("five\n") * 2;
    case 6: return rand() * 3;
    default: return getchar();
  }
}
NOINLINE int through_pointer(struct client* c, int v) { return c->callback(v); }
NOINLINE int sometimes(const char* name, int v) {
  if (v > 3) return printf("%s %d\n", name, v) + 1;
  return 0;
}
NOINLINE void nothing(void) { counter++; }
static NOINLINE int unused_result(int v, int spare) {
  counter += v;
  return (int)counter;
}
NOINLINE long address_taken(long v) {
  if (scanf("%ld", &v) != 1) return 0;
  return v;
}
NOINLINE int varied(int n, ...) { return n + (int)counter; }
static inline __attribute__((always_inline)) int only_inlined(int v) { return v ^ (int)counter; }

static int twice(int v) { return v * 2; }

int main(int argc, char** argv) {
  object name = {1, 2, -3, 1, argv[0]};
  object* objects[2] = {&name, &name};
  struct client* c = calloc(1, sizeof(*c) + 8);
  c->argc = 2;
  c->argv = objects;
  c->callback = twice;
  int sum = set_command(c) + (int)leaf(argc, 2) + (int)make_plain(argc).b + (int)precise(argc);
  sum += through_pointer(c, argc) + sometimes("x", argc) + varied(1, 2) + only_inlined(argc);
  if (argc > 5) sum += by_table(argc) + (int)address_taken(argc);
  nothing();
  unused_result(argc, sum);
  printf("%d %p\n", sum, (void*)last_client);
  free(c);
  return 0;
}
