/* Losses over whole arrays: docs/compute-v1.md. What calls these has checked shapes, types, labels
 * and aliasing. All return 0, or -1 when there is no memory for the workspace. */
#ifndef INITCORE_LOSSES_H
#define INITCORE_LOSSES_H

#include "initcore/dense.h"

/* *loss = mean over the rows of -log softmax(z)[label]; d = its gradient, unit column stride. */
int ic_softmax_cross_entropy(ic_dtype dtype, double *loss, const ic_matrix *d, const ic_matrix *z,
                             const int64_t *labels, ptrdiff_t label_stride, size_t batch,
                             size_t classes);
/* The same for soft, smoothed and weighted targets. */
int ic_cross_entropy_run(ic_dtype dtype, double *loss, const ic_matrix *d,
                         const ic_cross_entropy *job);
/* *loss = mean over all elements of (y - t)^2; d = its gradient, unit column stride. */
int ic_mean_squared_error(ic_dtype dtype, double *loss, const ic_matrix *d, const ic_matrix *y,
                          const ic_matrix *t, size_t rows, size_t columns);
/* *loss = mean over all elements of one of the errors, weighted by row; d = its gradient. */
int ic_errors_run(ic_dtype dtype, double *loss, const ic_matrix *d, const ic_errors *job,
                  size_t rows);

#endif
