/* What the kernels of layers other than dense read and write. */
#ifndef INITCORE_KERNELS_LAYER_H
#define INITCORE_KERNELS_LAYER_H

#include <stddef.h>
#include <stdint.h>

#include "initcore/kernels/dense.h"

/* One call of a layer over arrays (rows, n) in C order; each kernel says which of these it uses.
 * All kernels take a job and which rows, columns or elements of it are theirs. */
typedef struct ic_layer {
    void *y;             /* result: y, or dx */
    void *normal;        /* (rows, n): what is kept for backward, or a second operand */
    void *inverse;       /* (rows) or (n): 1 / deviation, or another factor */
    const void *x;       /* (rows, n): x, or dy */
    const void *w, *b;   /* (n); NULL: none */
    const void *mean;    /* (n) */
    const void *product; /* (n) */
    const uint8_t *mask;
    const int64_t *index; /* (rows) */
    size_t rows, n, words;
    double number; /* epsilon, or a factor */
    int centered, unbiased;
    ic_phi phi;
} ic_layer;

#endif
