/* A product of random reflectors, formed block by block from the last one on.
 *
 *      reflectors   (n, m), row k: u of reflector k, zero before its place k
 *      p            (n, m), row k: column k of the product; out itself where its rows are
 * contiguous
 *
 * A block of b reflectors is I + U^T N U, so that p becomes p + ((p U^T) N^T) U: products of
 * compute v1, which carry nearly all of the work. N and the rows of p that the block itself makes
 * are found in double: there are few of them, and their rounding is what would show in the
 * lengths of the rows. */
#include "initcore/orthogonal.h"

#include <stdlib.h>
#include <string.h>

#include "initcore/dispatch.h"
#include "initcore/fill.h"
#include "initcore/fpenv.h"
#include "initcore/pool.h"
#include "initcore/sizes.h"

enum {
    PIECE_ROWS = 16,      /* of element-wise work */
    SERIAL_BELOW = 65536, /* elements that are not worth waking a thread */
    LINE = 64,            /* bytes that each part of the memory begins at a multiple of */
};

/* The kernels of one type. */
typedef struct orthogonal_kernels {
    size_t size; /* bytes of an element */
    ic_kernel_reflector *reflector;
    ic_kernel_widened *widened;
    ic_kernel_narrowed *narrowed;
    ic_kernel_scaled_rows *scaled_rows;
} orthogonal_kernels;

static orthogonal_kernels orthogonal_kernels_of(ic_dtype dtype, const ic_kernels *k) {
    return dtype == IC_F32 ? (orthogonal_kernels){sizeof(float), k->reflector_f32, k->widened_f32,
                                                  k->narrowed_f32, k->scaled_rows_f32}
                           : (orthogonal_kernels){sizeof(double), k->reflector_f64, k->widened_f64,
                                                  k->narrowed_f64, k->scaled_rows_f64};
}

typedef struct orthogonal_job {
    ic_dtype dtype;
    orthogonal_kernels of;
    const ic_kernels *kernels;
    size_t n, m;
    ic_matrix out; /* (n, m) */
    double gain;
    char *reflectors;
    char *p;
    ptrdiff_t p_row;
    double *tau;           /* (n) */
    char *factors;         /* (n): gain, with the sign of each row */
    char *w, *z;           /* (n, b): p U^T and p U^T N^T of the rows below the block's own */
    char *joined;          /* N (b, b) */
    double *own_u, *own_p; /* (b, m) */
    double *own_s, *own_joined, *own_z; /* (b, b) */
} orthogonal_job;

static char *reflector_at(const orthogonal_job *work, size_t row, size_t column) {
    return work->reflectors + (row * work->m + column) * work->of.size;
}

static char *p_at(const orthogonal_job *work, size_t row, size_t column) {
    return work->p + ((ptrdiff_t)row * work->p_row + (ptrdiff_t)column) * (ptrdiff_t)work->of.size;
}

/* Normal numbers in each row of `reflectors`, from the block's first column on. */
static void draw_reflectors(const orthogonal_job *work, const ic_stream *stream) {
    ic_fill_law law;
    ic_fill_law_normal(&law, work->dtype == IC_F64, 0.0, 1.0);
    for (size_t k = 0; k < work->n; k += IC_REFLECTORS) {
        const int64_t item = (int64_t)work->of.size, m = (int64_t)work->m;
        const int64_t shape[2] = {(int64_t)least(IC_REFLECTORS, work->n - k), m - (int64_t)k};
        const int64_t step[2] = {m * item, item}, index[2] = {m, 1};
        const ic_fill_target target = {.data = reflector_at(work, k, k),
                                       .dimensions = 2,
                                       .shape = shape,
                                       .step = step,
                                       .index = index,
                                       .first = (uint64_t)k * work->m + k};
        ic_fill(&target, stream, &law);
    }
}

static void reflect_task(void *context, size_t piece) {
    const orthogonal_job *const work = context;
    const size_t end = least((piece + 1) * PIECE_ROWS, work->n);
    for (size_t k = piece * PIECE_ROWS; k < end; ++k) {
        void *const u = reflector_at(work, k, k);
        void *const factor = work->factors + k * work->of.size;
        memset(reflector_at(work, k, 0), 0, k * work->of.size);
        memset(p_at(work, k, 0), 0, k * work->of.size);
        work->of.reflector(u, &work->tau[k], work->m - k);
        if (work->dtype == IC_F32) {
            *(float *)factor = *(float *)u < 0.0f ? (float)work->gain : -(float)work->gain;
        } else {
            *(double *)factor = *(double *)u < 0.0 ? work->gain : -work->gain;
        }
    }
}

/* out (batch, n_out) = x (batch, n_in) w^T. */
static int multiply_transposed(ic_dtype dtype, ic_matrix out, ic_matrix x, ic_matrix w,
                               size_t batch, size_t n_in, size_t n_out) {
    const ic_dense_forward product = {.batch = batch,
                                      .n_in = n_in,
                                      .n_out = n_out,
                                      .y = out,
                                      .x = x,
                                      .w = w,
                                      .phi = {.name = IC_IDENTITY}};
    return ic_dense_forward_run(dtype, &product);
}

/* Rows k .. k + b - 1 of p, which were rows of the identity: I + (U^T N^T) U in double. */
static int begin_block(const orthogonal_job *work, size_t k, size_t b) {
    const size_t width = work->m - k;
    const ptrdiff_t row = (ptrdiff_t)width, square = (ptrdiff_t)b;
    const ic_matrix u = {work->own_u, row, 1}, u_transposed = {work->own_u, 1, row};
    const ic_matrix s = {work->own_s, square, 1}, joined = {work->own_joined, square, 1};
    const ic_matrix z = {work->own_z, square, 1}, p = {work->own_p, row, 1};

    work->of.widened(work->own_u, reflector_at(work, k, k), (ptrdiff_t)work->m, b, width);
    if (multiply_transposed(IC_F64, s, u, u, b, width, b) != 0) {
        return -1;
    }
    ic_fpenv saved = ic_fpenv_enter();
    work->kernels->reflectors_joined(work->own_joined, work->own_s, &work->tau[k], b);
    work->of.narrowed(work->joined, square, work->own_joined, b, b);
    ic_fpenv_leave(saved);
    if (multiply_transposed(IC_F64, z, u_transposed, joined, b, b, b) != 0 ||
        multiply_transposed(IC_F64, p, z, u_transposed, b, b, width) != 0) {
        return -1;
    }
    saved = ic_fpenv_enter();
    for (size_t i = 0; i < b; ++i) {
        work->own_p[i * width + i] += 1.0;
    }
    work->of.narrowed(p_at(work, k, k), work->p_row, work->own_p, b, width);
    ic_fpenv_leave(saved);
    return 0;
}

/* The rows below those of the block, which are zero in its columns: p + ((p U^T) N^T) U. */
static int apply_block(const orthogonal_job *work, size_t k, size_t b) {
    const size_t after = k + b, rows = work->n - after;
    const ptrdiff_t m = (ptrdiff_t)work->m, square = (ptrdiff_t)b;
    const ic_matrix w = {work->w, square, 1}, z = {work->z, square, 1};
    if (rows == 0) {
        return 0;
    }
    for (size_t i = after; i < work->n; ++i) {
        memset(p_at(work, i, k), 0, b * work->of.size);
    }
    if (multiply_transposed(work->dtype, w, (ic_matrix){p_at(work, after, after), work->p_row, 1},
                            (ic_matrix){reflector_at(work, k, after), m, 1}, rows, work->m - after,
                            b) != 0 ||
        multiply_transposed(work->dtype, z, w, (ic_matrix){work->joined, square, 1}, rows, b, b) !=
            0) {
        return -1;
    }
    const ic_dense_backward update = {.batch = rows,
                                      .n_in = work->m - k,
                                      .n_out = b,
                                      .dx = {p_at(work, after, k), work->p_row, 1},
                                      .dy = z,
                                      .w = {reflector_at(work, k, k), m, 1},
                                      .phi = {.name = IC_IDENTITY},
                                      .accumulate = 1};
    return ic_dense_backward_run(work->dtype, &update);
}

static void finish_task(void *context, size_t piece) {
    const orthogonal_job *const work = context;
    const size_t k = piece * PIECE_ROWS;
    const ptrdiff_t offset = (ptrdiff_t)k * work->out.row * (ptrdiff_t)work->of.size;
    const ic_matrix out = {(char *)work->out.data + offset, work->out.row, work->out.column};
    work->of.scaled_rows(&out, p_at(work, k, 0), work->p_row, work->factors + k * work->of.size,
                         least(PIECE_ROWS, work->n - k), work->m);
}

/* The next `bytes` of the memory that begins at *used. */
static void *orthogonal_part(size_t *used, char *memory, size_t bytes) {
    char *const found = memory == NULL ? NULL : memory + *used;
    *used += (bytes + LINE - 1) / LINE * LINE;
    return found;
}

/* Lays the parts of a job out in the memory; returns how much they take. */
static size_t lay_out(orthogonal_job *work, char *memory) {
    const size_t size = work->of.size, n = work->n, m = work->m;
    const size_t b = least(IC_REFLECTORS, n), square = b * b * sizeof(double);
    size_t used = 0;
    work->reflectors = orthogonal_part(&used, memory, n * m * size);
    work->tau = orthogonal_part(&used, memory, n * sizeof(double));
    work->factors = orthogonal_part(&used, memory, n * size);
    work->w = orthogonal_part(&used, memory, n * b * size);
    work->z = orthogonal_part(&used, memory, n * b * size);
    work->joined = orthogonal_part(&used, memory, b * b * size);
    work->own_u = orthogonal_part(&used, memory, b * m * sizeof(double));
    work->own_p = orthogonal_part(&used, memory, b * m * sizeof(double));
    work->own_s = orthogonal_part(&used, memory, square);
    work->own_joined = orthogonal_part(&used, memory, square);
    work->own_z = orthogonal_part(&used, memory, square);
    if (work->out.column == 1) {
        work->p = work->out.data;
        work->p_row = work->out.row;
    } else {
        work->p = orthogonal_part(&used, memory, n * m * size);
        work->p_row = (ptrdiff_t)m;
    }
    return used;
}

int ic_orthogonal(ic_dtype dtype, const ic_matrix *out, size_t rows, size_t columns, double gain,
                  const ic_stream *stream) {
    if (rows == 0 || columns == 0) {
        return 0;
    }
    const ic_kernels *const kernels = ic_kernels_in_use();
    const int wide = rows <= columns;
    orthogonal_job work = {.dtype = dtype,
                           .of = orthogonal_kernels_of(dtype, kernels),
                           .kernels = kernels,
                           .n = wide ? rows : columns,
                           .m = wide ? columns : rows,
                           .out = wide ? *out : (ic_matrix){out->data, out->column, out->row},
                           .gain = gain};
    char *const memory = aligned_alloc(LINE, lay_out(&work, NULL));
    if (memory == NULL) {
        return -1;
    }
    lay_out(&work, memory);

    const size_t pieces = (work.n + PIECE_ROWS - 1) / PIECE_ROWS;
    const int threads = work.n * work.m < SERIAL_BELOW ? 1 : ic_threads();
    draw_reflectors(&work, stream);
    ic_pool_for(pieces, reflect_task, &work, threads);
    int status = 0;
    for (size_t end = work.n; end > 0 && status == 0 && !ic_pool_stopped();) {
        const size_t k = (end - 1) / IC_REFLECTORS * IC_REFLECTORS, b = end - k;
        status = begin_block(&work, k, b);
        if (status == 0) {
            status = apply_block(&work, k, b);
        }
        end = k;
    }
    ic_pool_for(pieces, finish_task, &work, threads);
    free(memory);
    return status;
}
