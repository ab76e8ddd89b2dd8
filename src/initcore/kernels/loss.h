/* The types that the loss kernels share with their driver. All strides count elements. */
#ifndef INITCORE_KERNELS_LOSS_H
#define INITCORE_KERNELS_LOSS_H

#include "initcore/kernels/dense.h"

/* Softmax cross-entropy under targets that need not sum to one.
 * The target of row i is t[i], and, with labels, peaks[label] more at the label's class. */
typedef struct ic_cross_entropy {
    ic_matrix z, t; /* (batch, columns); t has unit column stride; row stride 0: one row for all */
    const int64_t *labels; /* NULL: none */
    ptrdiff_t label_stride;
    const void *peaks;   /* (columns); read with labels */
    const void *weights; /* (batch): of the samples; NULL: all 1 */
    ptrdiff_t weight_stride;
    size_t columns, batch;
} ic_cross_entropy;

/* Losses that are a sum over elements. */
typedef enum ic_error {
    IC_SQUARED,  /* (y - t)^2 */
    IC_ABSOLUTE, /* |y - t| */
    IC_HUBER,    /* c (|y - t| - c / 2), c = min(|y - t|, a) */
    IC_BINARY,   /* a t softplus(-y) + b (1 - t) softplus(y) */
} ic_error;

typedef struct ic_errors {
    ic_error name;
    double a, b;
    ic_matrix y, t;      /* (rows, columns) */
    const void *weights; /* (rows): of the samples; NULL: all 1 */
    ptrdiff_t weight_stride;
    size_t columns, count; /* count: elements that the mean is over */
} ic_errors;

#endif
