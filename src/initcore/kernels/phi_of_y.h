/* Activations whose derivative is a function of their value, on one vector; a and b are their
 * numbers. `name` is a constant where this is used. A NaN goes through; docs/compute-v1.md has the
 * formulas. Included once for each type. */
#include "initcore/kernels/phi.h"

#include "initcore/vecmath_special.h"

/* x within [low, high]. */
IC_INLINE vreal TYPED(ic_clipped)(vreal x, vreal low, vreal high) {
    x = V(select_lt)(x, low, low, x);
    return V(select_lt)(high, x, high, x);
}

/* log(1 + e^u): the larger of u and 0, and log(1 + e^-|u|). */
IC_INLINE vreal TYPED(ic_softplus)(vreal u) {
    const vreal zero = V(set)(0);
    const vreal e = TYPED(ic_exp)(V(sub)(zero, V(abs)(u)));
    return V(add)(V(select_lt)(u, zero, zero, u), TYPED(ic_log1p)(e));
}

IC_INLINE vreal TYPED(ic_phi_of_y)(const ic_activation name, vreal a, vreal b, vreal z) {
    const vreal zero = V(set)(0), one = V(set)(1), six = V(set)(6);
    switch (name) {
    case IC_RELU6:
        return TYPED(ic_clipped)(z, zero, six);
    case IC_HARDTANH:
        return TYPED(ic_clipped)(z, a, b);
    case IC_HARDSIGMOID:
        return V(div)(TYPED(ic_clipped)(V(add)(z, V(set)(3)), zero, six), six);
    case IC_SOFTSIGN: {
        const vreal size = V(abs)(z), y = V(div)(z, V(add)(one, size));
        return V(select_le)(V(set)((real)INFINITY), size, V(with_sign)(one, z), y);
    }
    case IC_ELU:
        return V(select_lt)(z, zero, V(mul)(a, TYPED(ic_expm1_below)(z)), z);
    case IC_SELU: {
        const vreal below = V(mul)(V(set)((real)IC_SELU_BELOW), TYPED(ic_expm1_below)(z));
        return V(select_lt)(z, zero, below, V(mul)(V(set)((real)IC_SELU_ABOVE), z));
    }
    case IC_CELU:
        return V(select_lt)(z, zero, V(mul)(a, TYPED(ic_expm1_below)(V(div)(z, a))), z);
    case IC_LECUN_TANH: {
        const vreal t = TYPED(ic_tanh)(V(mul)(V(set)((real)IC_LECUN_SLOPE), z));
        return V(mul)(V(set)((real)IC_LECUN_HEIGHT), t);
    }
    case IC_LOG_SIGMOID:
        return V(sub)(zero, TYPED(ic_softplus)(V(sub)(zero, z)));
    case IC_SOFTPLUS:
        return V(div)(TYPED(ic_softplus)(V(mul)(a, z)), a);
    default:
        return z;
    }
}

/* dy between two bounds that y has, 0 outside and on them. */
IC_INLINE vreal TYPED(ic_within)(vreal y, vreal low, vreal high, vreal dy) {
    const vreal zero = V(set)(0);
    const vreal above = V(select_lt)(low, y, dy, V(select_le)(y, low, zero, y));
    return V(select_le)(high, y, zero, above);
}

/* dz = phi'(z) dy, from y = phi(z). */
IC_INLINE vreal TYPED(ic_dphi_of_y)(const ic_activation name, vreal a, vreal b, vreal y, vreal dy) {
    const vreal zero = V(set)(0), one = V(set)(1), six = V(set)(6);
    switch (name) {
    case IC_RELU6:
        return TYPED(ic_within)(y, zero, six, dy);
    case IC_HARDTANH:
        return TYPED(ic_within)(y, a, b, dy);
    case IC_HARDSIGMOID:
        return TYPED(ic_within)(y, zero, one, V(div)(dy, six));
    case IC_SOFTSIGN: {
        const vreal left = V(sub)(one, V(abs)(y));
        return V(mul)(dy, V(mul)(left, left));
    }
    case IC_ELU:
        return V(select_lt)(zero, y, dy, V(mul)(dy, V(add)(y, a)));
    case IC_SELU: {
        const vreal below = V(mul)(dy, V(add)(y, V(set)((real)IC_SELU_BELOW)));
        return V(select_lt)(zero, y, V(mul)(V(set)((real)IC_SELU_ABOVE), dy), below);
    }
    case IC_CELU:
        return V(select_lt)(zero, y, dy, V(mul)(dy, V(add)(V(div)(y, a), one)));
    case IC_LECUN_TANH: {
        const vreal t = V(div)(y, V(set)((real)IC_LECUN_HEIGHT));
        const vreal slope = V(set)((real)(IC_LECUN_HEIGHT * IC_LECUN_SLOPE));
        return V(mul)(dy, V(mul)(slope, V(fma)(V(sub)(zero, t), t, one)));
    }
    case IC_LOG_SIGMOID:
        return V(mul)(dy, V(sub)(zero, TYPED(ic_expm1_below)(y)));
    case IC_SOFTPLUS:
        return V(mul)(dy, V(sub)(zero, TYPED(ic_expm1_below)(V(sub)(zero, V(mul)(a, y)))));
    default:
        return dy;
    }
}
