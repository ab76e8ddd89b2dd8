/* Stochastic gradient descent with momentum for one type. */
#include "initcore/simd.h"
#include "initcore/typed.h"

/* v = mu v + g; p = p - lr v; without v: p = p - lr g. One fma each. Lines of `columns` elements;
 * p and v are written, g is read; none may overlap another. */
void IC_FN(TYPED(sgd))(const ic_matrix *p, const ic_matrix *g, const ic_matrix *v, size_t row,
                       size_t rows, size_t columns, double lr, double momentum) {
    const vreal step = V(set)(-(real)lr), mu = V(set)((real)momentum);
    const int unit = p->column == 1 && g->column == 1 && (v->data == NULL || v->column == 1);
    const size_t lanes = unit ? LANES : 1;
    for (size_t r = row; r < row + rows; r++) {
        real *ps = (real *)p->data + (ptrdiff_t)r * p->row;
        const real *gs = (const real *)g->data + (ptrdiff_t)r * g->row;
        real *vs = v->data == NULL ? NULL : (real *)v->data + (ptrdiff_t)r * v->row;
        for (size_t j = 0; j < columns; j += lanes) {
            const size_t left = columns - j;
            real *const p_at = ps + (ptrdiff_t)j * p->column;
            const real *const g_at = gs + (ptrdiff_t)j * g->column;
            if (unit && left >= LANES) {
                vreal direction = V(load)(g_at);
                if (vs != NULL) {
                    direction = V(fma)(mu, V(load)(vs + j), direction);
                    V(store)(vs + j, direction);
                }
                V(store)(p_at, V(fma)(step, direction, V(load)(p_at)));
            } else {
                const size_t n = left < lanes ? left : lanes;
                vreal direction = V(load_n)(g_at, n);
                if (vs != NULL) {
                    real *const v_at = vs + (ptrdiff_t)j * v->column;
                    direction = V(fma)(mu, V(load_n)(v_at, n), direction);
                    V(store_n)(v_at, direction, n);
                }
                V(store_n)(p_at, V(fma)(step, direction, V(load_n)(p_at, n)), n);
            }
        }
    }
}
