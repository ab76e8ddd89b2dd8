/* Bits, uniform and normal numbers. */
#include "initcore/kernels/kernels.h"

#if defined(IC_ISA_AVX2) || defined(IC_ISA_AVX512)
#include "initcore/kernels/fill_across.h"
#include "initcore/kernels/fill_vector_f32.h"
#include "initcore/kernels/fill_vector_f64.h"
#else
#include "initcore/kernels/fill_plain_tiles.h"
#endif

void IC_FN(fill_bits_u32)(uint32_t *out, const ic_runs *runs, const ic_stream *stream) {
    fill_by_tiles(out, 4, runs, stream, NULL, BITS_U32);
}

void IC_FN(fill_bits_u64)(uint64_t *out, const ic_runs *runs, const ic_stream *stream) {
    fill_by_tiles(out, 2, runs, stream, NULL, BITS_U64);
}

void IC_FN(fill_uniform_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                             const ic_uniform_f32 *law) {
    fill_by_tiles(out, 4, runs, stream, law, UNIFORM_F32);
}

void IC_FN(across_uniform_f32)(float *out, const ic_across *across, const ic_stream *stream,
                               const ic_uniform_f32 *law) {
    fill_across(out, 4, across, stream, law, UNIFORM_F32);
}

void IC_FN(fill_uniform_f64)(double *out, const ic_runs *runs, const ic_stream *stream,
                             const ic_uniform_f64 *law) {
    fill_by_tiles(out, 2, runs, stream, law, UNIFORM_F64);
}

void IC_FN(across_uniform_f64)(double *out, const ic_across *across, const ic_stream *stream,
                               const ic_uniform_f64 *law) {
    fill_across(out, 2, across, stream, law, UNIFORM_F64);
}

void IC_FN(fill_normal_f32)(float *out, const ic_runs *runs, const ic_stream *stream,
                            const ic_normal_f32 *law) {
    fill_by_tiles(out, 4, runs, stream, law, NORMAL_F32);
}

void IC_FN(across_normal_f32)(float *out, const ic_across *across, const ic_stream *stream,
                              const ic_normal_f32 *law) {
    fill_across(out, 4, across, stream, law, NORMAL_F32);
}

void IC_FN(fill_normal_f64)(double *out, const ic_runs *runs, const ic_stream *stream,
                            const ic_normal_f64 *law) {
    fill_by_tiles(out, 2, runs, stream, law, NORMAL_F64);
}

void IC_FN(across_normal_f64)(double *out, const ic_across *across, const ic_stream *stream,
                              const ic_normal_f64 *law) {
    fill_across(out, 2, across, stream, law, NORMAL_F64);
}
