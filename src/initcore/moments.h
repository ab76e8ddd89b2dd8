/* What a probe of training records of an array. All arrays are contiguous. */
#ifndef INITCORE_MOMENTS_H
#define INITCORE_MOMENTS_H

#include "initcore/map.h"

/* The mean of d and the root of the mean of d^2 over n > 0 elements, d = x - from, or x where from
 * is NULL; in double: segments of IC_SUM_SEGMENT elements, added in order. */
typedef struct ic_moments {
    double mean, rms;
} ic_moments;
ic_moments ic_moments_of(ic_dtype dtype, const void *x, const void *from, size_t n);

/* Share of the columns of y (rows, columns) that are 0 in every row. */
double ic_zero_columns_share(ic_dtype dtype, const void *y, size_t rows, size_t columns);

/* Share of n elements that lie below `low` or above `high`, which are rounded to the type. */
double ic_share_beyond(ic_dtype dtype, const void *x, size_t n, double low, double high);

#endif
