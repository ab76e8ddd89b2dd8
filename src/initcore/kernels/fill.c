/* Bits, uniform and normal numbers. */
#include "initcore/kernels/fill_tiles.h"
#include "initcore/kernels/kernels.h"

/* ---- bits ---- */

static inline void bits_u32_tile(uint32_t *restrict out, const ic_stream_tile *restrict words,
                                 const void *law) {
    (void)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = words->word[0][lane];
        out[4 * lane + 1] = words->word[1][lane];
        out[4 * lane + 2] = words->word[2][lane];
        out[4 * lane + 3] = words->word[3][lane];
    }
}

static inline void bits_u64_tile(uint64_t *restrict out, const ic_stream_tile *restrict words,
                                 const void *law) {
    (void)law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[2 * lane] = joined(words->word[0][lane], words->word[1][lane]);
        out[2 * lane + 1] = joined(words->word[2][lane], words->word[3][lane]);
    }
}

void IC_FN(fill_bits_u32)(uint32_t *out, const ic_runs *runs, const ic_stream *stream) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 4, runs, stream, NULL, BITS);
#else
    IC_FILL(uint32_t, 4, bits_u32_tile, NULL)
#endif
}

void IC_FN(fill_bits_u64)(uint64_t *out, const ic_runs *runs, const ic_stream *stream) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 2, runs, stream, NULL, BITS);
#else
    IC_FILL(uint64_t, 2, bits_u64_tile, NULL)
#endif
}

/* ---- uniform ---- */

static inline void uniform_f32_tile(float *restrict out, const ic_stream_tile *restrict words,
                                    const ic_uniform_f32 *law) {
    const ic_uniform_f32 own = *law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = ic_uniform_f32_value(words->word[0][lane], &own);
        out[4 * lane + 1] = ic_uniform_f32_value(words->word[1][lane], &own);
        out[4 * lane + 2] = ic_uniform_f32_value(words->word[2][lane], &own);
        out[4 * lane + 3] = ic_uniform_f32_value(words->word[3][lane], &own);
    }
}

static inline void uniform_f64_tile(double *restrict out, const ic_stream_tile *restrict words,
                                    const ic_uniform_f64 *law) {
    const ic_uniform_f64 own = *law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[2 * lane] = ic_uniform_f64_value(words->word[0][lane], words->word[1][lane], &own);
        out[2 * lane + 1] = ic_uniform_f64_value(words->word[2][lane], words->word[3][lane], &own);
    }
}

void IC_FN(fill_uniform_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                             const ic_uniform_f32 *law) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 4, runs, stream, law, UNIFORM_F32);
#else
    IC_FILL(float, 4, uniform_f32_tile, law)
#endif
}

void IC_FN(across_uniform_f32)(float *out, const ic_across *across, const ic_stream *stream,
                               const ic_uniform_f32 *law) {
#if defined(VECTOR_FILLS)
    fill_across(out, 4, across, stream, law, UNIFORM_F32);
#else
    IC_ACROSS(float, 4, uniform_f32_tile, law)
#endif
}

void IC_FN(fill_uniform_f64)(double *out, const ic_runs *runs, const ic_stream *stream,
                             const ic_uniform_f64 *law) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 2, runs, stream, law, UNIFORM_F64);
#else
    IC_FILL(double, 2, uniform_f64_tile, law)
#endif
}

void IC_FN(across_uniform_f64)(double *out, const ic_across *across, const ic_stream *stream,
                               const ic_uniform_f64 *law) {
#if defined(VECTOR_FILLS)
    fill_across(out, 2, across, stream, law, UNIFORM_F64);
#else
    IC_ACROSS(double, 2, uniform_f64_tile, law)
#endif
}

/* ---- normal ---- */

static inline void normal_f32_tile(float *restrict out, const ic_stream_tile *restrict words,
                                   const ic_normal_f32 *law) {
    const ic_normal_f32 own = *law;
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

static inline void normal_f64_tile(double *restrict out, const ic_stream_tile *restrict words,
                                   const ic_normal_f64 *law) {
    const ic_normal_f64 own = *law;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        double pair[2];
        ic_normal_f64_pair(pair, joined(words->word[1][lane], words->word[0][lane]),
                           joined(words->word[3][lane], words->word[2][lane]), &own);
        out[2 * lane] = pair[0];
        out[2 * lane + 1] = pair[1];
    }
}

void IC_FN(fill_normal_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                            const ic_normal_f32 *law) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 4, runs, stream, law, NORMAL_F32);
#else
    IC_FILL(float, 4, normal_f32_tile, law)
#endif
}

void IC_FN(across_normal_f32)(float *out, const ic_across *across, const ic_stream *stream,
                              const ic_normal_f32 *law) {
#if defined(VECTOR_FILLS)
    fill_across(out, 4, across, stream, law, NORMAL_F32);
#else
    IC_ACROSS(float, 4, normal_f32_tile, law)
#endif
}

void IC_FN(fill_normal_f64)(double *out, const ic_runs *runs, const ic_stream *stream,
                            const ic_normal_f64 *law) {
#if defined(VECTOR_FILLS)
    fill_by_tiles(out, 2, runs, stream, law, NORMAL_F64);
#else
    IC_FILL(double, 2, normal_f64_tile, law)
#endif
}

void IC_FN(across_normal_f64)(double *out, const ic_across *across, const ic_stream *stream,
                              const ic_normal_f64 *law) {
#if defined(VECTOR_FILLS)
    fill_across(out, 2, across, stream, law, NORMAL_F64);
#else
    IC_ACROSS(double, 2, normal_f64_tile, law)
#endif
}
