/* Optimizer steps over whole arrays, all contiguous: docs/compute-v1.md. */
#ifndef INITCORE_OPTIMIZERS_H
#define INITCORE_OPTIMIZERS_H

#include "initcore/dense.h"

/* One step of the n parameters p from their gradient g; kernels/step_body.h says which rule keeps
 * what in `first` and `second`. */
void ic_step_run(ic_dtype dtype, void *p, const void *g, void *first, void *second, size_t n,
                 const ic_step *step);

/* *sum = the sum of x^2 in double: segments of IC_SUM_SEGMENT elements, added in order. Returns
 * 0, or -1 when there is no memory for the workspace. */
int ic_sum_of_squares(ic_dtype dtype, double *sum, const void *x, size_t n);

#endif
