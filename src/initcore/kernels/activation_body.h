/* y = phi(z) and dz = phi'(z) dy, element by element, for one type. */
#include "initcore/kernels/phi_of_z.h"

IC_INLINE vreal TYPED(phi)(const ic_activation name, vreal a, vreal b, vreal z) {
    return name <= IC_LAST_FUSED  ? TYPED(ic_phi)(name, a, z)
           : name <= IC_LAST_OF_Y ? TYPED(ic_phi_of_y)(name, a, b, z)
                                  : TYPED(ic_phi_of_z)(name, a, z);
}

IC_INLINE vreal TYPED(dz)(const ic_activation name, vreal a, vreal b, vreal saved, vreal dy) {
    return name <= IC_LAST_FUSED  ? TYPED(ic_dphi)(name, a, saved, dy)
           : name <= IC_LAST_OF_Y ? TYPED(ic_dphi_of_y)(name, a, b, saved, dy)
                                  : TYPED(ic_dphi_of_z)(name, a, saved, dy);
}

/* One loop for each activation; the last vector of a row has what is left. */
IC_INLINE void TYPED(forward_with)(const ic_activation name, real *y, ptrdiff_t y_row,
                                   const ic_matrix *z, size_t row, size_t rows, size_t columns,
                                   const ic_phi *phi) {
    const vreal a = V(set)((real)phi->a), b = V(set)((real)phi->b);
    const size_t lanes = z->column == 1 ? LANES : 1;
    for (size_t r = 0; r < rows; r++) {
        real *out = y + (ptrdiff_t)r * y_row;
        const real *zs = (const real *)z->data + (ptrdiff_t)(row + r) * z->row;
        for (size_t column = 0; column < columns; column += lanes) {
            const size_t left = columns - column, n = left < lanes ? left : lanes;
            const real *z_at = zs + (ptrdiff_t)column * z->column;
            const vreal value =
                TYPED(phi)(name, a, b, n == LANES ? V(load)(z_at) : V(load_n)(z_at, n));
            if (n == LANES)
                V(store)(out + column, value);
            else
                V(store_n)(out + column, value, n);
        }
    }
}

/* y (rows, columns) = phi(z), rows `row` and on of z; y has unit column stride and may be z. */
void IC_FN(TYPED(activation_forward))(void *y, ptrdiff_t y_row, const ic_matrix *z, size_t row,
                                      size_t rows, size_t columns, const ic_phi *phi) {
    switch (phi->name) {
#define IC_ACTIVATION(code, name, numbers, first, second)                                          \
    case code:                                                                                     \
        TYPED(forward_with)(code, y, y_row, z, row, rows, columns, phi);                           \
        return;
#include "initcore/kernels/activations.def"
#undef IC_ACTIVATION
    case IC_ACTIVATIONS:
        return;
    }
}

IC_INLINE void TYPED(backward_with)(const ic_activation name, real *dz, ptrdiff_t dz_row,
                                    const ic_matrix *dy, const ic_matrix *saved, size_t row,
                                    size_t rows, size_t columns, const ic_phi *phi) {
    const vreal a = V(set)((real)phi->a), b = V(set)((real)phi->b);
    const int unit = dy->column == 1 && (name == IC_IDENTITY || saved->column == 1);
    const size_t lanes = unit ? LANES : 1;
    for (size_t r = 0; r < rows; r++) {
        real *out = dz + (ptrdiff_t)r * dz_row;
        const real *dys = (const real *)dy->data + (ptrdiff_t)(row + r) * dy->row;
        const real *kept = name == IC_IDENTITY
                               ? dys
                               : (const real *)saved->data + (ptrdiff_t)(row + r) * saved->row;
        const ptrdiff_t step = name == IC_IDENTITY ? dy->column : saved->column;
        size_t column = 0;
        /* a derivative of few operations is not to wait for the count of what is left */
        if (name <= IC_LAST_FUSED && unit)
            for (; column + LANES <= columns; column += LANES)
                V(store)(out + column,
                         TYPED(dz)(name, a, b, V(load)(kept + column), V(load)(dys + column)));
        for (; column < columns; column += lanes) {
            const size_t left = columns - column, n = left < lanes ? left : lanes;
            const real *dy_at = dys + (ptrdiff_t)column * dy->column;
            const real *kept_at = kept + (ptrdiff_t)column * step;
            const vreal value =
                TYPED(dz)(name, a, b, n == LANES ? V(load)(kept_at) : V(load_n)(kept_at, n),
                          n == LANES ? V(load)(dy_at) : V(load_n)(dy_at, n));
            if (n == LANES)
                V(store)(out + column, value);
            else
                V(store_n)(out + column, value, n);
        }
    }
}

IC_INLINE int TYPED(rows_follow)(const ic_matrix *m, ptrdiff_t next) {
    return m->column == 1 && m->row == next;
}

/* dz (rows, columns) = phi'(z) dy, rows `row` and on of dy and of what was saved, y or z; dz has
 * unit column stride and may be dy; what was saved is not read for the identity. */
void IC_FN(TYPED(activation_backward))(void *dz, ptrdiff_t dz_row, const ic_matrix *dy,
                                       const ic_matrix *saved, size_t row, size_t rows,
                                       size_t columns, const ic_phi *phi) {
    /* rows that follow each other are one long row, whose end is taken apart once */
    const ptrdiff_t next = (ptrdiff_t)columns;
    if (dz_row == next && TYPED(rows_follow)(dy, next) &&
        (phi->name == IC_IDENTITY || TYPED(rows_follow)(saved, next))) {
        columns *= rows;
        rows = 1;
    }
    switch (phi->name) {
#define IC_ACTIVATION(code, name, numbers, first, second)                                          \
    case code:                                                                                     \
        TYPED(backward_with)(code, dz, dz_row, dy, saved, row, rows, columns, phi);                \
        return;
#include "initcore/kernels/activations.def"
#undef IC_ACTIVATION
    case IC_ACTIVATIONS:
        return;
    }
}

#define MAP(name)                                                                                  \
    /* y[i] = name(x[i]); y may be x */                                                            \
    void IC_FN(TYPED(name))(void *y_, const void *x_, size_t n) {                                  \
        real *const y = y_;                                                                        \
        const real *const x = x_;                                                                  \
        size_t i = 0;                                                                              \
        for (; i + LANES <= n; i += LANES)                                                         \
            V(store)(y + i, TYPED(ic_##name)(V(load)(x + i)));                                     \
        if (i < n)                                                                                 \
            V(store_n)(y + i, TYPED(ic_##name)(V(load_n)(x + i, n - i)), n - i);                   \
    }
MAP(exp)
MAP(log)
MAP(tanh)
MAP(sigmoid)
MAP(expm1_below)
MAP(log1p)
MAP(erf)
MAP(atan)
MAP(sin)
MAP(cos)
#undef MAP

/* `vectors` vectors of column sums at a time, of which the last has `left` lanes. */
IC_INLINE void TYPED(column_sums_of)(const int vectors, real *out, ptrdiff_t out_stride,
                                     const real *a, ptrdiff_t a_row, size_t rows, size_t left,
                                     int accumulate) {
    vreal total[8];
    real lanes[8 * LANES] = {0};
    const size_t columns = (size_t)(vectors - 1) * LANES + left;
    if (accumulate)
        for (size_t j = 0; j < columns; j++)
            lanes[j] = out[(ptrdiff_t)j * out_stride];
    for (int v = 0; v < vectors; v++)
        total[v] = V(load)(lanes + v * LANES);
    size_t row = 0;
    do { /* once for no rows: one empty block */
        const size_t end = rows - row < IC_BLOCK ? rows : row + IC_BLOCK;
        const int assign = row == 0 && !accumulate;
        vreal sum[8];
        for (int v = 0; v < vectors; v++)
            sum[v] = V(set)(0);
        for (; row < end; row++, a += a_row)
            for (int v = 0; v < vectors; v++)
                sum[v] = V(add)(v < vectors - 1 || left == LANES ? V(load)(a + v * LANES)
                                                                 : V(load_n)(a + v * LANES, left),
                                sum[v]);
        for (int v = 0; v < vectors; v++)
            total[v] = assign ? sum[v] : V(add)(total[v], sum[v]);
    } while (row < rows);
    for (int v = 0; v < vectors; v++)
        V(store)(lanes + v * LANES, total[v]);
    for (size_t j = 0; j < columns; j++)
        out[(ptrdiff_t)j * out_stride] = lanes[j];
}

/* out[j] = the sum over i of a[i, j]: block sums of IC_BLOCK rows, each from +0 in row order,
 * added in order; the column of a weight gradient whose input is the constant one.
 * accumulate: what out holds stands in the place of the first block sum. */
void IC_FN(TYPED(column_sums))(void *out_, ptrdiff_t out_stride, const void *a_, ptrdiff_t a_row,
                               size_t rows, size_t column, size_t columns, int accumulate) {
    const real *const a = (const real *)a_ + column;
    real *const out = (real *)out_ + (ptrdiff_t)column * out_stride;
    size_t j = 0;
    for (; j + 8 * LANES <= columns; j += 8 * LANES)
        TYPED(column_sums_of)(8, out + (ptrdiff_t)j * out_stride, out_stride, a + j, a_row, rows,
                              LANES, accumulate);
    for (; j + 4 * LANES <= columns; j += 4 * LANES)
        TYPED(column_sums_of)(4, out + (ptrdiff_t)j * out_stride, out_stride, a + j, a_row, rows,
                              LANES, accumulate);
    for (; j < columns; j += LANES)
        TYPED(column_sums_of)(1, out + (ptrdiff_t)j * out_stride, out_stride, a + j, a_row, rows,
                              columns - j < LANES ? columns - j : LANES, accumulate);
}
