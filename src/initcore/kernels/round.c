/* float32 -> 16 bits: one rounding, to nearest even. No input is NaN. */
#include <string.h>

#include "initcore/kernels/kernels.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* s eeeeeeee mmmmmmm|mmmmmmmmmmmmmmmm: the upper half, after half a unit of it is added, less one
 * bit where it is even. A carry out of m is the next exponent, up to infinity. */
static inline uint16_t to_bf16(float x) {
    const uint32_t bits = bits_of(x);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* Least normal number 2^-14: below it the spacing is 2^-24, that of float32 beside 1/2, so that
 * adding 1/2 rounds. From 65520 on infinity is nearest. */
static inline uint16_t to_f16(float x) {
    const uint32_t bits = bits_of(x), size = bits & 0x7FFFFFFF;
    float magnitude;
    memcpy(&magnitude, &size, sizeof magnitude);
    const uint32_t small = bits_of(magnitude + 0.5f) - bits_of(0.5f);
    const uint32_t normal = (size + 0xFFF + (size >> 13 & 1) - (UINT32_C(112) << 23)) >> 13;
    const uint32_t finite = magnitude < 0x1p-14f ? small : normal;
    return (uint16_t)((bits >> 16 & 0x8000) | (magnitude < 65520.0f ? finite : 0x7C00));
}

void IC_FN(round_bf16)(uint16_t *restrict out, const float *restrict in, size_t n) {
    for (size_t j = 0; j < n; ++j) {
        out[j] = to_bf16(in[j]);
    }
}

void IC_FN(round_f16)(uint16_t *restrict out, const float *restrict in, size_t n) {
    size_t j = 0;
#if defined(__F16C__)
    for (; j + 8 <= n; j += 8) {
        const __m256 x = _mm256_loadu_ps(in + j);
        _mm_storeu_si128((__m128i *)(out + j), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    }
#endif
    for (; j < n; ++j) {
        out[j] = to_f16(in[j]);
    }
}
