/* Reflectors for one type: docs/stream-v1.md, orthogonal matrices. */

/* The sum of squares of x (n), in double, in lanes that are folded at the end. */
static double TYPED(squares)(const real *x, size_t n) {
    enum { SUMS = IC_REFLECTOR_LANES };
    double lane[SUMS] = {0};
    size_t j = 0;
    for (; j + SUMS <= n; j += SUMS) {
        for (size_t l = 0; l < SUMS; l++) {
            lane[l] += (double)x[j + l] * (double)x[j + l];
        }
    }
    for (size_t l = 0; j < n; j++, l++) {
        lane[l] += (double)x[j] * (double)x[j];
    }
    for (size_t step = SUMS / 2; step > 0; step /= 2) {
        for (size_t l = 0; l < step; l++) {
            lane[l] += lane[l + step];
        }
    }
    return lane[0];
}

/* x (n), normal numbers, n > 0, becomes u, and H = I - tau u u^T is a reflection with
 * H x = -sign(x[0]) |x| e_0. tau is near 1: what the rounding of u leaves of it. */
void IC_FN(TYPED(reflector))(void *vector, double *tau, size_t n) {
    real *const x = vector;
    const double length = sqrt(TYPED(squares)(x, n)), first = (double)x[0];
    const double scale = 1.0 / sqrt(length * (length + fabs(first)));
    for (size_t i = 1; i < n; i++) {
        x[i] = (real)((double)x[i] * scale);
    }
    x[0] = (real)((first < 0 ? first - length : first + length) * scale);
    *tau = 2.0 / TYPED(squares)(x, n);
}

/* out (rows, columns) = in, in double. */
void IC_FN(TYPED(widened))(double *out, const void *in, ptrdiff_t in_row, size_t rows,
                           size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        const real *const from = (const real *)in + (ptrdiff_t)i * in_row;
        for (size_t j = 0; j < columns; j++) {
            out[i * columns + j] = (double)from[j];
        }
    }
}

/* out (rows, columns) = in, rounded. */
void IC_FN(TYPED(narrowed))(void *out, ptrdiff_t out_row, const double *in, size_t rows,
                            size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        real *const to = (real *)out + (ptrdiff_t)i * out_row;
        for (size_t j = 0; j < columns; j++) {
            to[j] = (real)in[i * columns + j];
        }
    }
}

/* out[i, j] = in[i, j] factor[i]; in (rows, columns) has unit column stride, out any strides, or is
 * in itself. Squares of 16, so that a transposed out is written by whole cache lines. */
void IC_FN(TYPED(scaled_rows))(const ic_matrix *out, const void *in, ptrdiff_t in_row,
                               const void *factors, size_t rows, size_t columns) {
    enum { SQUARE = 16 };
    const real *const factor = factors;
    for (size_t i0 = 0; i0 < rows; i0 += SQUARE) {
        const size_t i1 = i0 + SQUARE < rows ? i0 + SQUARE : rows;
        for (size_t j0 = 0; j0 < columns; j0 += SQUARE) {
            const size_t j1 = j0 + SQUARE < columns ? j0 + SQUARE : columns;
            for (size_t i = i0; i < i1; i++) {
                const real *const from = (const real *)in + (ptrdiff_t)i * in_row;
                real *const to = (real *)out->data + (ptrdiff_t)i * out->row;
                for (size_t j = j0; j < j1; j++) {
                    to[(ptrdiff_t)j * out->column] = from[j] * factor[i];
                }
            }
        }
    }
}
