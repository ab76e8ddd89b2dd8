/* One small vector type per instruction set: the file where intrinsics live.
 *
 * ic_f32_* works on ic_vf32, IC_F32_LANES floats at a time; ic_f64_* likewise on doubles.
 * Every operation is lane-wise and correctly rounded, so a sequence of them gives the same
 * bytes on every instruction set, whatever the number of lanes:
 *
 *   load, store          any alignment          load_n, store_n   the first n lanes, zeros behind
 *   set                  the same value in every lane
 *   add, sub, mul, div   rounded once           fma(a, b, c)      a * b + c rounded once
 *   sqrt                 rounded once
 *   max(a, b)            a > b ? a : b          select_lt(a, b, x, y)   a < b ? x : y (y if NaN)
 *   select_le            likewise               abs               the sign bit cleared
 *   with_sign(a, s)      a >= 0 with the sign bit of s set into it
 *   pow2(t)              2^n where t = n + 1.5 * 2^23 (float) or n + 1.5 * 2^52 (double);
 *                        n from the least to the largest exponent of a normal number
 *   exponent(x)          the biased exponent field of a positive x, as a number
 *   mantissa(x)          the significand of a positive normal x, in [1, 2)
 *   transpose(rows)      an array of as many vectors as lanes, in place
 *   load_square(columns, p, row)   as many rows at such a distance as there are lanes, transposed;
 *                        for AVX2 alone: halves that are loaded to where they belong need not be
 *                        exchanged
 *
 * Without FMA hardware, fma is emulated exactly: float32 by a sum in double rounded to odd,
 * float64 by the correctly rounded fma of libm. */
#ifndef INITCORE_SIMD_H
#define INITCORE_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IC_INLINE static inline __attribute__((always_inline, unused))

/* One operation per line, so that it reads as the table it is. */
/* clang-format off */
#if defined(IC_ISA_AVX512)
#include <immintrin.h>

enum { IC_F32_LANES = 16, IC_F64_LANES = 8 };
typedef __m512 ic_vf32;
typedef __m512d ic_vf64;

#define IC_SIMD_AVX512(T, real, vec, ps, mask, cmp_mask, epi, one_bits, shift, low_mask)          \
    IC_INLINE vec ic_##T##_load(const real *p) { return _mm512_loadu_##ps(p); }                   \
    IC_INLINE void ic_##T##_store(real *p, vec v) { _mm512_storeu_##ps(p, v); }                   \
    IC_INLINE vec ic_##T##_load_n(const real *p, size_t n) {                                      \
        return _mm512_maskz_loadu_##ps((mask)((1u << n) - 1u), p);                                \
    }                                                                                             \
    IC_INLINE void ic_##T##_store_n(real *p, vec v, size_t n) {                                   \
        _mm512_mask_storeu_##ps(p, (mask)((1u << n) - 1u), v);                                    \
    }                                                                                             \
    IC_INLINE vec ic_##T##_set(real x) { return _mm512_set1_##ps(x); }                            \
    IC_INLINE vec ic_##T##_add(vec a, vec b) { return _mm512_add_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_sub(vec a, vec b) { return _mm512_sub_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_mul(vec a, vec b) { return _mm512_mul_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_div(vec a, vec b) { return _mm512_div_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_sqrt(vec a) { return _mm512_sqrt_##ps(a); }                            \
    IC_INLINE vec ic_##T##_fma(vec a, vec b, vec c) { return _mm512_fmadd_##ps(a, b, c); }        \
    IC_INLINE vec ic_##T##_max(vec a, vec b) { return _mm512_max_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_select_lt(vec a, vec b, vec x, vec y) {                                \
        return _mm512_mask_blend_##ps(cmp_mask(a, b, _CMP_LT_OQ), y, x);                          \
    }                                                                                             \
    IC_INLINE vec ic_##T##_select_le(vec a, vec b, vec x, vec y) {                                \
        return _mm512_mask_blend_##ps(cmp_mask(a, b, _CMP_LE_OQ), y, x);                          \
    }                                                                                             \
    IC_INLINE vec ic_##T##_abs(vec a) { return _mm512_abs_##ps(a); }                              \
    IC_INLINE vec ic_##T##_with_sign(vec a, vec s) {                                              \
        return _mm512_or_##ps(a, _mm512_and_##ps(s, _mm512_set1_##ps((real)-0.0)));               \
    }                                                                                             \
    IC_INLINE vec ic_##T##_pow2(vec t) {                                                          \
        __m512i bits = _mm512_slli_##epi(_mm512_cast##ps##_si512(t), shift);                      \
        bits = _mm512_add_##epi(bits, _mm512_set1_##epi(one_bits));                               \
        return _mm512_castsi512_##ps(bits);                                                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_mantissa(vec x) {                                                      \
        __m512i bits = _mm512_and_si512(_mm512_cast##ps##_si512(x), _mm512_set1_##epi(low_mask)); \
        return _mm512_castsi512_##ps(_mm512_or_si512(bits, _mm512_set1_##epi(one_bits)));         \
    }

IC_SIMD_AVX512(f32, float, ic_vf32, ps, __mmask16, _mm512_cmp_ps_mask, epi32, 0x3F800000, 23,
               0x007FFFFF)
IC_SIMD_AVX512(f64, double, ic_vf64, pd, __mmask8, _mm512_cmp_pd_mask, epi64, 0x3FF0000000000000,
               52, 0x000FFFFFFFFFFFFF)

IC_INLINE ic_vf32 ic_f32_exponent(ic_vf32 x) {
    return _mm512_cvtepi32_ps(_mm512_srli_epi32(_mm512_castps_si512(x), 23));
}
IC_INLINE ic_vf64 ic_f64_exponent(ic_vf64 x) {
    return _mm512_cvtepi64_pd(_mm512_srli_epi64(_mm512_castpd_si512(x), 52));
}

/* Pairs, then fours of rows are interleaved within each quarter of a vector; two rounds of moving
 * quarters then bring those of one column together. */
#define IC_GATHER_QUARTERS(out, step, c, a, b, d, e, shuffle)                                     \
    out[c] = shuffle(shuffle(a, b, 0x88), shuffle(d, e, 0x88), 0x88);                             \
    out[c + step] = shuffle(shuffle(a, b, 0xDD), shuffle(d, e, 0xDD), 0x88);                      \
    out[c + 2 * step] = shuffle(shuffle(a, b, 0x88), shuffle(d, e, 0x88), 0xDD);                  \
    out[c + 3 * step] = shuffle(shuffle(a, b, 0xDD), shuffle(d, e, 0xDD), 0xDD);

IC_INLINE void ic_f32_transpose(ic_vf32 *rows) {
    __m512d fours[16]; /* fours[4 q + c], quarter l: column 4 l + c of rows 4 q .. 4 q + 3 */
    for (int q = 0; q < 16; q += 4) {
        const __m512d low0 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[q], rows[q + 1]));
        const __m512d low1 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[q + 2], rows[q + 3]));
        const __m512d high0 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[q], rows[q + 1]));
        const __m512d high1 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[q + 2], rows[q + 3]));
        fours[q] = _mm512_unpacklo_pd(low0, low1);
        fours[q + 1] = _mm512_unpackhi_pd(low0, low1);
        fours[q + 2] = _mm512_unpacklo_pd(high0, high1);
        fours[q + 3] = _mm512_unpackhi_pd(high0, high1);
    }
    for (int c = 0; c < 4; c++) {
        const __m512 a = _mm512_castpd_ps(fours[c]), b = _mm512_castpd_ps(fours[c + 4]);
        const __m512 d = _mm512_castpd_ps(fours[c + 8]), e = _mm512_castpd_ps(fours[c + 12]);
        IC_GATHER_QUARTERS(rows, 4, c, a, b, d, e, _mm512_shuffle_f32x4)
    }
}
IC_INLINE void ic_f64_transpose(ic_vf64 *rows) {
    __m512d twos[8]; /* twos[2 q + c], quarter l: column 2 l + c of rows 2 q and 2 q + 1 */
    for (int q = 0; q < 8; q += 2) {
        twos[q] = _mm512_unpacklo_pd(rows[q], rows[q + 1]);
        twos[q + 1] = _mm512_unpackhi_pd(rows[q], rows[q + 1]);
    }
    for (int c = 0; c < 2; c++) {
        IC_GATHER_QUARTERS(rows, 2, c, twos[c], twos[c + 2], twos[c + 4], twos[c + 6],
                           _mm512_shuffle_f64x2)
    }
}

#elif defined(IC_ISA_AVX2)
#include <immintrin.h>

enum { IC_F32_LANES = 8, IC_F64_LANES = 4 };
typedef __m256 ic_vf32;
typedef __m256d ic_vf64;

#define IC_SIMD_AVX2(T, real, vec, ps, epi, epi_set, one_bits, shift, low_mask)                   \
    IC_INLINE vec ic_##T##_load(const real *p) { return _mm256_loadu_##ps(p); }                   \
    IC_INLINE void ic_##T##_store(real *p, vec v) { _mm256_storeu_##ps(p, v); }                   \
    IC_INLINE vec ic_##T##_set(real x) { return _mm256_set1_##ps(x); }                            \
    IC_INLINE vec ic_##T##_add(vec a, vec b) { return _mm256_add_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_sub(vec a, vec b) { return _mm256_sub_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_mul(vec a, vec b) { return _mm256_mul_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_div(vec a, vec b) { return _mm256_div_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_sqrt(vec a) { return _mm256_sqrt_##ps(a); }                            \
    IC_INLINE vec ic_##T##_fma(vec a, vec b, vec c) { return _mm256_fmadd_##ps(a, b, c); }        \
    IC_INLINE vec ic_##T##_max(vec a, vec b) { return _mm256_max_##ps(a, b); }                    \
    IC_INLINE vec ic_##T##_select_lt(vec a, vec b, vec x, vec y) {                                \
        return _mm256_blendv_##ps(y, x, _mm256_cmp_##ps(a, b, _CMP_LT_OQ));                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_select_le(vec a, vec b, vec x, vec y) {                                \
        return _mm256_blendv_##ps(y, x, _mm256_cmp_##ps(a, b, _CMP_LE_OQ));                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_abs(vec a) {                                                           \
        return _mm256_andnot_##ps(_mm256_set1_##ps((real)-0.0), a);                               \
    }                                                                                             \
    IC_INLINE vec ic_##T##_with_sign(vec a, vec s) {                                              \
        return _mm256_or_##ps(a, _mm256_and_##ps(s, _mm256_set1_##ps((real)-0.0)));               \
    }                                                                                             \
    IC_INLINE vec ic_##T##_pow2(vec t) {                                                          \
        __m256i bits = _mm256_slli_##epi(_mm256_cast##ps##_si256(t), shift);                      \
        bits = _mm256_add_##epi(bits, epi_set(one_bits));                                         \
        return _mm256_castsi256_##ps(bits);                                                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_mantissa(vec x) {                                                      \
        __m256i bits = _mm256_and_si256(_mm256_cast##ps##_si256(x), epi_set(low_mask));           \
        return _mm256_castsi256_##ps(_mm256_or_si256(bits, epi_set(one_bits)));                   \
    }

IC_SIMD_AVX2(f32, float, ic_vf32, ps, epi32, _mm256_set1_epi32, 0x3F800000, 23, 0x007FFFFF)
IC_SIMD_AVX2(f64, double, ic_vf64, pd, epi64, _mm256_set1_epi64x, 0x3FF0000000000000, 52,
             0x000FFFFFFFFFFFFF)

IC_INLINE __m256i ic_first_lanes_epi32(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
IC_INLINE ic_vf32 ic_f32_load_n(const float *p, size_t n) {
    return _mm256_maskload_ps(p, ic_first_lanes_epi32(n));
}
/* No masked store: AMD's cores take one to some 40 pieces. */
IC_INLINE void ic_f32_store_n(float *p, ic_vf32 v, size_t n) {
    if (n >= 8) {
        _mm256_storeu_ps(p, v);
        return;
    }
    __m128 part = _mm256_castps256_ps128(v);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}
IC_INLINE __m256i ic_first_lanes_epi64(size_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)n), _mm256_setr_epi64x(0, 1, 2, 3));
}
IC_INLINE ic_vf64 ic_f64_load_n(const double *p, size_t n) {
    return _mm256_maskload_pd(p, ic_first_lanes_epi64(n));
}
IC_INLINE void ic_f64_store_n(double *p, ic_vf64 v, size_t n) {
    if (n >= 4) {
        _mm256_storeu_pd(p, v);
        return;
    }
    __m128d part = _mm256_castpd256_pd128(v);
    if (n & 2) {
        _mm_storeu_pd(p, part);
        part = _mm256_extractf128_pd(v, 1);
        p += 2;
    }
    if (n & 1)
        _mm_store_sd(p, part);
}
IC_INLINE ic_vf32 ic_f32_exponent(ic_vf32 x) {
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(_mm256_castps_si256(x), 23));
}
IC_INLINE ic_vf64 ic_f64_exponent(ic_vf64 x) {
    /* no int64 -> double conversion: the field is put into the low bits of 2^52 instead */
    const __m256d two52 = _mm256_set1_pd(0x1p52);
    const __m256i field = _mm256_srli_epi64(_mm256_castpd_si256(x), 52);
    return _mm256_sub_pd(
        _mm256_castsi256_pd(_mm256_or_si256(field, _mm256_castpd_si256(two52))), two52);
}

IC_INLINE void ic_f32_load_square(ic_vf32 *columns, const float *p, ptrdiff_t row) {
    for (int half = 0; half < 8; half += 4, p += 4) {
        __m256 rows[4]; /* row i and row i + 4 of four columns */
        for (int i = 0; i < 4; i++)
            rows[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + i * row)),
                                           _mm_loadu_ps(p + (i + 4) * row), 1);
        const __m256d low0 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1]));
        const __m256d low1 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3]));
        const __m256d high0 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
        const __m256d high1 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
        columns[half] = _mm256_castpd_ps(_mm256_unpacklo_pd(low0, low1));
        columns[half + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low0, low1));
        columns[half + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high0, high1));
        columns[half + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high0, high1));
    }
}
IC_INLINE void ic_f64_load_square(ic_vf64 *columns, const double *p, ptrdiff_t row) {
    for (int half = 0; half < 4; half += 2, p += 2) {
        __m256d rows[2]; /* row i and row i + 2 of two columns */
        for (int i = 0; i < 2; i++)
            rows[i] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p + i * row)),
                                           _mm_loadu_pd(p + (i + 2) * row), 1);
        columns[half] = _mm256_unpacklo_pd(rows[0], rows[1]);
        columns[half + 1] = _mm256_unpackhi_pd(rows[0], rows[1]);
    }
}
IC_INLINE void ic_f32_transpose(ic_vf32 *rows) {
    __m256 fours[8]; /* fours[4 q + c], half l: column 4 l + c of rows 4 q .. 4 q + 3 */
    for (int q = 0; q < 8; q += 4) {
        const __m256d low0 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[q], rows[q + 1]));
        const __m256d low1 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[q + 2], rows[q + 3]));
        const __m256d high0 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[q], rows[q + 1]));
        const __m256d high1 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[q + 2], rows[q + 3]));
        fours[q] = _mm256_castpd_ps(_mm256_unpacklo_pd(low0, low1));
        fours[q + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low0, low1));
        fours[q + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high0, high1));
        fours[q + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high0, high1));
    }
    for (int c = 0; c < 4; c++) {
        rows[c] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x20);
        rows[c + 4] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x31);
    }
}
IC_INLINE void ic_f64_transpose(ic_vf64 *rows) {
    const __m256d low0 = _mm256_unpacklo_pd(rows[0], rows[1]);
    const __m256d high0 = _mm256_unpackhi_pd(rows[0], rows[1]);
    const __m256d low1 = _mm256_unpacklo_pd(rows[2], rows[3]);
    const __m256d high1 = _mm256_unpackhi_pd(rows[2], rows[3]);
    rows[0] = _mm256_permute2f128_pd(low0, low1, 0x20);
    rows[1] = _mm256_permute2f128_pd(high0, high1, 0x20);
    rows[2] = _mm256_permute2f128_pd(low0, low1, 0x31);
    rows[3] = _mm256_permute2f128_pd(high0, high1, 0x31);
}

#elif defined(IC_ISA_NEON)
#include <arm_neon.h>

enum { IC_F32_LANES = 4, IC_F64_LANES = 2 };
typedef float32x4_t ic_vf32;
typedef float64x2_t ic_vf64;

#define IC_SIMD_NEON(T, real, vec, f32, u32, ivec, one_bits, shift, low_mask)                     \
    IC_INLINE vec ic_##T##_load(const real *p) { return vld1q_##f32(p); }                         \
    IC_INLINE void ic_##T##_store(real *p, vec v) { vst1q_##f32(p, v); }                          \
    IC_INLINE vec ic_##T##_set(real x) { return vdupq_n_##f32(x); }                               \
    IC_INLINE vec ic_##T##_add(vec a, vec b) { return vaddq_##f32(a, b); }                        \
    IC_INLINE vec ic_##T##_sub(vec a, vec b) { return vsubq_##f32(a, b); }                        \
    IC_INLINE vec ic_##T##_mul(vec a, vec b) { return vmulq_##f32(a, b); }                        \
    IC_INLINE vec ic_##T##_div(vec a, vec b) { return vdivq_##f32(a, b); }                        \
    IC_INLINE vec ic_##T##_sqrt(vec a) { return vsqrtq_##f32(a); }                                \
    IC_INLINE vec ic_##T##_fma(vec a, vec b, vec c) { return vfmaq_##f32(c, a, b); }              \
    IC_INLINE vec ic_##T##_max(vec a, vec b) { return vbslq_##f32(vcgtq_##f32(a, b), a, b); }     \
    IC_INLINE vec ic_##T##_select_lt(vec a, vec b, vec x, vec y) {                                \
        return vbslq_##f32(vcltq_##f32(a, b), x, y);                                              \
    }                                                                                             \
    IC_INLINE vec ic_##T##_select_le(vec a, vec b, vec x, vec y) {                                \
        return vbslq_##f32(vcleq_##f32(a, b), x, y);                                              \
    }                                                                                             \
    IC_INLINE vec ic_##T##_abs(vec a) { return vabsq_##f32(a); }                                  \
    IC_INLINE vec ic_##T##_with_sign(vec a, vec s) {                                              \
        const ivec sign = vreinterpretq_##u32##_##f32(vdupq_n_##f32((real)-0.0));                 \
        return vbslq_##f32(sign, s, a);                                                           \
    }                                                                                             \
    IC_INLINE vec ic_##T##_pow2(vec t) {                                                          \
        const ivec bits = vshlq_n_##u32(vreinterpretq_##u32##_##f32(t), shift);                   \
        return vreinterpretq_##f32##_##u32(vaddq_##u32(bits, vdupq_n_##u32(one_bits)));           \
    }                                                                                             \
    IC_INLINE vec ic_##T##_exponent(vec x) {                                                      \
        return vcvtq_##f32##_##u32(vshrq_n_##u32(vreinterpretq_##u32##_##f32(x), shift));         \
    }                                                                                             \
    IC_INLINE vec ic_##T##_mantissa(vec x) {                                                      \
        const ivec bits = vandq_##u32(vreinterpretq_##u32##_##f32(x), vdupq_n_##u32(low_mask));   \
        return vreinterpretq_##f32##_##u32(vorrq_##u32(bits, vdupq_n_##u32(one_bits)));           \
    }

IC_SIMD_NEON(f32, float, ic_vf32, f32, u32, uint32x4_t, 0x3F800000u, 23, 0x007FFFFFu)
IC_SIMD_NEON(f64, double, ic_vf64, f64, u64, uint64x2_t, 0x3FF0000000000000u, 52,
             0x000FFFFFFFFFFFFFu)

IC_INLINE void ic_f64_transpose(ic_vf64 *rows) {
    const float64x2_t low = vzip1q_f64(rows[0], rows[1]);
    rows[1] = vzip2q_f64(rows[0], rows[1]);
    rows[0] = low;
}
IC_INLINE void ic_f32_transpose(ic_vf32 *rows) {
    const float64x2_t low0 = vreinterpretq_f64_f32(vzip1q_f32(rows[0], rows[1]));
    const float64x2_t low1 = vreinterpretq_f64_f32(vzip1q_f32(rows[2], rows[3]));
    const float64x2_t high0 = vreinterpretq_f64_f32(vzip2q_f32(rows[0], rows[1]));
    const float64x2_t high1 = vreinterpretq_f64_f32(vzip2q_f32(rows[2], rows[3]));
    rows[0] = vreinterpretq_f32_f64(vzip1q_f64(low0, low1));
    rows[1] = vreinterpretq_f32_f64(vzip2q_f64(low0, low1));
    rows[2] = vreinterpretq_f32_f64(vzip1q_f64(high0, high1));
    rows[3] = vreinterpretq_f32_f64(vzip2q_f64(high0, high1));
}
#define IC_SIMD_TAIL_BY_COPY

#elif defined(__SSE2__)
#include <emmintrin.h>

#define IC_SIMD_FMA_EMULATED
enum { IC_F32_LANES = 4, IC_F64_LANES = 2 };
typedef __m128 ic_vf32;
typedef __m128d ic_vf64;

/* p + c in double, rounded to odd: where the sum is inexact its last bit is set to one, moving
 * toward the exact value. Rounded once more to float (24 bits, from 53) that gives what one
 * rounding of the exact sum gives, ties and subnormals included (Boldo and Melquiond 2008). */
IC_INLINE __m128d ic_add_to_odd(__m128d p, __m128d c) {
    const __m128d s = _mm_add_pd(p, c);
    const __m128d c_part = _mm_sub_pd(s, p); /* Knuth's two-sum: p + c = s + error exactly */
    const __m128d p_part = _mm_sub_pd(s, c_part);
    const __m128d error = _mm_add_pd(_mm_sub_pd(p, p_part), _mm_sub_pd(c, c_part));
    const __m128d zero = _mm_setzero_pd();
    /* infinity and NaN give a NaN error, for which neither comparison holds */
    const __m128d inexact = _mm_or_pd(_mm_cmplt_pd(error, zero), _mm_cmpgt_pd(error, zero));
    const __m128i one = _mm_set_epi32(0, 1, 0, 1);
    const __m128i bits = _mm_castpd_si128(s);
    /* an even last bit becomes odd by +1 if the error has the sign of s, else by -1 */
    const __m128i last = _mm_and_si128(bits, one);
    const __m128i even = _mm_xor_si128(last, one);
    const __m128i differ = _mm_srli_epi64(
        _mm_castpd_si128(_mm_xor_pd(s, error)), 63);
    const __m128i step = _mm_sub_epi64(one, _mm_add_epi64(differ, differ));
    const __m128i move =
        _mm_and_si128(_mm_sub_epi64(_mm_setzero_si128(), even), _mm_castpd_si128(inexact));
    return _mm_castsi128_pd(_mm_add_epi64(bits, _mm_and_si128(step, move)));
}

IC_INLINE ic_vf32 ic_f32_fma(ic_vf32 a, ic_vf32 b, ic_vf32 c) {
    /* a product of two floats is exact in double: 48 bits of 53, exponent within range */
    const __m128d low = ic_add_to_odd(
        _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), _mm_cvtps_pd(c));
    const __m128d high = ic_add_to_odd(
        _mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(a, a)), _mm_cvtps_pd(_mm_movehl_ps(b, b))),
        _mm_cvtps_pd(_mm_movehl_ps(c, c)));
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
IC_INLINE ic_vf64 ic_f64_fma(ic_vf64 a, ic_vf64 b, ic_vf64 c) {
    const double low = fma(_mm_cvtsd_f64(a), _mm_cvtsd_f64(b), _mm_cvtsd_f64(c));
    const double high =
        fma(_mm_cvtsd_f64(_mm_unpackhi_pd(a, a)), _mm_cvtsd_f64(_mm_unpackhi_pd(b, b)),
            _mm_cvtsd_f64(_mm_unpackhi_pd(c, c)));
    return _mm_set_pd(high, low);
}

#define IC_SIMD_SSE2(T, real, vec, ps, epi, epi_set, one_bits, shift, low_mask)                   \
    IC_INLINE vec ic_##T##_load(const real *p) { return _mm_loadu_##ps(p); }                      \
    IC_INLINE void ic_##T##_store(real *p, vec v) { _mm_storeu_##ps(p, v); }                      \
    IC_INLINE vec ic_##T##_set(real x) { return _mm_set1_##ps(x); }                               \
    IC_INLINE vec ic_##T##_add(vec a, vec b) { return _mm_add_##ps(a, b); }                       \
    IC_INLINE vec ic_##T##_sub(vec a, vec b) { return _mm_sub_##ps(a, b); }                       \
    IC_INLINE vec ic_##T##_mul(vec a, vec b) { return _mm_mul_##ps(a, b); }                       \
    IC_INLINE vec ic_##T##_div(vec a, vec b) { return _mm_div_##ps(a, b); }                       \
    IC_INLINE vec ic_##T##_sqrt(vec a) { return _mm_sqrt_##ps(a); }                               \
    IC_INLINE vec ic_##T##_max(vec a, vec b) { return _mm_max_##ps(a, b); }                       \
    IC_INLINE vec ic_##T##_select(vec chosen, vec x, vec y) {                                     \
        return _mm_or_##ps(_mm_and_##ps(chosen, x), _mm_andnot_##ps(chosen, y));                  \
    }                                                                                             \
    IC_INLINE vec ic_##T##_select_lt(vec a, vec b, vec x, vec y) {                                \
        return ic_##T##_select(_mm_cmplt_##ps(a, b), x, y);                                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_select_le(vec a, vec b, vec x, vec y) {                                \
        return ic_##T##_select(_mm_cmple_##ps(a, b), x, y);                                       \
    }                                                                                             \
    IC_INLINE vec ic_##T##_abs(vec a) {                                                           \
        return _mm_andnot_##ps(_mm_set1_##ps((real)-0.0), a);                                     \
    }                                                                                             \
    IC_INLINE vec ic_##T##_with_sign(vec a, vec s) {                                              \
        return _mm_or_##ps(a, _mm_and_##ps(s, _mm_set1_##ps((real)-0.0)));                        \
    }                                                                                             \
    IC_INLINE vec ic_##T##_pow2(vec t) {                                                          \
        __m128i bits = _mm_slli_##epi(_mm_cast##ps##_si128(t), shift);                            \
        bits = _mm_add_##epi(bits, epi_set(one_bits));                                            \
        return _mm_castsi128_##ps(bits);                                                          \
    }                                                                                             \
    IC_INLINE vec ic_##T##_mantissa(vec x) {                                                      \
        __m128i bits = _mm_and_si128(_mm_cast##ps##_si128(x), epi_set(low_mask));                 \
        return _mm_castsi128_##ps(_mm_or_si128(bits, epi_set(one_bits)));                         \
    }

IC_SIMD_SSE2(f32, float, ic_vf32, ps, epi32, _mm_set1_epi32, 0x3F800000, 23, 0x007FFFFF)
IC_SIMD_SSE2(f64, double, ic_vf64, pd, epi64, _mm_set1_epi64x, 0x3FF0000000000000, 52,
             0x000FFFFFFFFFFFFF)
#define IC_SIMD_TAIL_BY_COPY

IC_INLINE ic_vf32 ic_f32_exponent(ic_vf32 x) {
    return _mm_cvtepi32_ps(_mm_srli_epi32(_mm_castps_si128(x), 23));
}
IC_INLINE ic_vf64 ic_f64_exponent(ic_vf64 x) {
    /* no int64 -> double conversion: the field is put into the low bits of 2^52 instead */
    const __m128d two52 = _mm_set1_pd(0x1p52);
    const __m128i field = _mm_srli_epi64(_mm_castpd_si128(x), 52);
    return _mm_sub_pd(_mm_castsi128_pd(_mm_or_si128(field, _mm_castpd_si128(two52))), two52);
}

IC_INLINE void ic_f32_transpose(ic_vf32 *rows) {
    _MM_TRANSPOSE4_PS(rows[0], rows[1], rows[2], rows[3]);
}
IC_INLINE void ic_f64_transpose(ic_vf64 *rows) {
    const __m128d low = _mm_unpacklo_pd(rows[0], rows[1]);
    rows[1] = _mm_unpackhi_pd(rows[0], rows[1]);
    rows[0] = low;
}

#else /* plain C, one lane */

enum { IC_F32_LANES = 1, IC_F64_LANES = 1 };
typedef float ic_vf32;
typedef double ic_vf64;

#define IC_SIMD_PLAIN(T, real, word, f, one_bits, shift, low_mask)                                \
    IC_INLINE word ic_##T##_bits(real x) {                                                        \
        word bits;                                                                                \
        memcpy(&bits, &x, sizeof bits);                                                           \
        return bits;                                                                              \
    }                                                                                             \
    IC_INLINE real ic_##T##_from_bits(word bits) {                                                \
        real x;                                                                                   \
        memcpy(&x, &bits, sizeof x);                                                              \
        return x;                                                                                 \
    }                                                                                             \
    IC_INLINE void ic_##T##_transpose(real *rows) { (void)rows; }                                 \
    IC_INLINE real ic_##T##_load(const real *p) { return *p; }                                    \
    IC_INLINE void ic_##T##_store(real *p, real v) { *p = v; }                                    \
    IC_INLINE real ic_##T##_set(real x) { return x; }                                             \
    IC_INLINE real ic_##T##_add(real a, real b) { return a + b; }                                 \
    IC_INLINE real ic_##T##_sub(real a, real b) { return a - b; }                                 \
    IC_INLINE real ic_##T##_mul(real a, real b) { return a * b; }                                 \
    IC_INLINE real ic_##T##_div(real a, real b) { return a / b; }                                 \
    IC_INLINE real ic_##T##_sqrt(real a) { return sqrt##f(a); }                                   \
    IC_INLINE real ic_##T##_fma(real a, real b, real c) { return fma##f(a, b, c); }               \
    IC_INLINE real ic_##T##_max(real a, real b) { return a > b ? a : b; }                         \
    IC_INLINE real ic_##T##_select_lt(real a, real b, real x, real y) { return a < b ? x : y; }   \
    IC_INLINE real ic_##T##_select_le(real a, real b, real x, real y) { return a <= b ? x : y; }  \
    IC_INLINE real ic_##T##_abs(real a) { return fabs##f(a); }                                    \
    IC_INLINE real ic_##T##_with_sign(real a, real s) { return copysign##f(a, s); }               \
    IC_INLINE real ic_##T##_pow2(real t) {                                                        \
        return ic_##T##_from_bits((ic_##T##_bits(t) << shift) + one_bits);                        \
    }                                                                                             \
    IC_INLINE real ic_##T##_exponent(real x) { return (real)(ic_##T##_bits(x) >> shift); }        \
    IC_INLINE real ic_##T##_mantissa(real x) {                                                    \
        return ic_##T##_from_bits((ic_##T##_bits(x) & low_mask) | one_bits);                      \
    }

IC_SIMD_PLAIN(f32, float, uint32_t, f, 0x3F800000u, 23, 0x007FFFFFu)
IC_SIMD_PLAIN(f64, double, uint64_t, , 0x3FF0000000000000u, 52, 0x000FFFFFFFFFFFFFu)
#define IC_SIMD_TAIL_BY_COPY
#endif

#if defined(IC_SIMD_TAIL_BY_COPY)
#define IC_SIMD_TAIL(T, real, vec, lanes)                                                         \
    IC_INLINE vec ic_##T##_load_n(const real *p, size_t n) {                                      \
        real whole[lanes] = {0};                                                                  \
        memcpy(whole, p, n * sizeof(real));                                                       \
        return ic_##T##_load(whole);                                                              \
    }                                                                                             \
    IC_INLINE void ic_##T##_store_n(real *p, vec v, size_t n) {                                   \
        real whole[lanes];                                                                        \
        ic_##T##_store(whole, v);                                                                 \
        memcpy(p, whole, n * sizeof(real));                                                       \
    }
IC_SIMD_TAIL(f32, float, ic_vf32, IC_F32_LANES)
IC_SIMD_TAIL(f64, double, ic_vf64, IC_F64_LANES)
#endif

/* clang-format on */
#endif
