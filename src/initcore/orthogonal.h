/* Haar-distributed orthogonal matrices: docs/stream-v1.md, orthogonal matrices. */
#ifndef INITCORE_ORTHOGONAL_H
#define INITCORE_ORTHOGONAL_H

#include "initcore/dense.h"
#include "initcore/stream.h"

/* out (rows, columns), any strides: gain times a matrix with orthonormal rows, or orthonormal
 * columns where there are fewer of these. Returns 0, or -1 when there is no memory. */
int ic_orthogonal(ic_dtype dtype, const ic_matrix *out, size_t rows, size_t columns, double gain,
                  const ic_stream *stream);

#endif
