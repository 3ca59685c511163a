/* Functions written instruction by instruction: each has a place behind its
 * entry where a probe would be cheap and, for another reason each, wrong (or
 * right: those are called good_). Prints each call with its arguments, one JSON
 * object per line, and "wrong" where a function's own result is not what it
 * must be. A round per line of input. */
#include "tests/runtime/targets/out_of_line.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wreturn-type"

#define NAKED __attribute__((naked, noinline, noclone, used))

/* Stores its arguments in the red zone, around a 5-byte NOP. */
NAKED long red_zone(long a, long b) {
  __asm__(
      "mov %rdi, -8(%rsp)\n"
      "mov %rsi, -16(%rsp)\n"
      ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
      "mov -8(%rsp), %rax\n"
      "add -16(%rsp), %rax\n"
      "ret");
}

/* The same with another form of NOP, which Linux replaces, too. */
NAKED long red_zone_prefixed(long a, long b) {
  __asm__(
      "mov %rdi, -8(%rsp)\n"
      "mov %rsi, -16(%rsp)\n"
      ".byte 0x66, 0x66, 0x66, 0x66, 0x90\n"
      "mov -8(%rsp), %rax\n"
      "add -16(%rsp), %rax\n"
      "ret");
}

/* The second instruction is the head of a loop. */
NAKED long back_to_second(long a, long b) {
  __asm__(
      "endbr64\n"
      "1: push %rbx\n"
      "pop %rbx\n"
      "dec %rsi\n"
      "jg 1b\n"
      "mov %rdi, %rax\n"
      "ret");
}

/* So it is for a jump table. */
NAKED long table_to_second(long a, long b) {
  __asm__(
      "endbr64\n"
      "1: push %rbx\n"
      "pop %rbx\n"
      "dec %rsi\n"
      "xor %eax, %eax\n"
      "test %rsi, %rsi\n"
      "setg %al\n"
      "lea 3f(%rip), %rdx\n"
      "movslq (%rdx,%rax,4), %rax\n"
      "add %rdx, %rax\n"
      "jmp *%rax\n"
      "2: mov %rdi, %rax\n"
      "ret\n"
      ".section .rodata\n"
      ".p2align 2\n"
      "3: .long 2b - 3b\n"
      ".long 1b - 3b\n"
      ".text");
}

/* The argument's register is used for something else before the push. */
NAKED long clobbered(long a, long b) {
  __asm__(
      "lea (%rdi,%rsi), %rax\n"
      "lea 1000(%rsi), %rdi\n"
      "push %rbx\n"
      "pop %rbx\n"
      "ret");
}

/* What the argument points to is changed before the push. */
struct cell {
  long value;
};
NAKED long stores_first(struct cell* cell, long b) {
  __asm__(
      "mov (%rsp), %rax\n"
      "movq $-1, (%rdi)\n"
      "push %rbx\n"
      "pop %rbx\n"
      "mov %rsi, %rax\n"
      "ret");
}

/* An argument that was passed on the stack is changed before the push. */
NAKED long stores_argument(long a, long b, long c, long d, long e, long f, long seventh) {
  __asm__(
      "lea (%rdi,%rsi), %rax\n"
      "movq $-1, 8(%rsp)\n"
      "push %rbx\n"
      "pop %rbx\n"
      "ret");
}

/* Loads from where there may be nothing, before the push. */
NAKED long loads_first(struct cell* cell, long b) {
  __asm__(
      "mov (%rdi), %rax\n"
      "push %rbx\n"
      "pop %rbx\n"
      "ret");
}

/* Returns early, before the push; the jump is one that is not emulated. */
NAKED long early_exit(long a, long b) {
  __asm__(
      "mov %rdi, %rcx\n"
      "and $1, %ecx\n"
      "jrcxz 1f\n"
      "push %rbx\n"
      "pop %rbx\n"
      "1: lea (%rdi,%rsi), %rax\n"
      "ret");
}

/* The jump itself is passed by every call. */
NAKED long good_branch(long a, long b) {
  __asm__(
      "mov %rdi, %rax\n"
      "and $1, %eax\n"
      "jz 1f\n"
      "push %rbx\n"
      "pop %rbx\n"
      "1: lea (%rdi,%rsi), %rax\n"
      "ret");
}

/* Another function jumps into the midst of its first instructions. */
NAKED long entered_inside(long a, long b) {
  __asm__(
      "mov %rdi, %rax\n"
      ".globl inside_of_it\n"
      "inside_of_it: push %rbx\n"
      "pop %rbx\n"
      "add %rsi, %rax\n"
      "ret");
}
NAKED long enters_inside(long a, long b) {
  __asm__(
      "mov %rdi, %rax\n"
      "add %rdi, %rax\n"
      "jmp inside_of_it");
}

/* A part that was split off jumps back to the push. */
NAKED long split_off(long a, long b) {
  __asm__(
      "mov %rdi, %rax\n"
      "1: push %rbx\n"
      "pop %rbx\n"
      "dec %rsi\n"
      "jg split_off.cold\n"
      "ret\n"
      ".section .text.unlikely,\"ax\",@progbits\n"
      ".type split_off.cold, @function\n"
      "split_off.cold: jmp 1b\n"
      ".size split_off.cold, . - split_off.cold\n"
      ".text");
}

/* RSP is aligned before the push: where the frame is cannot be told. */
NAKED long realigned(long a, long b, long c, long d, long e, long f, long seventh) {
  __asm__(
      "mov %rsp, %r10\n"
      ".cfi_def_cfa r10, 8\n"
      "and $-64, %rsp\n"
      "push %rbx\n"
      "mov %r10, %rsp\n"
      ".cfi_def_cfa rsp, 8\n"
      "lea (%rdi,%rsi), %rax\n"
      "ret");
}

/* "xchg %r8, %rax" has the opcode of a NOP, and is taken for one. */
NAKED long exchanged(long a, long b) {
  __asm__(
      "xchg %r8, %rax\n"
      "lea (%rdi,%rsi), %rax\n"
      "ret");
}

/* The head of a loop. */
NAKED long loop_head(long a, long b) {
  __asm__(
      "dec %rsi\n"
      "jg loop_head\n"
      "mov %rdi, %rax\n"
      "ret");
}

NAKED long good_entry(long a, long b) {
  __asm__(
      ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
      "lea (%rdi,%rsi), %rax\n"
      "ret");
}

NAKED long good_cet(long a, long b) {
  __asm__(
      "endbr64\n"
      ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
      "lea (%rdi,%rsi), %rax\n"
      "ret");
}

NAKED long good_push(long a, long b) {
  __asm__(
      "endbr64\n"
      "push %r12\n"
      ".cfi_adjust_cfa_offset 8\n"
      "lea (%rdi,%rsi), %rax\n"
      "pop %r12\n"
      ".cfi_adjust_cfa_offset -8\n"
      "ret");
}

/* Two arguments on the stack; the first cheap place is behind a change of RSP. */
NAKED long good_frame(long a, long b, long c, long d, long e, long f, long seventh, int eighth) {
  __asm__(
      "sub $40, %rsp\n"
      ".cfi_adjust_cfa_offset 40\n"
      "mov %rdi, 8(%rsp)\n"
      "jmp 1f\n"
      "1: add %rsi, 8(%rsp)\n"
      "mov 8(%rsp), %rax\n"
      "add $40, %rsp\n"
      ".cfi_adjust_cfa_offset -40\n"
      "ret");
}

NAKED long plain(long a, long b) {
  __asm__("lea (%rdi,%rsi), %rax\nret");
}

/* The first cheap place is a call. */
NAKED long good_call(long a, long b) {
  __asm__(
      "sub $8, %rsp\n"
      ".cfi_adjust_cfa_offset 8\n"
      "call plain\n"
      "add $8, %rsp\n"
      ".cfi_adjust_cfa_offset -8\n"
      "ret");
}

/* Its call frame information is wrong: RSP has been moved. */
NAKED long misdescribed(long a, long b) {
  __asm__(
      "sub $8, %rsp\n"
      "jmp 1f\n"
      "1: lea (%rdi,%rsi), %rax\n"
      "add $8, %rsp\n"
      "ret");
}

/* A loop that the compiler makes of recursion. */
static volatile long g_sink;
OUT_OF_LINE long good_tail_recursion(long a, long b) {
  g_sink = b;
  if (b <= 0) return a;
  return good_tail_recursion(a, b - 1);
}

/* Ways to return; only looked at, not called. */
NAKED long leaf_computes(long a, long b) {
  __asm__("lea (%rdi,%rsi), %rax\nmov %rax, -8(%rsp)\nrep ret");
}
NAKED long leaf_loads(long* a, long b) {
  __asm__("mov (%rdi), %rax\nret");
}
NAKED long leaf_divides(long a, long b) {
  __asm__("mov %rdi, %rax\ncqto\nidiv %rsi\nret");
}
NAKED long leaf_of_system(long a, long b) {
  __asm__("mov $58, %eax\nsyscall\nret");
}
NAKED long pops_arguments(long a, long b) {
  __asm__("call good_entry\nret $8");
}
NAKED long returns_by_thunk(long a, long b) {
  __asm__("call good_entry\njmp __x86_return_thunk");
}
NAKED void __x86_return_thunk(void) {
  __asm__("ret\nint3");
}
NAKED long jumps_by_thunk(long a, long b) {
  __asm__("call good_entry\njmp __x86_indirect_thunk_rax");
}
NAKED void __x86_indirect_thunk_rax(void) {
  __asm__("jmp *%rax");
}
NAKED long leaves_if(long a, long b) {
  __asm__("test %rdi, %rdi\njz good_entry\ncall good_entry\nret");
}
NAKED long never_returns(long a, long b) {
  __asm__("call good_entry\nud2");
}
NAKED long two_ways(long a, long b) {
  __asm__(
      "test %rdi, %rdi\n"
      "jz two_ways.cold\n"
      "call good_entry\n"
      "ret\n"
      ".section .text.unlikely,\"ax\",@progbits\n"
      ".type two_ways.cold, @function\n"
      "two_ways.cold: call good_push\n"
      "ret\n"
      ".size two_ways.cold, . - two_ways.cold\n"
      ".text");
}

static sigjmp_buf landing;
static void on_fault(int signal) {
  siglongjmp(landing, signal);
}

static void check(const char* function, long a, long b, long result, long expected) {
  printf("{\"function\":\"%s\",\"args\":{\"a\":%ld,\"b\":%ld}%s}\n", function, a, b,
         result == expected ? "" : ",\"wrong\":true");
}
#define CALL(function, a, b, expected) check(#function, a, b, function(a, b), expected)

static void call_all(long i) {
  const long a = 1000 + i, b = 1 + i % 5;
  CALL(red_zone, a, b, a + b);
  CALL(red_zone_prefixed, a, b, a + b);
  CALL(back_to_second, a, b, a);
  CALL(table_to_second, a, b, a);
  CALL(clobbered, a, b, a + b);
  CALL(early_exit, a, b, a + b);
  CALL(entered_inside, a, b, a + b);
  CALL(enters_inside, a, b, 2 * a + b);
  CALL(split_off, a, b, a);
  CALL(exchanged, a, b, a + b);
  CALL(loop_head, a, b, a);
  CALL(good_entry, a, b, a + b);
  CALL(good_cet, a, b, a + b);
  CALL(good_push, a, b, a + b);
  CALL(good_branch, a, b, a + b);
  CALL(good_call, a, b, a + b);
  CALL(misdescribed, a, b, a + b);
  CALL(good_tail_recursion, a, b, a);
  struct cell cell = {a};
  check("stores_first", a, b, stores_first(&cell, b), b);
  cell.value = a;
  if (sigsetjmp(landing, 1) == 0) {
    check("loads_first", a, b, loads_first(i % 2 ? &cell : NULL, b), a);
  } else {
    check("loads_first", a, b, 0, 0);
  }
  check("stores_argument", a, b, stores_argument(a, b, 3, 4, 5, 6, 7), a + b);
  check("realigned", a, b, realigned(a, b, 3, 4, 5, 6, 7), a + b);
  check("good_frame", a, b, good_frame(a, b, 3, 4, 5, 6, 7, -8), a + b);
}

int main(void) {
  char line[64];
  signal(SIGSEGV, on_fault);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    for (long i = 0; i < 50; ++i) call_all(i);
    puts("done");
    fflush(stdout);
  }
  return 0;
}
