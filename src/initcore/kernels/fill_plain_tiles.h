/* Bits, uniform and normal numbers, as a compiler makes them of transforms.h. fill_across.h and
 * fill_vector_f*.h define the same names by hand for AVX2 and AVX-512. */
#ifndef INITCORE_KERNELS_FILL_PLAIN_TILES_H
#define INITCORE_KERNELS_FILL_PLAIN_TILES_H

#include "initcore/kernels/fill_plain.h"
#include "initcore/laws.h"
#include "initcore/transforms.h"

typedef plain_tile makers;

/* ---- bits ---- */

IC_INLINE void bits_u32_tile(void *restrict to, const ic_stream_tile *restrict words, size_t blocks,
                             const void *law) {
    uint32_t *const restrict out = to;
    (void)blocks;
    (void)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = words->word[0][lane];
        out[4 * lane + 1] = words->word[1][lane];
        out[4 * lane + 2] = words->word[2][lane];
        out[4 * lane + 3] = words->word[3][lane];
    }
}

IC_INLINE void bits_u64_tile(void *restrict to, const ic_stream_tile *restrict words, size_t blocks,
                             const void *law) {
    uint64_t *const restrict out = to;
    (void)blocks;
    (void)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[2 * lane] = joined(words->word[0][lane], words->word[1][lane]);
        out[2 * lane + 1] = joined(words->word[2][lane], words->word[3][lane]);
    }
}

/* ---- uniform ---- */

IC_INLINE void uniform_f32_tile(void *restrict to, const ic_stream_tile *restrict words,
                                size_t blocks, const void *law) {
    float *const restrict out = to;
    (void)blocks;
    const ic_uniform_f32 own = *(const ic_uniform_f32 *)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = ic_uniform_f32_value(words->word[0][lane], &own);
        out[4 * lane + 1] = ic_uniform_f32_value(words->word[1][lane], &own);
        out[4 * lane + 2] = ic_uniform_f32_value(words->word[2][lane], &own);
        out[4 * lane + 3] = ic_uniform_f32_value(words->word[3][lane], &own);
    }
}

IC_INLINE void uniform_f64_tile(void *restrict to, const ic_stream_tile *restrict words,
                                size_t blocks, const void *law) {
    double *const restrict out = to;
    (void)blocks;
    const ic_uniform_f64 own = *(const ic_uniform_f64 *)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[2 * lane] = ic_uniform_f64_value(words->word[0][lane], words->word[1][lane], &own);
        out[2 * lane + 1] = ic_uniform_f64_value(words->word[2][lane], words->word[3][lane], &own);
    }
}

/* ---- normal ---- */

IC_INLINE void normal_f32_tile(void *restrict to, const ic_stream_tile *restrict words,
                               size_t blocks, const void *law) {
    float *const restrict out = to;
    (void)blocks;
    const ic_normal_f32 own = *(const ic_normal_f32 *)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        float a[2], b[2];
        ic_normal_f32_pair(a, words->word[0][lane], words->word[1][lane], &own);
        ic_normal_f32_pair(b, words->word[2][lane], words->word[3][lane], &own);
        out[4 * lane] = a[0];
        out[4 * lane + 1] = a[1];
        out[4 * lane + 2] = b[0];
        out[4 * lane + 3] = b[1];
    }
}

IC_INLINE void normal_f64_tile(void *restrict to, const ic_stream_tile *restrict words,
                               size_t blocks, const void *law) {
    double *const restrict out = to;
    (void)blocks;
    const ic_normal_f64 own = *(const ic_normal_f64 *)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        double pair[2];
        ic_normal_f64_pair(pair, joined(words->word[1][lane], words->word[0][lane]),
                           joined(words->word[3][lane], words->word[2][lane]), &own);
        out[2 * lane] = pair[0];
        out[2 * lane + 1] = pair[1];
    }
}

static const makers BITS_U32 = bits_u32_tile, BITS_U64 = bits_u64_tile;
static const makers UNIFORM_F32 = uniform_f32_tile, UNIFORM_F64 = uniform_f64_tile;
static const makers NORMAL_F32 = normal_f32_tile, NORMAL_F64 = normal_f64_tile;

IC_INLINE void fill_by_tiles(void *out, unsigned per_block, const ic_runs *runs,
                             const ic_stream *stream, const void *law, makers make) {
    fill_plain_numbers(out, per_block, runs, stream, law, make);
}

IC_INLINE void fill_across(void *out, unsigned per_block, const ic_across *across,
                           const ic_stream *stream, const void *law, makers make) {
    across_plain_numbers(out, per_block, across, stream, law, make);
}

#endif
