/* Cuts a matrix into groups of columns, and long columns into runs of rows, for the threads. */
#include "initcore/sparse.h"

#include <string.h>

#include "initcore/dispatch.h"
#include "initcore/pool.h"

enum {
    GROUP = IC_PERMUTATION_COLUMNS,
    BATCH = 16, /* rows whose places are found before any is written, where memory is strided */
    PIECE_ROWS = 512,     /* of a piece: so many that a column's keys cost little beside them */
    SERIAL_BELOW = 16384, /* fewer elements are not worth waking a thread */
};

typedef struct sparse_job {
    const ic_sparse_target *target;
    const ic_kernels *kernels;
    const ic_stream *stream;
    uint32_t n, zeros;
    uint64_t columns;
    uint64_t runs; /* of rows */
} sparse_job;

/* Rows j < rows of each column, at[lane] + offset + j step. */
static void zero_strided(char *const *at, ptrdiff_t offset, ptrdiff_t step,
                         uint32_t places[BATCH][GROUP], size_t rows, uint32_t zeros, size_t count,
                         size_t item) {
    for (size_t lane = 0; lane < count; ++lane) {
        for (size_t j = 0; j < rows; ++j) {
            if (places[j][lane] < zeros) {
                memset(at[lane] + offset + (ptrdiff_t)j * step, 0,
                       item == 8   ? 8
                       : item == 4 ? 4
                                   : 2);
            }
        }
    }
}

/* One row of columns that lie side by side, without a branch for each. */
static void zero_row_f32(float *out, const uint32_t *places, uint32_t zeros, size_t count) {
    for (size_t lane = 0; lane < count; ++lane) {
        out[lane] = places[lane] < zeros ? 0.0f : out[lane];
    }
}

static void zero_piece(void *context, size_t piece) {
    const sparse_job *const work = context;
    const ic_sparse_target *const target = work->target;
    const uint64_t first = piece / work->runs * GROUP;
    const size_t count = (size_t)(work->columns - first < GROUP ? work->columns - first : GROUP);
    char *at[GROUP];
    uint64_t column[GROUP] = {0};
    /* floats that lie beside each other, each at a multiple of its size */
    int side_by_side = target->item == sizeof(float) &&
                       ((uintptr_t)target->data | (uintptr_t)target->row_step) % sizeof(float) == 0;
    for (size_t lane = 0; lane < count; ++lane) {
        uint64_t rest = first + lane;
        at[lane] = target->data;
        column[lane] = target->first_column;
        for (int d = target->dimensions - 1; d >= 0; --d) {
            const int64_t j = (int64_t)(rest % (uint64_t)target->shape[d]);
            rest /= (uint64_t)target->shape[d];
            at[lane] += j * target->step[d];
            column[lane] += (uint64_t)j * (uint64_t)target->index[d];
        }
        side_by_side &= at[lane] == at[0] + lane * sizeof(float);
    }
    ic_permutation_keys keys;
    uint32_t places[BATCH][GROUP];
    work->kernels->permutation_keys(&keys, column, work->n, work->stream);
    uint64_t j = piece % work->runs * PIECE_ROWS;
    const uint64_t end = target->rows - j < PIECE_ROWS ? target->rows : j + PIECE_ROWS;
    while (j < end) {
        const size_t rows = (size_t)(end - j < BATCH ? end - j : BATCH);
        const ptrdiff_t offset = (ptrdiff_t)j * target->row_step;
        for (size_t i = 0; i < rows; ++i, ++j) {
            const uint64_t row = target->first_row + j * (uint64_t)target->row_index;
            work->kernels->permutation_places(places[i], &keys, (uint32_t)row, work->n);
        }
        if (side_by_side) {
            for (size_t i = 0; i < rows; ++i) {
                char *const to = at[0] + offset + (ptrdiff_t)i * target->row_step;
                zero_row_f32((float *)(void *)to, places[i], work->zeros, count);
            }
        } else {
            zero_strided(at, offset, target->row_step, places, rows, work->zeros, count,
                         target->item);
        }
    }
}

void ic_zero_columns(const ic_sparse_target *target, uint32_t n, uint32_t zeros,
                     const ic_stream *stream) {
    sparse_job work = {.target = target,
                       .kernels = ic_kernels_in_use(),
                       .stream = stream,
                       .n = n,
                       .zeros = zeros,
                       .columns = 1,
                       .runs = (target->rows + PIECE_ROWS - 1) / PIECE_ROWS};
    for (int d = 0; d < target->dimensions; ++d) {
        work.columns *= (uint64_t)target->shape[d];
    }
    const uint64_t groups = (work.columns + GROUP - 1) / GROUP;
    const int threads = target->rows * work.columns < SERIAL_BELOW ? 1 : ic_threads();
    ic_pool_for((size_t)(groups * work.runs), zero_piece, &work, threads);
}
