#include "initcore/moments.h"

#include <math.h>

#include "initcore/cut.h"
#include "initcore/dispatch.h"

/* On one thread, which needs no memory for parts: reading once is little beside a step's products.
 */
ic_moments ic_moments_of(ic_dtype dtype, const void *x, const void *from, size_t n) {
    const ic_kernels *const k = ic_kernels_in_use();
    const size_t size = ic_size_of(dtype);
    const char *const of_x = x, *const of_from = from;
    double sum = 0, squares = 0;
    for (size_t at = 0; at < n; at += IC_SUM_SEGMENT) {
        double part[2];
        (dtype == IC_F32 ? k->moments_f32 : k->moments_f64)(
            part, of_x + at * size, from == NULL ? NULL : of_from + at * size,
            least(IC_SUM_SEGMENT, n - at));
        sum += part[0];
        squares += part[1];
    }
    return (ic_moments){sum / (double)n, sqrt(squares / (double)n)};
}

double ic_zero_columns_share(ic_dtype dtype, const void *y, size_t rows, size_t columns) {
    const ic_kernels *const k = ic_kernels_in_use();
    size_t zeros;
    (dtype == IC_F32 ? k->zero_columns_f32 : k->zero_columns_f64)(&zeros, y, rows, columns);
    return (double)zeros / (double)columns;
}

double ic_share_beyond(ic_dtype dtype, const void *x, size_t n, double low, double high) {
    const ic_kernels *const k = ic_kernels_in_use();
    size_t outside;
    (dtype == IC_F32 ? k->beyond_f32 : k->beyond_f64)(&outside, x, n, low, high);
    return (double)outside / (double)n;
}
