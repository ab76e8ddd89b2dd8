/* Squared, absolute, Huber and binary cross-entropy losses for one type. */
#include "initcore/kernels/lanes.h"
#include "initcore/kernels/loss.h"
#include "initcore/vecmath.h"

/* log(1 + e) for 0 <= e <= 1, with all digits where e is small: u = 1 + e has lost some of e,
 * which is given back by the derivative. */
IC_INLINE vreal TYPED(log1p_of)(vreal e) {
    const vreal one = V(set)(1), u = V(add)(one, e);
    return V(add)(TYPED(ic_log)(u), V(div)(V(sub)(e, V(sub)(u, one)), u));
}

/* The lane with the loss of one vector added to it; *g is the gradient, but for the scale. */
IC_INLINE vreal TYPED(error_of)(const ic_error name, vreal y, vreal t, vreal a, vreal b, vreal lane,
                                vreal *g) {
    const vreal zero = V(set)(0), one = V(set)(1), half = V(set)((real)0.5);
    const vreal difference = V(sub)(y, t);
    switch (name) {
    case IC_SQUARED:
        *g = difference;
        return V(fma)(difference, difference, lane);
    case IC_ABSOLUTE: {
        const vreal below = V(select_lt)(difference, zero, V(set)(-1), difference);
        *g = V(select_lt)(zero, difference, one, below);
        return V(add)(lane, V(abs)(difference));
    }
    case IC_HUBER: {
        const vreal size = V(abs)(difference);
        const vreal c = V(select_lt)(a, size, a, size);
        *g = V(with_sign)(c, difference);
        return V(fma)(c, V(sub)(size, V(mul)(half, c)), lane);
    }
    case IC_BINARY:
        break;
    }
    const vreal e = TYPED(ic_exp)(V(sub)(zero, V(abs)(y)));
    const vreal rest = TYPED(log1p_of)(e);
    const vreal yes = V(mul)(a, t), no = V(mul)(b, V(sub)(one, t));
    const vreal plus = V(max)(y, zero), minus = V(max)(V(sub)(zero, y), zero);
    const vreal loss_yes = V(mul)(yes, V(add)(rest, minus));
    const vreal loss_no = V(mul)(no, V(add)(rest, plus));
    const vreal up = V(select_lt)(y, zero, e, one), down = V(select_lt)(y, zero, one, e);
    *g = V(div)(V(sub)(V(mul)(no, up), V(mul)(yes, down)), V(add)(one, e));
    /* a part of weight 0 takes no part, even where the other side is infinite */
    lane = V(add)(lane, V(select_le)(yes, zero, zero, loss_yes));
    return V(add)(lane, V(select_le)(no, zero, zero, loss_no));
}

IC_INLINE real TYPED(error_row)(const ic_error name, real *d, const real *y, ptrdiff_t y_column,
                                const real *t, ptrdiff_t t_column, size_t columns, vreal a, vreal b,
                                vreal factor) {
    real sum = 0;
    for (size_t segment = 0; segment < columns; segment += IC_SUM_SEGMENT) {
        const size_t end = columns - segment < IC_SUM_SEGMENT ? columns : segment + IC_SUM_SEGMENT;
        vreal sums[SUM_VECTORS];
        for (int v = 0; v < SUM_VECTORS; v++)
            sums[v] = V(set)(0);
        for (size_t j = segment; j < end; j += IC_SUM_LANES)
            for (int v = 0; v < SUM_VECTORS; v++) {
                const size_t at = j + (size_t)v * LANES;
                if (at >= end)
                    continue;
                const size_t n = end - at < LANES ? end - at : LANES;
                const vreal ys = TYPED(load_part)(y + (ptrdiff_t)at * y_column, y_column, n);
                const vreal ts = TYPED(load_part)(t + (ptrdiff_t)at * t_column, t_column, n);
                vreal g;
                const vreal lane = TYPED(error_of)(name, ys, ts, a, b, sums[v], &g);
                /* what stands behind the end must not enter a lane */
                sums[v] = n == LANES ? lane : TYPED(keep_behind)(lane, n, sums[v]);
                TYPED(store_part)(d + at, V(mul)(g, factor), n);
            }
        const real part = TYPED(sum_of_lanes)(sums);
        sum = segment == 0 ? part : sum + part;
    }
    return sum;
}

IC_INLINE void TYPED(errors_with)(const ic_error name, double *loss, const ic_matrix *d,
                                  const ic_errors *job, size_t row, size_t rows) {
    const real *const weights = job->weights;
    const real scale = (real)((name == IC_SQUARED ? 2.0 : 1.0) / (double)job->count);
    const vreal a = V(set)((real)job->a), b = V(set)((real)job->b);
    double total = 0;
    for (size_t r = row; r < row + rows; r++) {
        const real weight = weights == NULL ? 1 : weights[(ptrdiff_t)r * job->weight_stride];
        const real value =
            TYPED(error_row)(name, (real *)d->data + (ptrdiff_t)r * d->row,
                             (const real *)job->y.data + (ptrdiff_t)r * job->y.row, job->y.column,
                             (const real *)job->t.data + (ptrdiff_t)r * job->t.row, job->t.column,
                             job->columns, a, b, V(set)(weight * scale));
        total += (double)weight * (double)value;
    }
    *loss = total;
}

/* Rows `row` .. `row + rows` of d = the gradient of the mean loss, unit column stride in d;
 * *loss = the sum of these rows' weighted losses, as double, in row order from +0. d may be y or
 * t. */
void IC_FN(TYPED(errors))(double *loss, const ic_matrix *d, const ic_errors *job, size_t row,
                          size_t rows) {
    switch (job->name) {
    case IC_SQUARED:
        TYPED(errors_with)(IC_SQUARED, loss, d, job, row, rows);
        return;
    case IC_ABSOLUTE:
        TYPED(errors_with)(IC_ABSOLUTE, loss, d, job, row, rows);
        return;
    case IC_HUBER:
        TYPED(errors_with)(IC_HUBER, loss, d, job, row, rows);
        return;
    case IC_BINARY:
        TYPED(errors_with)(IC_BINARY, loss, d, job, row, rows);
        return;
    }
}

/* Rows `row` .. `row + rows` of d = 2 (y - t) / count, and the sum of their squares. */
void IC_FN(TYPED(mean_squared_error))(double *loss, const ic_matrix *d, const ic_matrix *y,
                                      const ic_matrix *t, size_t row, size_t rows, size_t columns,
                                      size_t count) {
    const ic_errors job = {
        .name = IC_SQUARED, .y = *y, .t = *t, .columns = columns, .count = count};
    TYPED(errors_with)(IC_SQUARED, loss, d, &job, row, rows);
}
