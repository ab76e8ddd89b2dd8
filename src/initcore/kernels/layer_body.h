/* Activation, dropout, sum, scale, lookup and batch normalization for one type.
 *
 * What a kernel writes overlaps nothing that it reads but the same element of x. */
#include "initcore/kernels/lanes.h"
#include "initcore/kernels/layer.h"

#define PART(pointer, at) TYPED(load_part)((const real *)(pointer) + (at), 1, count)

/* y = phi(x), elements first .. first + n; y may be x */
void IC_FN(TYPED(activate))(const ic_layer *job, size_t first, size_t n) {
    const ic_matrix x = {(real *)job->x + first, (ptrdiff_t)n, 1};
    IC_FN(TYPED(activation_forward))((real *)job->y + first, (ptrdiff_t)n, &x, 0, 1, n, &job->phi);
}

/* y = dx = phi'(z) x from x = dy and normal = what was saved, phi(z) or z; elements */
void IC_FN(TYPED(activate_backward))(const ic_layer *job, size_t first, size_t n) {
    const ic_matrix dy = {(real *)job->x + first, (ptrdiff_t)n, 1};
    const ic_matrix saved = {(real *)job->normal + first, (ptrdiff_t)n, 1};
    IC_FN(TYPED(activation_backward))((real *)job->y + first, (ptrdiff_t)n, &dy, &saved, 0, 1, n,
                                      &job->phi);
}

/* y = x * number where the mask is 1, +0 elsewhere, whatever x is there; elements */
void IC_FN(TYPED(masked))(const ic_layer *job, size_t first, size_t n) {
    const real *const x = job->x, factor = (real)job->number;
    real *const y = job->y;
    for (size_t i = first; i < first + n; i++)
        y[i] = job->mask[i] ? x[i] * factor : 0;
}

/* y = x + normal, elements */
void IC_FN(TYPED(added))(const ic_layer *job, size_t first, size_t n) {
    real *const y = job->y;
    for (size_t at = first; at < first + n; at += LANES) {
        const size_t count = TYPED(lanes_of)(first + n - at);
        TYPED(store_part)(y + at, V(add)(PART(job->x, at), PART(job->normal, at)), count);
    }
}

/* y[i, j] = x[i, j] * w[j], rows */
void IC_FN(TYPED(scaled_columns))(const ic_layer *job, size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; row++) {
        real *const y = (real *)job->y + row * job->n;
        const real *const x = (const real *)job->x + row * job->n;
        for (size_t at = 0; at < job->n; at += LANES) {
            const size_t count = TYPED(lanes_of)(job->n - at);
            TYPED(store_part)(y + at, V(mul)(PART(x, at), PART(job->w, at)), count);
        }
    }
}

/* The sum over i of x[i, at ...] * normal[i, at ...], or of x alone without normal: block sums of
 * IC_BLOCK rows, each a chain of fmas from +0, added in order, the first assigned. */
IC_INLINE vreal TYPED(column_sum)(const ic_layer *job, size_t at, size_t count) {
    vreal total = V(set)(0);
    for (size_t row = 0; row < job->rows; row += IC_BLOCK) {
        const size_t end = job->rows - row < IC_BLOCK ? job->rows : row + IC_BLOCK;
        vreal sum = V(set)(0);
        for (size_t i = row; i < end; i++) {
            const vreal x = PART(job->x, i * job->n + at);
            sum = job->normal == NULL ? V(add)(x, sum)
                                      : V(fma)(x, PART(job->normal, i * job->n + at), sum);
        }
        total = row == 0 ? sum : V(add)(total, sum);
    }
    return total;
}

/* y[j] = the column sum of x * normal, or of x without normal; columns */
void IC_FN(TYPED(column_products))(const ic_layer *job, size_t first, size_t columns) {
    for (size_t at = first; at < first + columns; at += LANES) {
        const size_t count = TYPED(lanes_of)(first + columns - at);
        TYPED(store_part)((real *)job->y + at, TYPED(column_sum)(job, at, count), count);
    }
}

/* y[j] = the same over the number of rows; columns */
void IC_FN(TYPED(column_means))(const ic_layer *job, size_t first, size_t columns) {
    const vreal rows = V(set)((real)job->rows);
    for (size_t at = first; at < first + columns; at += LANES) {
        const size_t count = TYPED(lanes_of)(first + columns - at);
        const vreal mean = V(div)(TYPED(column_sum)(job, at, count), rows);
        TYPED(store_part)((real *)job->y + at, mean, count);
    }
}

/* y[j] = 1 / sqrt(x[j] + number); columns */
void IC_FN(TYPED(inverse_roots))(const ic_layer *job, size_t first, size_t columns) {
    const vreal one = V(set)(1), epsilon = V(set)((real)job->number);
    for (size_t at = first; at < first + columns; at += LANES) {
        const size_t count = TYPED(lanes_of)(first + columns - at);
        const vreal root = V(sqrt)(V(add)(PART(job->x, at), epsilon));
        TYPED(store_part)((real *)job->y + at, V(div)(one, root), count);
    }
}

/* y[j] = y[j] (1 - number) + x[j] number; unbiased: x[j] is first multiplied by rows / (rows - 1);
 * columns */
void IC_FN(TYPED(running))(const ic_layer *job, size_t first, size_t columns) {
    const vreal kept = V(set)((real)(1.0 - job->number)), share = V(set)((real)job->number);
    const double rows = (double)job->rows;
    const vreal factor = V(set)((real)(rows / (rows - 1.0)));
    real *const y = job->y;
    for (size_t at = first; at < first + columns; at += LANES) {
        const size_t count = TYPED(lanes_of)(first + columns - at);
        vreal x = PART(job->x, at);
        if (job->unbiased)
            x = V(mul)(x, factor);
        const vreal new = V(mul)(x, share);
        TYPED(store_part)(y + at, V(add)(V(mul)(PART(y, at), kept), new), count);
    }
}

/* normal = (x - mean) * inverse; y = normal * w + b; rows */
void IC_FN(TYPED(norm_columns))(const ic_layer *job, size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; row++) {
        real *const y = (real *)job->y + row * job->n;
        real *const normal = (real *)job->normal + row * job->n;
        const real *const x = (const real *)job->x + row * job->n;
        for (size_t at = 0; at < job->n; at += LANES) {
            const size_t count = TYPED(lanes_of)(job->n - at);
            const vreal d = V(sub)(PART(x, at), PART(job->mean, at));
            const vreal v = V(mul)(d, PART(job->inverse, at));
            TYPED(store_part)(normal + at, v, count);
            if (job->y != NULL)
                TYPED(store_part)
            (y + at, V(fma)(v, PART(job->w, at), PART(job->b, at)), count);
        }
    }
}

/* y = dx = ((x - mean / rows) - normal * (product / rows)) * (w * inverse) from x = dy, where mean
 * and product are the column sums of dy and of dy * normal; rows */
void IC_FN(TYPED(norm_columns_backward))(const ic_layer *job, size_t first, size_t rows) {
    const vreal zero = V(set)(0), batch = V(set)((real)job->rows);
    for (size_t at = 0; at < job->n; at += LANES) {
        const size_t count = TYPED(lanes_of)(job->n - at);
        const vreal mean = V(div)(PART(job->mean, at), batch);
        const vreal product = V(div)(PART(job->product, at), batch);
        const vreal factor = V(mul)(PART(job->w, at), PART(job->inverse, at));
        for (size_t row = first; row < first + rows; row++) {
            const size_t here = row * job->n + at;
            const vreal g = V(sub)(PART(job->x, here), mean);
            const vreal rest = V(fma)(V(sub)(zero, PART(job->normal, here)), product, g);
            TYPED(store_part)((real *)job->y + here, V(mul)(rest, factor), count);
        }
    }
}

/* y[i] = row index[i] of w (words, n); rows */
void IC_FN(TYPED(looked_up))(const ic_layer *job, size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; row++)
        memcpy((real *)job->y + row * job->n,
               (const real *)job->w + (size_t)job->index[row] * job->n, job->n * sizeof(real));
}

/* y (words, n) = 0, then y[index[i], j] += x[i, j], i in order; columns */
void IC_FN(TYPED(scattered))(const ic_layer *job, size_t first, size_t columns) {
    for (size_t word = 0; word < job->words; word++)
        memset((real *)job->y + word * job->n + first, 0, columns * sizeof(real));
    for (size_t row = 0; row < job->rows; row++) {
        real *const y = (real *)job->y + (size_t)job->index[row] * job->n;
        const real *const x = (const real *)job->x + row * job->n;
        for (size_t at = first; at < first + columns; at += LANES) {
            const size_t count = TYPED(lanes_of)(first + columns - at);
            TYPED(store_part)(y + at, V(add)(PART(y, at), PART(x, at)), count);
        }
    }
}
#undef PART
