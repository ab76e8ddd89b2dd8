/* Softmax cross-entropy for one type: from labels, and from weighted or soft targets. */
#include "initcore/kernels/lanes.h"
#include "initcore/kernels/loss.h"
#include "initcore/vecmath.h"

IC_INLINE real TYPED(ic_log_of)(real x) {
    real one[LANES];
    V(store)(one, TYPED(ic_log)(V(set)(x)));
    return one[0];
}

/* The largest element of a row of unit stride; NaNs are passed over. */
IC_INLINE real TYPED(row_peak)(const real *z, size_t columns) {
    vreal peak = V(set)(-(real)INFINITY);
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t left = columns - j;
        const vreal v = left >= LANES
                            ? V(load)(z + j)
                            : TYPED(fill_behind)(V(load_n)(z + j, left), left, -(real)INFINITY);
        peak = V(max)(v, peak); /* a NaN is passed over here and reappears in the sum */
    }
    real lanes[LANES];
    V(store)(lanes, peak);
    real largest = lanes[0];
    for (int lane = 1; lane < LANES; lane++)
        largest = lanes[lane] > largest ? lanes[lane] : largest;
    return largest;
}

/* One row of softmax cross-entropy. z and d may be the same row; both have unit stride. */
static real TYPED(softmax_row)(real *d, const real *z, size_t columns, size_t label, real scale) {
    const real z_label = z[label];
    const real largest = TYPED(row_peak)(z, columns);
    const vreal shift = V(set)(largest);
    real sum = 0;
    for (size_t segment = 0; segment < columns; segment += IC_SUM_SEGMENT) {
        const size_t end = columns - segment < IC_SUM_SEGMENT ? columns : segment + IC_SUM_SEGMENT;
        vreal sums[SUM_VECTORS];
        for (int v = 0; v < SUM_VECTORS; v++)
            sums[v] = V(set)(0);
        for (size_t j = segment; j < end; j += IC_SUM_LANES)
            for (int v = 0; v < SUM_VECTORS; v++) {
                const size_t at = j + (size_t)v * LANES;
                if (at + LANES <= end) {
                    const vreal e = TYPED(ic_exp)(V(sub)(V(load)(z + at), shift));
                    V(store)(d + at, e);
                    sums[v] = V(add)(sums[v], e);
                } else if (at < end) {
                    const size_t n = end - at;
                    const vreal e = TYPED(ic_exp)(V(sub)(V(load_n)(z + at, n), shift));
                    V(store_n)(d + at, e, n);
                    sums[v] = V(add)(sums[v], TYPED(fill_behind)(e, n, 0));
                }
            }
        const real part = TYPED(sum_of_lanes)(sums);
        sum = segment == 0 ? part : sum + part;
    }

    const vreal sums = V(set)(sum), scales = V(set)(scale);
    const real at_label = (d[label] / sum - 1) * scale;
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t left = columns - j;
        if (left >= LANES)
            V(store)(d + j, V(mul)(V(div)(V(load)(d + j), sums), scales));
        else
            V(store_n)(d + j, V(mul)(V(div)(V(load_n)(d + j, left), sums), scales), left);
    }
    d[label] = at_label;
    return TYPED(ic_log_of)(sum) - (z_label - largest);
}

/* Rows `row` .. `row + rows` of d = (softmax(z) - onehot(labels)) / batch, unit column stride in
 * d; *loss = the sum of these rows' losses, as double, in row order from +0. */
void IC_FN(TYPED(softmax_cross_entropy))(double *loss, const ic_matrix *d, const ic_matrix *z,
                                         const int64_t *labels, ptrdiff_t label_stride, size_t row,
                                         size_t rows, size_t columns, size_t batch) {
    const real scale = (real)(1.0 / (double)batch);
    double total = 0;
    for (size_t r = row; r < row + rows; r++) {
        real *out = (real *)d->data + (ptrdiff_t)r * d->row;
        const real *in = (const real *)z->data + (ptrdiff_t)r * z->row;
        if (z->column != 1) {
            for (size_t j = 0; j < columns; j++)
                out[j] = in[(ptrdiff_t)j * z->column];
            in = out;
        }
        total += (double)TYPED(softmax_row)(out, in, columns,
                                            (size_t)labels[(ptrdiff_t)r * label_stride], scale);
    }
    *loss = total;
}

/* One row under the targets t (columns), and `peak` more at `label` where peak is not 0. z and d
 * may be the same row; all have unit stride. A target of 0 takes no part, whatever z is there. */
static real TYPED(targets_row)(real *d, const real *z, const real *t, size_t columns, size_t label,
                               real peak, real factor) {
    const real z_label = z[label];
    const real largest = TYPED(row_peak)(z, columns);
    const vreal shift = V(set)(largest), zero = V(set)(0);
    real sum = 0, weight = 0, cross = 0;
    for (size_t segment = 0; segment < columns; segment += IC_SUM_SEGMENT) {
        const size_t end = columns - segment < IC_SUM_SEGMENT ? columns : segment + IC_SUM_SEGMENT;
        vreal sums[SUM_VECTORS], weights[SUM_VECTORS], crosses[SUM_VECTORS];
        for (int v = 0; v < SUM_VECTORS; v++)
            sums[v] = weights[v] = crosses[v] = zero;
        for (size_t j = segment; j < end; j += IC_SUM_LANES)
            for (int v = 0; v < SUM_VECTORS; v++) {
                const size_t at = j + (size_t)v * LANES;
                if (at >= end)
                    continue;
                const size_t n = end - at < LANES ? end - at : LANES;
                const vreal targets = TYPED(load_part)(t + at, 1, n);
                const vreal shifted = V(sub)(TYPED(load_part)(z + at, 1, n), shift);
                const vreal e = TYPED(ic_exp)(shifted);
                const vreal with = V(fma)(targets, shifted, crosses[v]);
                TYPED(store_part)(d + at, e, n);
                sums[v] = V(add)(sums[v], n == LANES ? e : TYPED(fill_behind)(e, n, 0));
                weights[v] = V(add)(weights[v], targets);
                crosses[v] = V(select_le)(targets, zero, crosses[v], with);
            }
        const real part = TYPED(sum_of_lanes)(sums);
        const real weight_part = TYPED(sum_of_lanes)(weights);
        const real cross_part = TYPED(sum_of_lanes)(crosses);
        sum = segment == 0 ? part : sum + part;
        weight = segment == 0 ? weight_part : weight + weight_part;
        cross = segment == 0 ? cross_part : cross + cross_part;
    }
    if (peak != 0) {
        weight += peak;
        cross += peak * (z_label - largest);
    }

    const vreal sums = V(set)(sum), weights = V(set)(weight), factors = V(set)(factor);
    const real at_label = (d[label] / sum * weight - (t[label] + peak)) * factor;
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t n = columns - j < LANES ? columns - j : LANES;
        const vreal p = V(div)(TYPED(load_part)(d + j, 1, n), sums);
        const vreal dz = V(sub)(V(mul)(p, weights), TYPED(load_part)(t + j, 1, n));
        TYPED(store_part)(d + j, V(mul)(dz, factors), n);
    }
    if (peak != 0)
        d[label] = at_label;
    return weight * TYPED(ic_log_of)(sum) - cross;
}

/* Rows `row` .. `row + rows` of d = (T softmax(z) - targets) w / batch, T the sum of the row's
 * targets, unit column stride in d; *loss = the sum of these rows' weighted losses, as double, in
 * row order from +0. d may be z, and nothing else. */
void IC_FN(TYPED(cross_entropy))(double *loss, const ic_matrix *d, const ic_cross_entropy *job,
                                 size_t row, size_t rows) {
    const double scale = 1.0 / (double)job->batch;
    const real *const peaks = job->peaks, *const weights = job->weights;
    double total = 0;
    for (size_t r = row; r < row + rows; r++) {
        real *out = (real *)d->data + (ptrdiff_t)r * d->row;
        const real *in = (const real *)job->z.data + (ptrdiff_t)r * job->z.row;
        const real *t = (const real *)job->t.data + (ptrdiff_t)r * job->t.row;
        if (job->z.column != 1) {
            for (size_t j = 0; j < job->columns; j++)
                out[j] = in[(ptrdiff_t)j * job->z.column];
            in = out;
        }
        const size_t label =
            job->labels == NULL ? 0 : (size_t)job->labels[(ptrdiff_t)r * job->label_stride];
        const real peak = job->labels == NULL ? 0 : peaks[label];
        const real weight = weights == NULL ? 1 : weights[(ptrdiff_t)r * job->weight_stride];
        const real value =
            TYPED(targets_row)(out, in, t, job->columns, label, peak, weight * (real)scale);
        total += (double)weight * (double)value;
    }
    *loss = total;
}
