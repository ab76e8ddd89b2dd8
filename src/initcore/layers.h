/* Layers other than dense over whole arrays: docs/compute-v1.md. */
#ifndef INITCORE_LAYERS_H
#define INITCORE_LAYERS_H

#include "initcore/dense.h"

typedef enum ic_layer_kernel {
    IC_ACTIVATE,
    IC_ACTIVATE_BACKWARD,
    IC_MASKED,
    IC_ADDED,
    IC_SCALED_COLUMNS,
    IC_COLUMN_PRODUCTS,
    IC_COLUMN_MEANS,
    IC_INVERSE_ROOTS,
    IC_RUNNING,
    IC_NORM_ROWS,
    IC_NORM_ROWS_BACKWARD,
    IC_NORM_COLUMNS,
    IC_NORM_COLUMNS_BACKWARD,
    IC_LOOKED_UP,
    IC_SCATTERED,
    IC_LAYER_KERNELS
} ic_layer_kernel;

/* Runs a kernel over the whole job; what it reads and writes stands above the kernel. */
void ic_layer_run(ic_dtype dtype, ic_layer_kernel which, const ic_layer *job);

#endif
