/* The activations that products finish with, and their derivatives, on one vector. Included once
 * for each type. */
#include "initcore/kernels/dense.h"
#include "initcore/vecmath.h"

/* phi(z); `name` is a constant where this is used, so that each activation gets its own loop.
 * relu and leaky_relu let NaN and -0 through. */
IC_INLINE vreal TYPED(ic_phi)(const ic_activation name, vreal slope, vreal z) {
    const vreal zero = V(set)(0);
    switch (name) {
    case IC_RELU:
        return V(select_lt)(z, zero, zero, z);
    case IC_LEAKY_RELU:
        return V(select_lt)(z, zero, V(mul)(slope, z), z);
    case IC_TANH:
        return TYPED(ic_tanh)(z);
    case IC_SIGMOID:
        return TYPED(ic_sigmoid)(z);
    default:
        break;
    }
    return z;
}

/* dz = phi'(z) dy, from y = phi(z). A NaN in y gives NaN. */
IC_INLINE vreal TYPED(ic_dphi)(const ic_activation name, vreal slope, vreal y, vreal dy) {
    const vreal zero = V(set)(0), one = V(set)(1);
    switch (name) {
    case IC_RELU:
        return V(select_lt)(zero, y, dy, V(select_le)(y, zero, zero, y));
    case IC_LEAKY_RELU:
        return V(select_lt)(zero, y, dy, V(select_le)(y, zero, V(mul)(slope, dy), y));
    case IC_TANH:
        return V(mul)(dy, V(fma)(V(sub)(zero, y), y, one));
    case IC_SIGMOID:
        return V(mul)(dy, V(mul)(y, V(sub)(one, y)));
    default:
        break;
    }
    return dy;
}
