/* Signs: one bit per element. An element is scale, or -scale where its bit is set.
 *
 *   element i: bit i & 31 of word i >> 5 & 3 of block i >> 7 */
#include "initcore/kernels/fill_plain.h"
#include "initcore/kernels/kernels.h"

enum { SIGNS_PER_WORD = 32, SIGNS = 128 /* of a block */ };

/* A table of single bits, since baseline has no shift by lane. */
#define EIGHT_BITS(b)                                                                              \
    1U << (b), 2U << (b), 4U << (b), 8U << (b), 16U << (b), 32U << (b), 64U << (b), 128U << (b)
static const uint32_t BIT[SIGNS_PER_WORD] = {EIGHT_BITS(0), EIGHT_BITS(8), EIGHT_BITS(16),
                                             EIGHT_BITS(24)};

#define IC_SIGN_TILE(TYPE)                                                                         \
    TYPE *const restrict out = to;                                                                 \
    const TYPE scale = *(const TYPE *)law;                                                         \
    for (size_t lane = 0; lane < blocks; ++lane) {                                                 \
        for (size_t w = 0; w < 4; ++w) {                                                           \
            const uint32_t word = words->word[w][lane];                                            \
            TYPE *const signs = out + SIGNS * lane + SIGNS_PER_WORD * w;                           \
            for (size_t bit = 0; bit < SIGNS_PER_WORD; ++bit) {                                    \
                signs[bit] = (word & BIT[bit]) != 0 ? -scale : scale;                              \
            }                                                                                      \
        }                                                                                          \
    }

IC_INLINE void sign_f32_tile(void *restrict to, const ic_stream_tile *restrict words, size_t blocks,
                             const void *law){IC_SIGN_TILE(float)}

IC_INLINE void sign_f64_tile(void *restrict to, const ic_stream_tile *restrict words, size_t blocks,
                             const void *law) {
    IC_SIGN_TILE(double)
}

void IC_FN(fill_sign_f32)(float *out, const ic_runs *runs, const ic_stream *stream, float scale) {
    _Alignas(64) char whole[SIGNS * BLOCKS * sizeof(float)];
    fill_plain(out, sizeof(float), SIGNS, whole, runs, stream, &scale, sign_f32_tile);
}

void IC_FN(fill_sign_f64)(double *out, const ic_runs *runs, const ic_stream *stream, double scale) {
    _Alignas(64) char whole[SIGNS * BLOCKS * sizeof(double)];
    fill_plain(out, sizeof(double), SIGNS, whole, runs, stream, &scale, sign_f64_tile);
}
