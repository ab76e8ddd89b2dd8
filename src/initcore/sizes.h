/* Numbers of elements, compared. */
#ifndef INITCORE_SIZES_H
#define INITCORE_SIZES_H

#include <stddef.h>

static inline size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

#endif
