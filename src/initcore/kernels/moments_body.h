/* Moments and counts of an array, for one type. */
#include "initcore/kernels/dense.h"
#include "initcore/simd.h"
#include "initcore/typed.h"

/* d and d^2, each rounded, are added to the lane of their element. */
IC_INLINE void TYPED(add_moments)(double *sums, double *squares, const real *x, const real *from,
                                  const int difference, size_t n) {
    for (size_t lane = 0; lane < n; lane++) {
        const double d = (double)x[lane] - (difference ? (double)from[lane] : 0.0);
        sums[lane] += d;
        squares[lane] += d * d;
    }
}

IC_INLINE void TYPED(moments_of)(double *out, const real *x, const real *from, const int difference,
                                 size_t n) {
    double sums[IC_SUM_LANES] = {0}, squares[IC_SUM_LANES] = {0};
    size_t i = 0;
    for (; i + IC_SUM_LANES <= n; i += IC_SUM_LANES)
        TYPED(add_moments)(sums, squares, x + i, from + i, difference, IC_SUM_LANES);
    TYPED(add_moments)(sums, squares, x + i, from + i, difference, n - i);
    for (size_t half = IC_SUM_LANES / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++) {
            sums[lane] += sums[lane + half];
            squares[lane] += squares[lane + half];
        }
    out[0] = sums[0];
    out[1] = squares[0];
}

/* out = the sums of d and of d^2 over one segment, n <= IC_SUM_SEGMENT, in double; d = x - from, or
 * x where from is NULL. Lane i mod IC_SUM_LANES takes element i in order; then the lanes in halves.
 */
void IC_FN(TYPED(moments))(double *out, const void *x, const void *from, size_t n) {
    if (from == NULL)
        TYPED(moments_of)(out, x, x, 0, n);
    else
        TYPED(moments_of)(out, x, from, 1, n);
}

/* *zeros = how many columns of y (rows, columns), contiguous, are 0 in every row. */
void IC_FN(TYPED(zero_columns))(size_t *zeros, const void *y_, size_t rows, size_t columns) {
    enum { BLOCK = 64 };
    size_t found = 0;
    for (size_t first = 0; first < columns; first += BLOCK) {
        const size_t n = columns - first < BLOCK ? columns - first : BLOCK;
        const real *y = (const real *)y_ + first;
        uint32_t other[BLOCK] = {0};
        for (size_t row = 0; row < rows; row++, y += columns)
            for (size_t j = 0; j < n; j++)
                other[j] |= y[j] != 0;
        for (size_t j = 0; j < n; j++)
            found += !other[j];
    }
    *zeros = found;
}

/* *outside = how many of n elements lie below `low` or above `high`. */
void IC_FN(TYPED(beyond))(size_t *outside, const void *x_, size_t n, double low, double high) {
    const real *const x = x_, below = (real)low, above = (real)high;
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += (x[i] < below) | (x[i] > above);
    *outside = found;
}
