/* Transposes of small arrays, which fills write from the cache into the order of another layout. */
#ifndef INITCORE_TRANSPOSE_H
#define INITCORE_TRANSPOSE_H

#include <string.h>

#include "initcore/base.h"

typedef uint32_t ic_four __attribute__((vector_size(16)));

static inline ic_four ic_four_load(const char *from) {
    ic_four x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void ic_four_store(char *to, ic_four x) {
    memcpy(to, &x, sizeof x);
}

/* The 4 x 4 words at `from` become those at `to`; rows lie so many bytes apart. */
static inline void ic_transpose_four(char *to, int64_t to_row, const char *from, int64_t from_row) {
    const ic_four a = ic_four_load(from), b = ic_four_load(from + from_row);
    const ic_four c = ic_four_load(from + 2 * from_row), d = ic_four_load(from + 3 * from_row);
    const ic_four ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    const ic_four ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const ic_four bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    const ic_four bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    ic_four_store(to, __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5));
    ic_four_store(to + to_row, __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7));
    ic_four_store(to + 2 * to_row, __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5));
    ic_four_store(to + 3 * to_row, __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7));
}

/* to[j][i] = from[i][j] for i < rows, j < columns. Elements of a row are `item` bytes wide and
 * lie side by side; rows lie to_row or from_row bytes apart. */
static inline void ic_transpose(char *to, int64_t to_row, const char *from, int64_t from_row,
                                size_t rows, size_t columns, size_t item) {
    const size_t even_rows = item == 4 ? rows / 4 * 4 : 0;
    const size_t even_columns = item == 4 ? columns / 4 * 4 : 0;
    for (size_t j = 0; j < even_columns; j += 4) {
        for (size_t i = 0; i < even_rows; i += 4) {
            ic_transpose_four(to + (int64_t)j * to_row + 4 * (int64_t)i, to_row,
                              from + (int64_t)i * from_row + 4 * (int64_t)j, from_row);
        }
    }
    for (size_t j = 0; j < columns; ++j) {
        for (size_t i = j < even_columns ? even_rows : 0; i < rows; ++i) {
            memcpy(to + (int64_t)j * to_row + (int64_t)(i * item),
                   from + (int64_t)i * from_row + (int64_t)(j * item),
                   item == 8   ? 8
                   : item == 4 ? 4
                   : item == 2 ? 2
                               : 1);
        }
    }
}

#endif
