/* Exact arithmetic of predicates on 64-bit numbers, signed and unsigned: the
 * result, or that it does not fit. BPF has no signed division, no 128-bit products
 * and no floating point; doubles are compared by their bits (IEEE 754). */
#ifndef BACKSIGHT_BPF_NUMBERS_BPF_H
#define BACKSIGHT_BPF_NUMBERS_BPF_H

#include <linux/types.h>

#include "bpf/abi/plan.h"

#define BS_SIGN (1ull << 63)

/* A number as its sign and size: from -2^63 to 2^64 - 1. */
struct bs_number {
  __u64 size;
  __u32 is_negative;
  __u32 fits; /* 0: it is not known */
};

static __always_inline struct bs_number to_number(__u64 value, int is_unsigned) {
  struct bs_number number = {value, 0, 1};
  if (!is_unsigned && value & BS_SIGN) {
    number.size = 0 - value;
    number.is_negative = 1;
  }
  return number;
}

/* Larger than any signed number: its 64 bits are an unsigned one. */
static __always_inline int is_large(struct bs_number number) {
  return !number.is_negative && number.size & BS_SIGN;
}

static __always_inline __u64 bits_of(struct bs_number number) {
  return number.is_negative ? 0 - number.size : number.size;
}

static __always_inline struct bs_number add_numbers(struct bs_number x, struct bs_number y) {
  struct bs_number sum = x;
  if (x.is_negative == y.is_negative) {
    sum.size = x.size + y.size;
    sum.fits = sum.size >= x.size;
  } else if (x.size >= y.size) {
    sum.size = x.size - y.size;
  } else {
    sum = y;
    sum.size = y.size - x.size;
  }
  return sum;
}

static __always_inline struct bs_number multiply_numbers(struct bs_number x, struct bs_number y) {
  __u64 size = x.size * y.size;
  asm volatile("" : "+r"(size)); /* else the compiler asks for a product of 128 bits */
  struct bs_number product = {size, x.is_negative != y.is_negative, 1};
  if (x.size && product.size / x.size != y.size) product.fits = 0;
  return product;
}

static __always_inline struct bs_number divide_numbers(struct bs_number x, struct bs_number y,
                                                       int remainder) {
  struct bs_number result = {0, 0, y.size != 0};
  if (!y.size) return result;
  result.size = remainder ? x.size % y.size : x.size / y.size;
  result.is_negative = remainder ? x.is_negative : x.is_negative != y.is_negative;
  return result;
}

static __always_inline struct bs_number shift_number(struct bs_number x, struct bs_number y, int left) {
  struct bs_number unknown = {0, 0, 0};
  if (y.is_negative || y.size > 63) return unknown;
  struct bs_number power = {1ull << y.size, 0, 1};
  if (left) return multiply_numbers(x, power);
  if (is_large(x)) return to_number(x.size >> y.size, 1);
  return to_number((__u64)((__s64)bits_of(x) >> y.size), 0);
}

/* As two's complement; unsigned where one of them is too large for a signed number. */
static __always_inline struct bs_number combine_bits(__u32 operator, struct bs_number x, struct bs_number y) {
  __u64 a = bits_of(x), b = bits_of(y);
  __u64 bits = operator== BS_AND ? a & b : operator== BS_OR ? a | b : a ^ b;
  return to_number(bits, is_large(x) || is_large(y));
}

static __always_inline struct bs_number compute(__u32 operator, struct bs_number x, struct bs_number y) {
  struct bs_number result;
  switch (operator) {
    case BS_PLUS:
      result = add_numbers(x, y);
      break;
    case BS_MINUS:
      y.is_negative = !y.is_negative;
      result = add_numbers(x, y);
      break;
    case BS_TIMES:
      result = multiply_numbers(x, y);
      break;
    case BS_DIVIDE:
    case BS_REMAINDER:
      result = divide_numbers(x, y, operator== BS_REMAINDER);
      break;
    case BS_SHIFT_LEFT:
    case BS_SHIFT_RIGHT:
      result = shift_number(x, y, operator== BS_SHIFT_LEFT);
      break;
    default:
      result = combine_bits(operator, x, y);
  }
  if (!result.size) result.is_negative = 0;
  if (result.is_negative && result.size > BS_SIGN) result.fits = 0;
  return result;
}

/* -1, 0, 1 */
static __always_inline int order_numbers(struct bs_number x, struct bs_number y) {
  if (x.is_negative != y.is_negative) return x.is_negative ? -1 : 1;
  int order = x.size < y.size ? -1 : x.size > y.size;
  return x.is_negative ? -order : order;
}

static __always_inline int holds(__u32 relation, int order) {
  switch (relation) {
    case BS_EQUAL:
      return order == 0;
    case BS_UNEQUAL:
      return order != 0;
    case BS_LESS:
      return order < 0;
    case BS_LESS_EQUAL:
      return order <= 0;
    case BS_GREATER:
      return order > 0;
  }
  return order >= 0;
}

#define BS_DOUBLE_INFINITY 0x7ff0000000000000ull

/* Bits whose unsigned order is that of the numbers; both zeros are one. */
static __always_inline __u64 ordered_double(__u64 bits) {
  if (!(bits & ~BS_SIGN)) return BS_SIGN;
  return bits & BS_SIGN ? ~bits : bits | BS_SIGN;
}

static __always_inline int compare_doubles(__u32 relation, __u64 x, __u64 y) {
  if ((x & ~BS_SIGN) > BS_DOUBLE_INFINITY || (y & ~BS_SIGN) > BS_DOUBLE_INFINITY)
    return relation == BS_UNEQUAL;
  __u64 a = ordered_double(x), b = ordered_double(y);
  return holds(relation, a < b ? -1 : a > b);
}

/* Position of the highest bit that is set; value != 0. */
static __always_inline __u32 highest_bit(__u64 value) {
  __u32 at = 0;
#pragma unroll
  for (__u32 half = 32; half; half >>= 1)
    if (value >> half) {
      value >>= half;
      at += half;
    }
  return at;
}

/* 0: no double is that number. */
static __always_inline int double_of_integer(struct bs_number number, __u64 *bits) {
  *bits = 0;
  if (!number.size) return 1;
  __u32 top = highest_bit(number.size) & 63;
  __u64 fraction = number.size << (63 - top) << 1; /* behind the leading 1 */
  if (fraction & 0xfff) return 0;
  *bits = fraction >> 12 | (__u64)(1023 + top) << 52 | (number.is_negative ? BS_SIGN : 0);
  return 1;
}

static __always_inline __u64 double_of_float(__u32 bits) {
  __u64 sign = (__u64)(bits >> 31) << 63;
  __u64 exponent = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
  if (exponent == 0xff) return sign | BS_DOUBLE_INFINITY | fraction << 29;
  if (exponent) return sign | (exponent + 1023 - 127) << 52 | fraction << 29;
  if (!fraction) return sign;
  __u32 top = highest_bit(fraction) & 31; /* a denormal: fraction * 2^-149 */
  return sign | (__u64)(1023 - 149 + top) << 52 | (fraction << (52 - top) & ((1ull << 52) - 1));
}

#endif
