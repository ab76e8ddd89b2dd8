/* AVX-512 for a CPU that lacks it: the intrinsics that the kernels use, lane by lane, after the
 * definitions of Intel's Intrinsics Guide. Found before the compiler's own header, which gives
 * everything up to AVX2 and the vector types; a 512-bit operation that is not here does not
 * compile.
 */
#ifndef INITCORE_TESTS_EMULATED_IMMINTRIN_H
#define INITCORE_TESTS_EMULATED_IMMINTRIN_H

#include_next <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define EMULATED static inline __attribute__((always_inline, unused))

typedef int32_t emulated_i32 __attribute__((vector_size(64)));
typedef uint32_t emulated_u32 __attribute__((vector_size(64)));
typedef int64_t emulated_i64 __attribute__((vector_size(64)));
typedef uint64_t emulated_u64 __attribute__((vector_size(64)));

/* Casts between the vector types keep the bits, as a C cast does. */
#define _mm512_castps_si512(a) ((__m512i)(a))
#define _mm512_castpd_si512(a) ((__m512i)(a))
#define _mm512_castps_pd(a) ((__m512d)(a))
#define _mm512_castpd_ps(a) ((__m512)(a))
#define _mm512_castsi512_ps(a) ((__m512)(a))
#define _mm512_castsi512_pd(a) ((__m512d)(a))

/* What exists for float and for double. */
#define EMULATED_REAL(ps, real, vec, ivec, mask, fma, sqrt, lanes)                                 \
    EMULATED vec emulated_loadu_##ps(const void *p) {                                              \
        vec v;                                                                                     \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }                                                                                              \
    EMULATED void emulated_storeu_##ps(void *p, vec v) {                                           \
        memcpy(p, &v, sizeof v);                                                                   \
    }                                                                                              \
    EMULATED vec emulated_maskz_loadu_##ps(mask k, const real *p) {                                \
        vec v = {0};                                                                               \
        for (int i = 0; i < lanes; ++i) {                                                          \
            if (k >> i & 1) {                                                                      \
                v[i] = p[i];                                                                       \
            }                                                                                      \
        }                                                                                          \
        return v;                                                                                  \
    }                                                                                              \
    EMULATED void emulated_mask_storeu_##ps(real *p, mask k, vec v) {                              \
        for (int i = 0; i < lanes; ++i) {                                                          \
            if (k >> i & 1) {                                                                      \
                p[i] = v[i];                                                                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    EMULATED vec emulated_set1_##ps(real x) {                                                      \
        vec v;                                                                                     \
        for (int i = 0; i < lanes; ++i) {                                                          \
            v[i] = x;                                                                              \
        }                                                                                          \
        return v;                                                                                  \
    }                                                                                              \
    EMULATED vec emulated_fmadd_##ps(vec a, vec b, vec c) {                                        \
        for (int i = 0; i < lanes; ++i) {                                                          \
            a[i] = fma(a[i], b[i], c[i]);                                                          \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    EMULATED vec emulated_sqrt_##ps(vec a) {                                                       \
        for (int i = 0; i < lanes; ++i) {                                                          \
            a[i] = sqrt(a[i]);                                                                     \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    /* The second operand where neither is larger, or one is no number. */                         \
    EMULATED vec emulated_max_##ps(vec a, vec b) {                                                 \
        for (int i = 0; i < lanes; ++i) {                                                          \
            a[i] = a[i] > b[i] ? a[i] : b[i];                                                      \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    EMULATED vec emulated_min_##ps(vec a, vec b) {                                                 \
        for (int i = 0; i < lanes; ++i) {                                                          \
            a[i] = a[i] < b[i] ? a[i] : b[i];                                                      \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    EMULATED vec emulated_mask_blend_##ps(mask k, vec a, vec b) {                                  \
        for (int i = 0; i < lanes; ++i) {                                                          \
            a[i] = k >> i & 1 ? b[i] : a[i];                                                       \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    EMULATED mask emulated_of_lanes_##ps(ivec chosen) {                                            \
        mask k = 0;                                                                                \
        for (int i = 0; i < lanes; ++i) {                                                          \
            k |= (mask)((chosen[i] & 1) << i);                                                     \
        }                                                                                          \
        return k;                                                                                  \
    }                                                                                              \
    EMULATED mask emulated_cmp_##ps##_mask(vec a, vec b, int how) {                                \
        return emulated_of_lanes_##ps(how == _CMP_LT_OQ   ? a < b                                  \
                                      : how == _CMP_LE_OQ ? a <= b                                 \
                                      : how == _CMP_GE_OQ ? a >= b                                 \
                                                          : a > b);                                \
    }                                                                                              \
    EMULATED vec emulated_unpack_##ps(vec a, vec b, int from) {                                    \
        vec v;                                                                                     \
        for (int i = 0; i < lanes; ++i) {                                                          \
            const int quarter = i - i % (lanes / 4), pair = i % (lanes / 4) / 2;                   \
            v[i] = (i % 2 ? b : a)[quarter + from + pair];                                         \
        }                                                                                          \
        return v;                                                                                  \
    }                                                                                              \
    /* Quarters chosen by two bits each: the lower half from a, the upper from b. */               \
    EMULATED vec emulated_shuffle_quarters_##ps(vec a, vec b, int chosen) {                        \
        vec v;                                                                                     \
        for (int i = 0; i < lanes; ++i) {                                                          \
            const int quarter = i / (lanes / 4), from = chosen >> (2 * quarter) & 3;               \
            v[i] = (quarter < 2 ? a : b)[from * (lanes / 4) + i % (lanes / 4)];                    \
        }                                                                                          \
        return v;                                                                                  \
    }

EMULATED_REAL(ps, float, __m512, emulated_i32, __mmask16, fmaf, sqrtf, 16)
EMULATED_REAL(pd, double, __m512d, emulated_i64, __mmask8, fma, sqrt, 8)

#define _mm512_loadu_ps emulated_loadu_ps
#define _mm512_loadu_pd emulated_loadu_pd
#define _mm512_storeu_ps emulated_storeu_ps
#define _mm512_storeu_pd emulated_storeu_pd
#define _mm512_maskz_loadu_ps emulated_maskz_loadu_ps
#define _mm512_maskz_loadu_pd emulated_maskz_loadu_pd
#define _mm512_mask_storeu_ps emulated_mask_storeu_ps
#define _mm512_mask_storeu_pd emulated_mask_storeu_pd
#define _mm512_set1_ps emulated_set1_ps
#define _mm512_set1_pd emulated_set1_pd
#define _mm512_fmadd_ps emulated_fmadd_ps
#define _mm512_fmadd_pd emulated_fmadd_pd
#define _mm512_sqrt_ps emulated_sqrt_ps
#define _mm512_sqrt_pd emulated_sqrt_pd
#define _mm512_max_ps emulated_max_ps
#define _mm512_max_pd emulated_max_pd
#define _mm512_min_ps emulated_min_ps
#define _mm512_min_pd emulated_min_pd
#define _mm512_mask_blend_ps emulated_mask_blend_ps
#define _mm512_mask_blend_pd emulated_mask_blend_pd
/* Macros in the compiler's header too, where the kind of comparison must be a constant. */
#undef _mm512_cmp_ps_mask
#undef _mm512_cmp_pd_mask
#define _mm512_cmp_ps_mask emulated_cmp_ps_mask
#define _mm512_cmp_pd_mask emulated_cmp_pd_mask
#undef _mm512_shuffle_f32x4
#undef _mm512_shuffle_f64x2
#define _mm512_shuffle_f32x4 emulated_shuffle_quarters_ps
#define _mm512_shuffle_f64x2 emulated_shuffle_quarters_pd
#define _mm512_unpacklo_ps(a, b) emulated_unpack_ps(a, b, 0)
#define _mm512_unpackhi_ps(a, b) emulated_unpack_ps(a, b, 2)
#define _mm512_unpacklo_pd(a, b) emulated_unpack_pd(a, b, 0)
#define _mm512_unpackhi_pd(a, b) emulated_unpack_pd(a, b, 1)

/* What the compiler's vector operators do on every lane. */
#define _mm512_add_ps(a, b) ((__m512)((a) + (b)))
#define _mm512_add_pd(a, b) ((__m512d)((a) + (b)))
#define _mm512_sub_ps(a, b) ((__m512)((a) - (b)))
#define _mm512_sub_pd(a, b) ((__m512d)((a) - (b)))
#define _mm512_mul_ps(a, b) ((__m512)((a) * (b)))
#define _mm512_mul_pd(a, b) ((__m512d)((a) * (b)))
#define _mm512_div_ps(a, b) ((__m512)((a) / (b)))
#define _mm512_div_pd(a, b) ((__m512d)((a) / (b)))
#define _mm512_and_si512(a, b) ((__m512i)((emulated_u64)(a) & (emulated_u64)(b)))
#define _mm512_or_si512(a, b) ((__m512i)((emulated_u64)(a) | (emulated_u64)(b)))
#define _mm512_and_ps(a, b) ((__m512)_mm512_and_si512(a, b))
#define _mm512_and_pd(a, b) ((__m512d)_mm512_and_si512(a, b))
#define _mm512_or_ps(a, b) ((__m512)_mm512_or_si512(a, b))
#define _mm512_or_pd(a, b) ((__m512d)_mm512_or_si512(a, b))
#define _mm512_abs_ps(a) ((__m512)((emulated_u32)(a) & 0x7FFFFFFFu))
#define _mm512_abs_pd(a) ((__m512d)((emulated_u64)(a) & 0x7FFFFFFFFFFFFFFFu))
#define _mm512_add_epi32(a, b) ((__m512i)((emulated_u32)(a) + (emulated_u32)(b)))
#define _mm512_add_epi64(a, b) ((__m512i)((emulated_u64)(a) + (emulated_u64)(b)))
#define _mm512_set1_epi32(x) ((__m512i)((emulated_i32){0} + (x)))
#define _mm512_set1_epi64(x) ((__m512i)((emulated_i64){0} + (x)))
#undef _mm512_slli_epi32
#undef _mm512_slli_epi64
#undef _mm512_srli_epi32
#undef _mm512_srli_epi64
#define _mm512_slli_epi32(a, n) ((__m512i)((emulated_u32)(a) << (n)))
#define _mm512_slli_epi64(a, n) ((__m512i)((emulated_u64)(a) << (n)))
#define _mm512_srli_epi32(a, n) ((__m512i)((emulated_u32)(a) >> (n)))
#define _mm512_srli_epi64(a, n) ((__m512i)((emulated_u64)(a) >> (n)))
#define _mm512_cvtepi32_ps(a) ((__m512) __builtin_convertvector((emulated_i32)(a), __m512))
#define _mm512_cvtepi64_pd(a) ((__m512d) __builtin_convertvector((emulated_i64)(a), __m512d))
#define _mm512_cmpeq_epi32_mask(a, b) emulated_of_lanes_ps((emulated_i32)(a) == (emulated_i32)(b))
#define _mm512_cmpgt_epi32_mask(a, b) emulated_of_lanes_ps((emulated_i32)(a) > (emulated_i32)(b))
#define _mm512_test_epi32_mask(a, b)                                                               \
    emulated_of_lanes_ps(((emulated_i32)(a) & (emulated_i32)(b)) != 0)
#define _mm512_movepi32_mask(a) emulated_of_lanes_ps((emulated_i32)(a) < 0)
#define _mm512_movepi64_mask(a) emulated_of_lanes_pd((emulated_i64)(a) < 0)
#define _mm512_mul_epu32(a, b)                                                                     \
    ((__m512i)(((emulated_u64)(a) & 0xFFFFFFFFu) * ((emulated_u64)(b) & 0xFFFFFFFFu)))

EMULATED __m512i emulated_mask_xor_epi32(__m512i kept, __mmask16 k, __m512i a, __m512i b) {
    return (__m512i)emulated_mask_blend_ps(k, (__m512)kept,
                                           (__m512)((emulated_u32)a ^ (emulated_u32)b));
}
#define _mm512_mask_xor_epi32 emulated_mask_xor_epi32

/* Of each quarter two lanes of a, then two of b, each chosen by two bits. */
EMULATED __m512 emulated_shuffle_ps(__m512 a, __m512 b, int chosen) {
    __m512 v;
    for (int i = 0; i < 16; ++i) {
        v[i] = (i % 4 < 2 ? a : b)[i - i % 4 + (chosen >> (2 * (i % 4)) & 3)];
    }
    return v;
}
#undef _mm512_shuffle_ps
#define _mm512_shuffle_ps emulated_shuffle_ps

EMULATED __m512 emulated_permutexvar_ps(__m512i index, __m512 table) {
    __m512 v;
    for (int i = 0; i < 16; ++i) {
        v[i] = table[((emulated_u32)index)[i] & 15];
    }
    return v;
}
#define _mm512_permutexvar_ps emulated_permutexvar_ps

/* Bit by bit: the bits of a, b and c, from high to low, are the position in the table. */
EMULATED __m512i emulated_ternarylogic(__m512i a, __m512i b, __m512i c, int table) {
    emulated_u64 v = {0};
    for (int position = 0; position < 8; ++position) {
        if (table >> position & 1) {
            const emulated_u64 x = position & 4 ? (emulated_u64)a : ~(emulated_u64)a;
            const emulated_u64 y = position & 2 ? (emulated_u64)b : ~(emulated_u64)b;
            const emulated_u64 z = position & 1 ? (emulated_u64)c : ~(emulated_u64)c;
            v |= x & y & z;
        }
    }
    return (__m512i)v;
}
#undef _mm512_ternarylogic_epi32
#undef _mm512_ternarylogic_epi64
#define _mm512_ternarylogic_epi32 emulated_ternarylogic
#define _mm512_ternarylogic_epi64 emulated_ternarylogic

EMULATED __m512d emulated_getexp_pd(__m512d a) {
    __m512d v;
    for (int i = 0; i < 8; ++i) {
        v[i] = logb(a[i]);
    }
    return v;
}
#define _mm512_getexp_pd emulated_getexp_pd

#endif
