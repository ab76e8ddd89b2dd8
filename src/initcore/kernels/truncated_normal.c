/* Truncated normal numbers: the inverse of the distribution function, one draw per element. */
#include "initcore/kernels/fill_plain.h"
#include "initcore/kernels/kernels.h"
#include "initcore/transforms.h"

#if defined(IC_ISA_AVX2) || defined(IC_ISA_AVX512)
#define VECTORS /* for laws of few octaves */
#include "initcore/kernels/fill_across.h"
#include "initcore/kernels/fill_vector_f32.h"
#endif

IC_INLINE void truncated_normal_f32_tile(void *restrict to, const ic_stream_tile *restrict words,
                                         size_t blocks, const void *law) {
    float *const restrict out = to;
    (void)blocks;
    const ic_truncated_normal_f32 own = *(const ic_truncated_normal_f32 *)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = ic_truncated_normal_f32_value(words->word[0][lane], &own);
        out[4 * lane + 1] = ic_truncated_normal_f32_value(words->word[1][lane], &own);
        out[4 * lane + 2] = ic_truncated_normal_f32_value(words->word[2][lane], &own);
        out[4 * lane + 3] = ic_truncated_normal_f32_value(words->word[3][lane], &own);
    }
}

IC_INLINE void truncated_normal_deep_f32_tile(void *restrict to,
                                              const ic_stream_tile *restrict words, size_t blocks,
                                              const void *law) {
    float *const restrict out = to;
    (void)blocks;
    const ic_truncated_normal_f64 own = *(const ic_truncated_normal_f64 *)law;
    for (size_t w = 0; w < 4; ++w) {
        for (size_t lane = 0; lane < BLOCKS; ++lane) {
            out[4 * lane + w] = ic_truncated_normal_deep_f32_value(words->word[w][lane], &own);
        }
    }
}

IC_INLINE void truncated_normal_f64_tile(void *restrict to, const ic_stream_tile *restrict words,
                                         size_t blocks, const void *law) {
    double *const restrict out = to;
    (void)blocks;
    const ic_truncated_normal_f64 own = *(const ic_truncated_normal_f64 *)law;
    for (size_t half = 0; half < 2; ++half) {
        for (size_t lane = 0; lane < BLOCKS; ++lane) {
            out[2 * lane + half] = ic_truncated_normal_f64_value(
                joined(words->word[2 * half][lane], words->word[2 * half + 1][lane]), &own);
        }
    }
}

void IC_FN(fill_truncated_normal_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                                      const ic_truncated_normal_f32 *law) {
#if defined(VECTORS)
    if (few_octaves(law)) {
        const truncated_normal_law cut = {*law, quantile_table_of()};
        if (is_symmetric(law)) {
            fill_by_tiles(out, 4, runs, stream, &cut, SYMMETRIC_CUT_F32);
        } else {
            fill_by_tiles(out, 4, runs, stream, &cut, TRUNCATED_NORMAL_F32);
        }
        return;
    }
#endif
    fill_plain_numbers(out, 4, runs, stream, law, truncated_normal_f32_tile);
}

void IC_FN(across_truncated_normal_f32)(float *out, const ic_across *across,
                                        const ic_stream *stream,
                                        const ic_truncated_normal_f32 *law) {
#if defined(VECTORS)
    if (few_octaves(law)) {
        const truncated_normal_law cut = {*law, quantile_table_of()};
        if (is_symmetric(law)) {
            fill_across(out, 4, across, stream, &cut, SYMMETRIC_CUT_F32);
        } else {
            fill_across(out, 4, across, stream, &cut, TRUNCATED_NORMAL_F32);
        }
        return;
    }
#endif
    across_plain_numbers(out, 4, across, stream, law, truncated_normal_f32_tile);
}

void IC_FN(fill_truncated_normal_deep_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                                           const ic_truncated_normal_f64 *law) {
    fill_plain_numbers(out, 4, runs, stream, law, truncated_normal_deep_f32_tile);
}

void IC_FN(fill_truncated_normal_f64)(double *out, const ic_runs *runs, const ic_stream *stream,
                                      const ic_truncated_normal_f64 *law) {
    fill_plain_numbers(out, 2, runs, stream, law, truncated_normal_f64_tile);
}
