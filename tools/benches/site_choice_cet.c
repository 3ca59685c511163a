/* An ordinary function, compiled with -fcf-protection: endbr64, then a push. */
long backsight_bench_cet(long a, long b);

__attribute__((noipa)) static long inner(long a) {
  __asm__ volatile("" : "+r"(a));
  return a + 1;
}

__attribute__((noipa)) long backsight_bench_cet(long a, long b) {
  const long first = inner(a);
  return first + inner(b);
}
