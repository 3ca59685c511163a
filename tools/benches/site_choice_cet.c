/* An ordinary function, compiled with -fcf-protection: endbr64, then a push. */
#ifdef __clang__
#define OUT_OF_LINE __attribute__((noinline))
#else
#define OUT_OF_LINE __attribute__((noipa))
#endif

long backsight_bench_cet(long a, long b);

OUT_OF_LINE static long inner(long a) {
  __asm__ volatile("" : "+r"(a));
  return a + 1;
}

OUT_OF_LINE long backsight_bench_cet(long a, long b) {
  const long first = inner(a);
  return first + inner(b);
}
