/* Dense layers and the step of gradient descent over whole arrays: docs/compute-v1.md.
 *
 * What calls these has checked shapes, types and aliasing. They cut the output into pieces,
 * hand the pieces to the pool, and find workspace for packing. Bytes do not depend on the pieces,
 * because a piece is never a part of a sum. */
#ifndef INITCORE_DENSE_H
#define INITCORE_DENSE_H

#include "initcore/map.h"

/* The functions below return 0, or -1 when there is no memory for the workspace. */

/* z (batch, n_out) = x (batch, n_in) w^T + b, w (n_out, n_in); y = phi(z). y and z have unit column
 * stride; z is kept only where its data is not NULL, and read by backward where it needs z. */
typedef struct ic_dense_forward {
    size_t batch, n_in, n_out;
    ic_matrix y, z, x, w;
    const void *b; /* NULL: none */
    ptrdiff_t b_stride;
    ic_phi phi;
} ic_dense_forward;
int ic_dense_forward_run(ic_dtype dtype, const ic_dense_forward *layer);

/* dz = phi'(z) dy from what was saved; dx = dz w, dw = dz^T x, db = column sums of dz; NULL data:
 * not wanted.
 * dx and dw have unit column stride. accumulate: what they hold is the first term of each sum. */
typedef struct ic_dense_backward {
    size_t batch, n_in, n_out;
    ic_matrix dx, dw;
    void *db;
    ptrdiff_t db_stride;
    ic_matrix dy, x, w, saved;
    ic_phi phi;
    int accumulate;
} ic_dense_backward;
int ic_dense_backward_run(ic_dtype dtype, const ic_dense_backward *layer);

/* v = momentum v + g; p = p - lr v; without v (NULL data): p = p - lr g. */
void ic_sgd(ic_dtype dtype, const ic_matrix *p, const ic_matrix *g, const ic_matrix *v, size_t rows,
            size_t columns, double lr, double momentum);

/* Multiplications and additions of fma_chains in so many steps, on this thread. */
double ic_fma_chains(ic_dtype dtype, size_t steps);

#endif
