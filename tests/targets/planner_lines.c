/* Lines and inlined copies, for the planner's tests, which name lines of this file. */
#include <stdio.h>
#include <stdlib.h>

static inline int add(int a, int b) {
  int sum = a + b; /* line 6 */
  printf("%d\n", sum);
  return sum * 2; /* line 8 */
}

__attribute__((noinline)) int total_of(int count, int* values) {
  int total = 0;
  for (int i = 0; i < count; i++) {
    int value = values[i];
    if (value > 3) {
      int value = i * 2; /* line 16: hides the outer one */
      total += value;    /* line 17 */
    }
    total += add(value, i); /* line 19 */
  }
  return total; /* line 21 */
}

/* Its body is a loop whose head is where it begins. */
static inline int spin(int* at) {
  do {
    printf("%d\n", *at); /* line 27 */
  } while (--*at > 0);
  return *at;
}

__attribute__((noinline)) int once_only(int a) {
  int left = a + 3;
  return spin(&left) + add(a, left);
}

int main(int argc, char** argv) {
  int values[8];
  for (int i = 0; i < 8; i++) values[i] = i * argc;
  printf("%d\n", total_of(8, values) + once_only(argc));
  return add(argc, atoi(argv[0]));
}
