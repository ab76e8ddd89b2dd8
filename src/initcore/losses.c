#include "initcore/losses.h"

#include "initcore/cut.h"
#include "initcore/dispatch.h"
#include "initcore/fpenv.h"
#include "initcore/workspace.h"

/* One of the four jobs, and where its blocks of rows leave their sums. */
typedef struct loss {
    const ic_kernels *of;
    ic_dtype dtype;
    const ic_matrix *d, *z, *t;
    const int64_t *labels;
    ptrdiff_t label_stride;
    const ic_cross_entropy *entropy;
    const ic_errors *errors;
    size_t rows, columns;
    double *parts; /* one for each block of rows */
} loss;

static size_t loss_rows_at(const loss *l, size_t row) {
    return least(IC_ROW_BLOCK, l->rows - row);
}

static void softmax_task(void *context, size_t index) {
    const loss *const l = context;
    const size_t row = index * IC_ROW_BLOCK;
    (l->dtype == IC_F32 ? l->of->softmax_cross_entropy_f32 : l->of->softmax_cross_entropy_f64)(
        &l->parts[index], l->d, l->z, l->labels, l->label_stride, row, loss_rows_at(l, row),
        l->columns, l->rows);
}

static void cross_entropy_task(void *context, size_t index) {
    const loss *const l = context;
    const size_t row = index * IC_ROW_BLOCK;
    (l->dtype == IC_F32 ? l->of->cross_entropy_f32 : l->of->cross_entropy_f64)(
        &l->parts[index], l->d, l->entropy, row, loss_rows_at(l, row));
}

static void squared_error_task(void *context, size_t index) {
    const loss *const l = context;
    const size_t row = index * IC_ROW_BLOCK;
    (l->dtype == IC_F32 ? l->of->mean_squared_error_f32 : l->of->mean_squared_error_f64)(
        &l->parts[index], l->d, l->z, l->t, row, loss_rows_at(l, row), l->columns,
        l->rows * l->columns);
}

static void errors_task(void *context, size_t index) {
    const loss *const l = context;
    const size_t row = index * IC_ROW_BLOCK;
    (l->dtype == IC_F32 ? l->of->errors_f32 : l->of->errors_f64)(&l->parts[index], l->d, l->errors,
                                                                 row, loss_rows_at(l, row));
}

/* The parts of all blocks of rows, added in order, the first assigned, over `count`. */
static int mean_of_parts(double *mean, loss *l, ic_task task, size_t count) {
    const size_t blocks = pieces_of(l->rows, IC_ROW_BLOCK);
    l->of = ic_kernels_in_use();
    l->parts = ic_workspace_take(blocks * sizeof(double));
    if (l->parts == NULL)
        return -1;
    ic_pool_for(blocks, task, l,
                threads_for((double)l->rows * (double)l->columns, ELEMENTS_PER_THREAD));
    const ic_fpenv saved = ic_fpenv_enter();
    double total = l->parts[0];
    for (size_t block = 1; block < blocks; block++)
        total += l->parts[block];
    *mean = total / (double)count;
    ic_fpenv_leave(saved);
    ic_workspace_release(l->parts);
    return 0;
}

int ic_softmax_cross_entropy(ic_dtype dtype, double *mean, const ic_matrix *d, const ic_matrix *z,
                             const int64_t *labels, ptrdiff_t label_stride, size_t batch,
                             size_t classes) {
    loss l = {.dtype = dtype,
              .d = d,
              .z = z,
              .labels = labels,
              .label_stride = label_stride,
              .rows = batch,
              .columns = classes};
    return mean_of_parts(mean, &l, softmax_task, batch);
}

int ic_cross_entropy_run(ic_dtype dtype, double *mean, const ic_matrix *d,
                         const ic_cross_entropy *job) {
    loss l = {.dtype = dtype, .d = d, .entropy = job, .rows = job->batch, .columns = job->columns};
    return mean_of_parts(mean, &l, cross_entropy_task, job->batch);
}

int ic_mean_squared_error(ic_dtype dtype, double *mean, const ic_matrix *d, const ic_matrix *y,
                          const ic_matrix *t, size_t rows, size_t columns) {
    loss l = {.dtype = dtype, .d = d, .z = y, .t = t, .rows = rows, .columns = columns};
    return mean_of_parts(mean, &l, squared_error_task, rows * columns);
}

int ic_errors_run(ic_dtype dtype, double *mean, const ic_matrix *d, const ic_errors *job,
                  size_t rows) {
    loss l = {.dtype = dtype, .d = d, .errors = job, .rows = rows, .columns = job->columns};
    return mean_of_parts(mean, &l, errors_task, job->count);
}
