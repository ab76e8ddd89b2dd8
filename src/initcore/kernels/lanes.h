/* Sums along a row, for one type: IC_SUM_LANES lanes, whatever the vector's length.
 *
 * Element j of a segment of IC_SUM_SEGMENT columns goes to lane j mod IC_SUM_LANES, in order from
 * +0; the lanes are added in halves (l and l + 8, then l + 4, l + 2, l + 1); the sums of the
 * segments are added in order, the first assigned. Included once for each type. */
#include "initcore/kernels/dense.h"
#include "initcore/simd.h"
#include "initcore/typed.h"

#undef SUM_VECTORS
#define SUM_VECTORS (IC_SUM_LANES / LANES)

IC_INLINE real TYPED(sum_of_lanes)(const vreal *sums) {
    real lanes[IC_SUM_LANES];
    for (int v = 0; v < SUM_VECTORS; v++)
        V(store)(lanes + v * LANES, sums[v]);
    for (int half = IC_SUM_LANES / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; lane++)
            lanes[lane] += lanes[lane + half];
    return lanes[0];
}

/* Where lanes `have` and on of v are those of `old`. */
IC_INLINE vreal TYPED(keep_behind)(vreal v, size_t have, vreal old) {
    static const real numbers[IC_SUM_LANES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                               8, 9, 10, 11, 12, 13, 14, 15};
    return V(select_lt)(V(load)(numbers), V(set)((real)have), v, old);
}

/* Where they are replaced by `other`; v was loaded with load_n. */
IC_INLINE vreal TYPED(fill_behind)(vreal v, size_t have, real other) {
    return TYPED(keep_behind)(v, have, V(set)(other));
}

/* How many lanes of a vector have one of the `left` elements. */
IC_INLINE size_t TYPED(lanes_of)(size_t left) {
    return left < LANES ? left : LANES;
}

/* The first n <= LANES elements of a row, `stride` apart, zeros behind. */
IC_INLINE vreal TYPED(load_part)(const real *p, ptrdiff_t stride, size_t n) {
    if (stride == 1)
        return n == LANES ? V(load)(p) : V(load_n)(p, n);
    real lanes[LANES] = {0};
    for (size_t lane = 0; lane < n; lane++)
        lanes[lane] = p[(ptrdiff_t)lane * stride];
    return V(load)(lanes);
}

IC_INLINE void TYPED(store_part)(real *p, vreal v, size_t n) {
    if (n == LANES)
        V(store)(p, v);
    else
        V(store_n)(p, v, n);
}
