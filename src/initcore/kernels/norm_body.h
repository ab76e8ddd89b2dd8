/* Normalization of each row for one type: sums along a row as in lanes.h. */
#include "initcore/kernels/lanes.h"
#include "initcore/kernels/layer.h"

/* The sums along a row of a, and of a * b. */
typedef struct TYPED(row_sums) {
    real plain, product;
} TYPED(row_sums);

/* a = x - shift for the statistics of forward (b is a); a = x w and b given for backward. */
IC_INLINE TYPED(row_sums)
    TYPED(sums_of)(const real *x, const real *w, const real *b, real shift, size_t n) {
    TYPED(row_sums) found = {0, 0};
    const vreal shifts = V(set)(shift);
    for (size_t segment = 0; segment < n; segment += IC_SUM_SEGMENT) {
        const size_t end = n - segment < IC_SUM_SEGMENT ? n : segment + IC_SUM_SEGMENT;
        vreal plain[SUM_VECTORS], product[SUM_VECTORS];
        for (int v = 0; v < SUM_VECTORS; v++)
            plain[v] = product[v] = V(set)(0);
        for (size_t j = segment; j < end; j += IC_SUM_LANES)
            for (int v = 0; v < SUM_VECTORS; v++) {
                const size_t at = j + (size_t)v * LANES;
                if (at >= end)
                    continue;
                const size_t count = end - at < LANES ? end - at : LANES;
                vreal a = V(sub)(TYPED(load_part)(x + at, 1, count), shifts);
                if (w != NULL)
                    a = V(mul)(a, TYPED(load_part)(w + at, 1, count));
                const vreal other = b == NULL ? a : TYPED(load_part)(b + at, 1, count);
                const vreal with = V(add)(plain[v], a), times = V(fma)(a, other, product[v]);
                plain[v] = count == LANES ? with : TYPED(keep_behind)(with, count, plain[v]);
                product[v] = count == LANES ? times : TYPED(keep_behind)(times, count, product[v]);
            }
        const real plain_part = TYPED(sum_of_lanes)(plain);
        const real product_part = TYPED(sum_of_lanes)(product);
        found.plain = segment == 0 ? plain_part : found.plain + plain_part;
        found.product = segment == 0 ? product_part : found.product + product_part;
    }
    return found;
}

/* normal = (x - mean of the row) * inverse, inverse = 1 / sqrt(mean square of that + epsilon);
 * not centered: without the mean. y = normal * w + b. Rows first .. first + rows. */
void IC_FN(TYPED(norm_rows))(const ic_layer *job, size_t first, size_t rows) {
    const size_t n = job->n;
    const real *const w = job->w, *const b = job->b;
    for (size_t row = first; row < first + rows; row++) {
        const real *const x = (const real *)job->x + row * n;
        real *const normal = (real *)job->normal + row * n, *const y = (real *)job->y + row * n;
        const real mean =
            job->centered ? TYPED(sums_of)(x, NULL, NULL, 0, n).plain / (real)n : (real)0;
        const real square = TYPED(sums_of)(x, NULL, NULL, mean, n).product / (real)n;
        real one[LANES];
        V(store)(one, V(sqrt)(V(set)(square + (real)job->number)));
        const real inverse = 1 / one[0];
        ((real *)job->inverse)[row] = inverse;
        const vreal means = V(set)(mean), inverses = V(set)(inverse);
        for (size_t at = 0; at < n; at += LANES) {
            const size_t count = n - at < LANES ? n - at : LANES;
            const vreal d = V(sub)(TYPED(load_part)(x + at, 1, count), means);
            const vreal v = V(mul)(d, inverses);
            const vreal scaled = V(mul)(v, TYPED(load_part)(w + at, 1, count));
            TYPED(store_part)(normal + at, v, count);
            TYPED(store_part)
            (y + at, b == NULL ? scaled : V(add)(scaled, TYPED(load_part)(b + at, 1, count)),
             count);
        }
    }
}

/* y = dx from x = dy: with g = dy w, dx = ((g - mean of g) - normal * mean of g normal) * inverse;
 * not centered: without the mean of g. Rows first .. first + rows. */
void IC_FN(TYPED(norm_rows_backward))(const ic_layer *job, size_t first, size_t rows) {
    const size_t n = job->n;
    const real *const w = job->w;
    const vreal zero = V(set)(0);
    for (size_t row = first; row < first + rows; row++) {
        const real *const dy = (const real *)job->x + row * n;
        const real *const normal = (const real *)job->normal + row * n;
        real *const dx = (real *)job->y + row * n;
        const TYPED(row_sums) sums = TYPED(sums_of)(dy, w, normal, 0, n);
        const vreal mean = V(set)(job->centered ? sums.plain / (real)n : 0);
        const vreal along = V(set)(sums.product / (real)n);
        const vreal inverse = V(set)(((const real *)job->inverse)[row]);
        for (size_t at = 0; at < n; at += LANES) {
            const size_t count = n - at < LANES ? n - at : LANES;
            const vreal g =
                V(mul)(TYPED(load_part)(dy + at, 1, count), TYPED(load_part)(w + at, 1, count));
            const vreal v = V(sub)(zero, TYPED(load_part)(normal + at, 1, count));
            const vreal rest = V(fma)(v, along, V(sub)(g, mean));
            TYPED(store_part)(dx + at, V(mul)(rest, inverse), count);
        }
    }
}
