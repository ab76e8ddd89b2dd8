/* The vectors that fills are written in, for AVX2 and AVX-512: LANES numbers of 32 bits. The
 * compiler's own vector types do the arithmetic; here is what they have no operator for.
 *
 * A word may also stand in the lower half of a 64-bit lane, where a multiplication takes it from:
 * `wide` vectors hold LANES / 2 words, and what their upper halves hold is no matter. */
#ifndef INITCORE_KERNELS_FILL_LANES_H
#define INITCORE_KERNELS_FILL_LANES_H

#include <immintrin.h>

#include "initcore/base.h"
#include "initcore/normal.h"

#define IC_LANES_INLINE static inline __attribute__((always_inline))

#if defined(IC_ISA_AVX512)
enum { LANES = 16 };
#define IC_LANES_BYTES 64
#else
enum { LANES = 8 };
#define IC_LANES_BYTES 32
#endif

typedef uint32_t vu32 __attribute__((vector_size(IC_LANES_BYTES)));
typedef int32_t vi32 __attribute__((vector_size(IC_LANES_BYTES)));
typedef uint64_t vu64 __attribute__((vector_size(IC_LANES_BYTES)));
typedef float vf32 __attribute__((vector_size(IC_LANES_BYTES)));
typedef double vf64 __attribute__((vector_size(IC_LANES_BYTES)));

IC_LANES_INLINE vu32 all_words(uint32_t x) {
    return x - (vu32){0};
}
IC_LANES_INLINE vu64 all_wides(uint64_t x) {
    return x - (vu64){0};
}
IC_LANES_INLINE vf32 all_floats(float x) {
    return x - (vf32){0};
}
IC_LANES_INLINE vf64 all_doubles(double x) {
    return x - (vf64){0};
}
IC_LANES_INLINE vf32 to_floats(vi32 x) {
    return __builtin_convertvector(x, vf32);
}

#if defined(IC_ISA_AVX512)

typedef __mmask16 lane_mask;
typedef __mmask8 wide_mask;

IC_LANES_INLINE vu64 multiply_words(vu64 a, vu64 b) {
    return (vu64)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
IC_LANES_INLINE vu64 xor3(vu64 a, vu64 b, vu64 c) {
    return (vu64)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
}
/* Of each 128-bit part two words from even and two from odd: the lower or the upper halves. */
IC_LANES_INLINE vu64 merge_low(vu64 even, vu64 odd) {
    return (vu64)_mm512_shuffle_ps((__m512)even, (__m512)odd, 0x88);
}
IC_LANES_INLINE vu64 merge_high(vu64 even, vu64 odd) {
    return (vu64)_mm512_shuffle_ps((__m512)even, (__m512)odd, 0xDD);
}
IC_LANES_INLINE vf32 root(vf32 x) {
    return (vf32)_mm512_sqrt_ps((__m512)x);
}
/* a where chosen, else b. */
IC_LANES_INLINE vf32 choose(lane_mask chosen, vf32 a, vf32 b) {
    return (vf32)_mm512_mask_blend_ps(chosen, (__m512)b, (__m512)a);
}
IC_LANES_INLINE lane_mask equal(vi32 a, vi32 b) {
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}
IC_LANES_INLINE lane_mask negative(vi32 x) {
    return _mm512_movepi32_mask((__m512i)x);
}
IC_LANES_INLINE lane_mask greater(vi32 a, vi32 b) {
    return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b);
}
IC_LANES_INLINE lane_mask at_least(vf32 a, vf32 b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
}
IC_LANES_INLINE lane_mask odd_words(vu32 x) {
    return _mm512_test_epi32_mask((__m512i)x, _mm512_set1_epi32(1));
}
/* x ^ y where chosen, else x. */
IC_LANES_INLINE vu32 flip(lane_mask chosen, vu32 x, vu32 y) {
    return (vu32)_mm512_mask_xor_epi32((__m512i)x, chosen, (__m512i)x, (__m512i)y);
}
/* x ^ (y & z) */
IC_LANES_INLINE vu32 xor_and(vu32 x, vu32 y, vu32 z) {
    return (vu32)_mm512_ternarylogic_epi32((__m512i)x, (__m512i)y, (__m512i)z, 0x78);
}
/* b < a ? a : b, b > a ? a : b */
IC_LANES_INLINE vf32 at_least_of(vf32 a, vf32 b) {
    return (vf32)_mm512_max_ps((__m512)a, (__m512)b);
}
IC_LANES_INLINE vf32 at_most_of(vf32 a, vf32 b) {
    return (vf32)_mm512_min_ps((__m512)a, (__m512)b);
}
/* table[index mod LANES] */
IC_LANES_INLINE vf32 look_up(vf32 table, vu32 index) {
    return (vf32)_mm512_permutexvar_ps((__m512i)index, (__m512)table);
}
IC_LANES_INLINE vf32 interleave_low(vf32 a, vf32 b) {
    return (vf32)_mm512_unpacklo_ps((__m512)a, (__m512)b);
}
IC_LANES_INLINE vf32 interleave_high(vf32 a, vf32 b) {
    return (vf32)_mm512_unpackhi_ps((__m512)a, (__m512)b);
}
IC_LANES_INLINE vf32 interleave_low_pairs(vf32 a, vf32 b) {
    return (vf32)_mm512_unpacklo_pd((__m512d)a, (__m512d)b);
}
IC_LANES_INLINE vf32 interleave_high_pairs(vf32 a, vf32 b) {
    return (vf32)_mm512_unpackhi_pd((__m512d)a, (__m512d)b);
}
IC_LANES_INLINE void put_f32(float *out, vf32 x) {
    _mm512_storeu_ps(out, (__m512)x);
}

/* -x where the sign bit of y is set, else x. */
IC_LANES_INLINE vf32 number_by_sign(float x, vu32 y) {
    return (vf32)xor_and((vu32)all_floats(x), y, all_words(UINT32_C(1) << 31));
}

IC_LANES_INLINE vf64 root_f64(vf64 x) {
    return (vf64)_mm512_sqrt_pd((__m512d)x);
}
IC_LANES_INLINE vf64 choose_f64(wide_mask chosen, vf64 a, vf64 b) {
    return (vf64)_mm512_mask_blend_pd(chosen, (__m512d)b, (__m512d)a);
}
IC_LANES_INLINE wide_mask negative_wides(vu64 x) {
    return _mm512_movepi64_mask((__m512i)x);
}
/* (x & mask) | bits */
IC_LANES_INLINE vu64 and_or(vu64 x, uint64_t mask, uint64_t bits) {
    return (vu64)_mm512_ternarylogic_epi64((__m512i)x, (__m512i)all_wides(mask),
                                           (__m512i)all_wides(bits), 0xEA);
}
/* -x where the sign bit of y is set. */
IC_LANES_INLINE vf64 flip_by_sign(vf64 x, vu64 y) {
    return (vf64)_mm512_ternarylogic_epi64((__m512i)x, (__m512i)y,
                                           (__m512i)all_wides(UINT64_C(1) << 63), 0x78);
}
/* The exponent of the positive normal double with these bits. */
IC_LANES_INLINE vf64 exponent(vu64 bits) {
    return (vf64)_mm512_getexp_pd((__m512d)bits);
}
/* The halves of each lane. */
IC_LANES_INLINE vu64 exchange_halves(vu64 x) {
    return x << 32 | x >> 32;
}
/* [0, 1) on the grid of 2^-53. */
IC_LANES_INLINE vf64 unit_f64(vu64 x) {
    return __builtin_convertvector(x >> 11, vf64) * 0x1p-53;
}
IC_LANES_INLINE vf64 at_most_of_f64(vf64 a, vf64 b) {
    return (vf64)_mm512_min_pd((__m512d)a, (__m512d)b);
}
IC_LANES_INLINE vf64 interleave_low_f64(vf64 a, vf64 b) {
    return (vf64)_mm512_unpacklo_pd((__m512d)a, (__m512d)b);
}
IC_LANES_INLINE vf64 interleave_high_f64(vf64 a, vf64 b) {
    return (vf64)_mm512_unpackhi_pd((__m512d)a, (__m512d)b);
}
IC_LANES_INLINE void put_f64(double *out, vf64 x) {
    _mm512_storeu_pd(out, (__m512d)x);
}

#else /* AVX2 */

typedef __m256i lane_mask;
typedef __m256i wide_mask;

IC_LANES_INLINE vu64 multiply_words(vu64 a, vu64 b) {
    return (vu64)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
/* b and c are there early: only one operation waits for a. */
IC_LANES_INLINE vu64 xor3(vu64 a, vu64 b, vu64 c) {
    return a ^ (b ^ c);
}
IC_LANES_INLINE vu64 merge_low(vu64 even, vu64 odd) {
    return (vu64)_mm256_shuffle_ps((__m256)even, (__m256)odd, 0x88);
}
IC_LANES_INLINE vu64 merge_high(vu64 even, vu64 odd) {
    return (vu64)_mm256_shuffle_ps((__m256)even, (__m256)odd, 0xDD);
}
IC_LANES_INLINE vf32 root(vf32 x) {
    return (vf32)_mm256_sqrt_ps((__m256)x);
}
IC_LANES_INLINE vf32 choose(lane_mask chosen, vf32 a, vf32 b) {
    return (vf32)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)chosen);
}
IC_LANES_INLINE lane_mask equal(vi32 a, vi32 b) {
    return (__m256i)(a == b);
}
/* blendv looks at the sign alone */
IC_LANES_INLINE lane_mask negative(vi32 x) {
    return (__m256i)x;
}
IC_LANES_INLINE lane_mask greater(vi32 a, vi32 b) {
    return (__m256i)(a > b);
}
IC_LANES_INLINE lane_mask at_least(vf32 a, vf32 b) {
    return (__m256i)(a >= b);
}
IC_LANES_INLINE lane_mask odd_words(vu32 x) {
    return (__m256i)(x << 31);
}
IC_LANES_INLINE vu32 flip(lane_mask chosen, vu32 x, vu32 y) {
    return x ^ ((vu32)chosen & y);
}
IC_LANES_INLINE vu32 xor_and(vu32 x, vu32 y, vu32 z) {
    return x ^ (y & z);
}
IC_LANES_INLINE vf32 at_least_of(vf32 a, vf32 b) {
    return (vf32)_mm256_max_ps((__m256)a, (__m256)b);
}
IC_LANES_INLINE vf32 at_most_of(vf32 a, vf32 b) {
    return (vf32)_mm256_min_ps((__m256)a, (__m256)b);
}
IC_LANES_INLINE vf32 look_up(vf32 table, vu32 index) {
    return (vf32)_mm256_permutevar8x32_ps((__m256)table, (__m256i)index);
}
IC_LANES_INLINE vf32 interleave_low(vf32 a, vf32 b) {
    return (vf32)_mm256_unpacklo_ps((__m256)a, (__m256)b);
}
IC_LANES_INLINE vf32 interleave_high(vf32 a, vf32 b) {
    return (vf32)_mm256_unpackhi_ps((__m256)a, (__m256)b);
}
IC_LANES_INLINE vf32 interleave_low_pairs(vf32 a, vf32 b) {
    return (vf32)_mm256_unpacklo_pd((__m256d)a, (__m256d)b);
}
IC_LANES_INLINE vf32 interleave_high_pairs(vf32 a, vf32 b) {
    return (vf32)_mm256_unpackhi_pd((__m256d)a, (__m256d)b);
}
IC_LANES_INLINE void put_f32(float *out, vf32 x) {
    _mm256_storeu_ps(out, (__m256)x);
}

IC_LANES_INLINE vf32 number_by_sign(float x, vu32 y) {
    return choose(negative((vi32)y), all_floats(-x), all_floats(x));
}

IC_LANES_INLINE vf64 root_f64(vf64 x) {
    return (vf64)_mm256_sqrt_pd((__m256d)x);
}
IC_LANES_INLINE vf64 choose_f64(wide_mask chosen, vf64 a, vf64 b) {
    return (vf64)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)chosen);
}
IC_LANES_INLINE wide_mask negative_wides(vu64 x) {
    return (__m256i)x;
}
IC_LANES_INLINE vu64 and_or(vu64 x, uint64_t mask, uint64_t bits) {
    return (x & mask) | bits;
}
IC_LANES_INLINE vf64 flip_by_sign(vf64 x, vu64 y) {
    return (vf64)((vu64)x ^ (y & UINT64_C(1) << 63));
}
IC_LANES_INLINE vf64 exponent(vu64 bits) {
    return (vf64)((bits >> 52) | IC_BITS_2_52) - (0x1p52 + 1023.0);
}
IC_LANES_INLINE vu64 exchange_halves(vu64 x) {
    return (vu64)_mm256_shuffle_epi32((__m256i)x, 0xB1);
}
/* 52 bits behind a leading 1, less 1, and the 53rd bit by a number that falls short of 1. */
IC_LANES_INLINE vf64 unit_f64(vu64 x) {
    return (vf64)((x >> 12) | IC_BITS_ONE_F64) - (vf64)(IC_BITS_ONE_F64 - (x >> 11 & 1));
}
IC_LANES_INLINE vf64 at_most_of_f64(vf64 a, vf64 b) {
    return (vf64)_mm256_min_pd((__m256d)a, (__m256d)b);
}
IC_LANES_INLINE vf64 interleave_low_f64(vf64 a, vf64 b) {
    return (vf64)_mm256_unpacklo_pd((__m256d)a, (__m256d)b);
}
IC_LANES_INLINE vf64 interleave_high_f64(vf64 a, vf64 b) {
    return (vf64)_mm256_unpackhi_pd((__m256d)a, (__m256d)b);
}
IC_LANES_INLINE void put_f64(double *out, vf64 x) {
    _mm256_storeu_pd(out, (__m256d)x);
}

#endif
#endif
