/* What every file of the core agrees on: sizes, names, the list of instruction sets. */
#ifndef INITCORE_BASE_H
#define INITCORE_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "initcore promises its bytes: it cannot be built with -ffast-math"
#endif

/* A kernel is compiled once per instruction set, so its symbol carries the set's name:
 * IC_FN(fill_normal_f32) is ic_fill_normal_f32_avx2 in the AVX2 object. */
#define IC_JOIN_(name, isa) ic_##name##_##isa
#define IC_JOIN(name, isa) IC_JOIN_(name, isa)
#define IC_FN(name) IC_JOIN(name, IC_ISA)

#endif
