/* Permutations of the rows of a matrix, one for each column: docs/stream-v1.md, sparse columns. */
#ifndef INITCORE_KERNELS_PERMUTATION_H
#define INITCORE_KERNELS_PERMUTATION_H

#include <stdint.h>

enum {
    IC_PERMUTATION_ROUNDS = 24,  /* part of stream v1 */
    IC_PERMUTATION_COLUMNS = 64, /* columns that are worked on at once */
};

/* What each round of a column's permutation needs: x is paired with sum - x, and the pair whose
 * larger member is y is exchanged if bit 31 of factor * y + offset is set. */
typedef struct ic_permutation_keys {
    uint32_t sum[IC_PERMUTATION_ROUNDS][IC_PERMUTATION_COLUMNS];
    uint32_t factor[IC_PERMUTATION_ROUNDS][IC_PERMUTATION_COLUMNS];
    uint32_t offset[IC_PERMUTATION_ROUNDS][IC_PERMUTATION_COLUMNS];
} ic_permutation_keys;

#endif
