/* A shared library: which of its variables another module may have a copy of. */
int exported = 5;
static int own = 7;
__attribute__((visibility("hidden"))) int hidden = 9;
int never_used = 11;
__thread int per_thread = 3;

__attribute__((noinline)) int use(int a) {
  own += a;
  hidden += a;
  per_thread++;
  return exported + own + a;
}
