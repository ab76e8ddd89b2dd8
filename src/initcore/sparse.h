/* Exactly k zeros in each column of a matrix: docs/stream-v1.md, sparse columns. */
#ifndef INITCORE_SPARSE_H
#define INITCORE_SPARSE_H

#include "initcore/base.h"
#include "initcore/stream.h"

enum { IC_SPARSE_MAX_DIMENSIONS = 64 };

/* A block of a matrix in memory. Its rows lie at data + j row_step (bytes) and have the index
 * first_row + j row_index; the other axes say which columns are there and where:
 *   address = row's address + sum_d j_d step[d]       column = first_column + sum_d j_d index[d] */
typedef struct ic_sparse_target {
    char *data;
    size_t item; /* bytes of an element */
    uint64_t rows, first_row;
    int64_t row_step, row_index;
    int dimensions;
    int64_t shape[IC_SPARSE_MAX_DIMENSIONS];
    int64_t step[IC_SPARSE_MAX_DIMENSIONS];
    int64_t index[IC_SPARSE_MAX_DIMENSIONS];
    uint64_t first_column;
} ic_sparse_target;

/* Sets to zero the elements whose place in the permutation of their column is below `zeros`. The
 * whole matrix has n rows, 0 < n < 2^31. */
void ic_zero_columns(const ic_sparse_target *target, uint32_t n, uint32_t zeros,
                     const ic_stream *stream);

#endif
