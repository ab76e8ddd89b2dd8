/* What every file of the core agrees on: sizes, names, the list of instruction sets. */
#ifndef INITCORE_BASE_H
#define INITCORE_BASE_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0) ||      \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                               \
    defined(__NO_SIGNED_ZEROS__) || defined(__ROUNDING_MATH__)
#error "initcore promises its bytes: build it without -ffast-math and the flags that are part of it"
#endif
/* 16 is 0 but for the type of 16 bits, which is not computed with */
#if !defined(FLT_EVAL_METHOD) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)
#error "initcore promises its bytes: float must be computed as float (on 32-bit x86: -mfpmath=sse)"
#endif

/* A kernel is compiled once per instruction set, so its symbol carries the set's name:
 * IC_FN(fill_normal_f32) is ic_fill_normal_f32_avx2 in the AVX2 object. */
#define IC_JOIN_(name, isa) ic_##name##_##isa
#define IC_JOIN(name, isa) IC_JOIN_(name, isa)
#define IC_FN(name) IC_JOIN(name, IC_ISA)

#endif
