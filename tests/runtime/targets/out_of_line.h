/* A function that stays a function with all its parameters, whatever the
 * optimiser knows about its callers. */
#ifndef BACKSIGHT_TESTS_OUT_OF_LINE_H
#define BACKSIGHT_TESTS_OUT_OF_LINE_H
#ifdef __clang__
#define OUT_OF_LINE __attribute__((noinline))
#else
#define OUT_OF_LINE __attribute__((noipa))
#endif
#endif
