/* Signs: one bit per element. An element is scale, or -scale where its bit is set.
 *
 *   element i: bit i & 31 of word i >> 5 & 3 of block i >> 7 */
#include <string.h>

#include "initcore/kernels/kernels.h"

enum { LANES = IC_STREAM_LANES, PER_WORD = 32, PER_BLOCK = 128, SIZE = PER_BLOCK * LANES };

/* Blocks 0 .. count - 1 of a tile. A table of single bits, since baseline has no shift by lane. */
#define IC_SIGN_TILE(TYPE)                                                                         \
    for (size_t lane = 0; lane < count; ++lane) {                                                  \
        for (size_t w = 0; w < 4; ++w) {                                                           \
            const uint32_t word = words->word[w][lane];                                            \
            TYPE *const to = out + PER_BLOCK * lane + PER_WORD * w;                                \
            for (size_t bit = 0; bit < PER_WORD; ++bit) {                                          \
                to[bit] = (word & BIT[bit]) != 0 ? -scale : scale;                                 \
            }                                                                                      \
        }                                                                                          \
    }

#define IC_SIGN_FILL(TYPE, TILE)                                                                   \
    for (size_t r = 0; r < runs->count; ++r) {                                                     \
        TYPE *const run = (TYPE *)((char *)out + (ptrdiff_t)r * runs->step);                       \
        const uint64_t first = runs->first + r * runs->index;                                      \
        const size_t n = runs->n;                                                                  \
        uint64_t block = first / PER_BLOCK;                                                        \
        size_t skip = (size_t)(first % PER_BLOCK);                                                 \
        for (size_t done = 0; done < n; block += LANES) {                                          \
            ic_stream_tile words;                                                                  \
            ic_stream_words(&words, block, stream);                                                \
            if (skip == 0 && n - done >= SIZE) {                                                   \
                TILE(run + done, &words, LANES, scale);                                            \
                done += SIZE;                                                                      \
            } else {                                                                               \
                TYPE whole[SIZE];                                                                  \
                const size_t count = n - done < SIZE - skip ? n - done : SIZE - skip;              \
                TILE(whole, &words, (skip + count + PER_BLOCK - 1) / PER_BLOCK, scale);            \
                memcpy(run + done, whole + skip, count * sizeof(TYPE));                            \
                done += count;                                                                     \
                skip = 0;                                                                          \
            }                                                                                      \
        }                                                                                          \
    }

#define EIGHT_BITS(b)                                                                              \
    1U << (b), 2U << (b), 4U << (b), 8U << (b), 16U << (b), 32U << (b), 64U << (b), 128U << (b)
static const uint32_t BIT[PER_WORD] = {EIGHT_BITS(0), EIGHT_BITS(8), EIGHT_BITS(16),
                                       EIGHT_BITS(24)};

static inline void sign_f32_tile(float *restrict out, const ic_stream_tile *restrict words,
                                 size_t count, float scale) {
    IC_SIGN_TILE(float)
}

static inline void sign_f64_tile(double *restrict out, const ic_stream_tile *restrict words,
                                 size_t count, double scale) {
    IC_SIGN_TILE(double)
}

void IC_FN(fill_sign_f32)(float *out, const ic_runs *runs, const ic_stream *stream, float scale) {
    IC_SIGN_FILL(float, sign_f32_tile)
}

void IC_FN(fill_sign_f64)(double *out, const ic_runs *runs, const ic_stream *stream, double scale) {
    IC_SIGN_FILL(double, sign_f64_tile)
}
