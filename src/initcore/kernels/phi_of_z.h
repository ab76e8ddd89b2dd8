/* Activations whose derivative is a function of z alone, on one vector; a is their number. `name`
 * is a constant where this is used. A NaN goes through, and infinities give the limits;
 * docs/compute-v1.md has the formulas. Included once for each type. */
#include "initcore/kernels/phi_of_y.h"

/* 1 / (1 + e^-u) and 1 / (1 + e^u), each with its digits. */
IC_INLINE vreal TYPED(ic_sigmoids)(vreal u, vreal *other) {
    const vreal zero = V(set)(0), one = V(set)(1);
    const vreal e = TYPED(ic_exp)(V(sub)(zero, V(abs)(u)));
    const vreal under = V(add)(one, e), large = V(div)(one, under), small = V(div)(e, under);
    *other = V(select_lt)(u, zero, large, small);
    return V(select_lt)(u, zero, small, large);
}

/* z with |z| at most `most`: beyond it a derivative is what it is there, to the last digit. */
IC_INLINE vreal TYPED(ic_settled)(vreal z, vreal most) {
    return TYPED(ic_clipped)(z, V(sub)(V(set)(0), most), most);
}

/* z share, where the share is 0 from `end` down: -0 there, also at minus infinity. */
IC_INLINE vreal TYPED(ic_share)(vreal z, vreal share, vreal u, vreal end) {
    return V(select_lt)(u, end, V(set)((real)-0.0), V(mul)(z, share));
}

/* z + the cube of z by 0.044715, times 2 sqrt(2 / pi): what the sigmoid form of the tanh gelu
 * takes. */
IC_INLINE vreal TYPED(ic_gelu_cubic)(vreal z) {
    const vreal cube = V(set)((real)(IC_GELU_SLOPE * IC_GELU_CUBE));
    return V(mul)(z, V(fma)(cube, V(mul)(z, z), V(set)((real)IC_GELU_SLOPE)));
}

/* sqrt(z^2 + b) */
IC_INLINE vreal TYPED(ic_squareplus_root)(vreal z, vreal b) {
    const vreal size = V(abs)(z);
    const vreal root = V(sqrt)(V(fma)(z, z, b));
    return V(select_lt)(V(set)(TYPED(IC_SQUARE_HIGH)), size, size, root);
}

/* (z + root) / 2, without cancellation. */
IC_INLINE vreal TYPED(ic_squareplus)(vreal z, vreal b, vreal root) {
    const vreal zero = V(set)(0), half = V(set)((real)0.5);
    const vreal below = V(div)(V(mul)(half, b), V(add)(root, V(abs)(z)));
    return V(select_lt)(z, zero, below, V(mul)(half, V(add)(z, root)));
}

/* tanh(log(1 + e^z)) and what it leaves to 1, by n = e^-|z|. */
IC_INLINE vreal TYPED(ic_mish_share)(vreal z, vreal *rest) {
    const vreal zero = V(set)(0), two = V(set)(2), one = V(set)(1);
    const vreal n = TYPED(ic_exp)(V(sub)(zero, V(abs)(z)));
    const vreal small = V(mul)(n, V(add)(n, two)), large = V(fma)(two, n, one);
    const vreal above = V(select_lt)(z, zero, small, large);
    const vreal gap = V(select_lt)(z, zero, two, V(mul)(two, V(mul)(n, n)));
    const vreal under = V(add)(above, gap);
    *rest = V(div)(gap, under);
    return V(div)(above, under);
}

IC_INLINE vreal TYPED(ic_phi_of_z)(const ic_activation name, vreal a, vreal z) {
    const vreal zero = V(set)(0), six = V(set)(6), low = V(set)(TYPED(IC_EXP_LOW));
    vreal other;
    switch (name) {
    case IC_PRELU:
        return V(select_lt)(z, zero, V(mul)(a, z), z);
    case IC_HARDSWISH: {
        const vreal share = V(div)(TYPED(ic_clipped)(V(add)(z, V(set)(3)), zero, six), six);
        return TYPED(ic_share)(z, share, z, V(set)(-3));
    }
    case IC_SQUAREPLUS:
        return TYPED(ic_squareplus)(z, a, TYPED(ic_squareplus_root)(z, a));
    case IC_SILU:
        return TYPED(ic_share)(z, TYPED(ic_sigmoids)(z, &other), z, low);
    case IC_QUICK_GELU: {
        const vreal u = V(mul)(V(set)((real)IC_QUICK_GELU_SLOPE), z);
        return TYPED(ic_share)(z, TYPED(ic_sigmoids)(u, &other), u, low);
    }
    case IC_MISH:
        return TYPED(ic_share)(z, TYPED(ic_mish_share)(z, &other), z, low);
    case IC_GELU: {
        const vreal end = V(set)(-TYPED(IC_NORMAL_HIGH));
        return TYPED(ic_share)(z, TYPED(ic_normal_cdf)(z, &other), z, end);
    }
    case IC_GELU_TANH: {
        const vreal u = TYPED(ic_gelu_cubic)(z);
        return TYPED(ic_share)(z, TYPED(ic_sigmoids)(u, &other), u, low);
    }
    case IC_ERF:
        return TYPED(ic_erf)(z);
    case IC_ARCTAN:
        return TYPED(ic_atan)(z);
    case IC_SIN:
        return TYPED(ic_sin)(z);
    default:
        return z;
    }
}

/* dz = phi'(z) dy, from z. */
IC_INLINE vreal TYPED(ic_dphi_of_z)(const ic_activation name, vreal a, vreal z, vreal dy) {
    const vreal zero = V(set)(0), one = V(set)(1), three = V(set)(3);
    const vreal settled = V(set)(-TYPED(IC_EXP_LOW));
    vreal other;
    switch (name) {
    case IC_PRELU:
        return V(select_lt)(zero, z, dy, V(select_le)(z, zero, V(mul)(a, dy), z));
    case IC_HARDSWISH: {
        const vreal minus = V(set)(-3);
        const vreal inner = V(mul)(dy, V(div)(V(fma)(V(set)(2), z, three), V(set)(6)));
        return V(select_le)(z, minus, zero, V(select_le)(three, z, dy, inner));
    }
    case IC_SQUAREPLUS: {
        const vreal u = TYPED(ic_settled)(z, V(set)(TYPED(IC_SQUARE_HIGH)));
        const vreal root = TYPED(ic_squareplus_root)(u, a);
        return V(mul)(dy, V(div)(TYPED(ic_squareplus)(u, a, root), root));
    }
    case IC_SILU: {
        const vreal u = TYPED(ic_settled)(z, settled);
        const vreal share = TYPED(ic_sigmoids)(u, &other);
        return V(mul)(dy, V(mul)(share, V(fma)(u, other, one)));
    }
    case IC_QUICK_GELU: {
        const vreal u = TYPED(ic_settled)(V(mul)(V(set)((real)IC_QUICK_GELU_SLOPE), z), settled);
        const vreal share = TYPED(ic_sigmoids)(u, &other);
        return V(mul)(dy, V(mul)(share, V(fma)(u, other, one)));
    }
    case IC_MISH: {
        const vreal u = TYPED(ic_settled)(z, settled);
        const vreal share = TYPED(ic_mish_share)(u, &other);
        const vreal bend = V(mul)(V(mul)(u, TYPED(ic_sigmoid)(u)), other);
        return V(mul)(dy, V(fma)(bend, V(add)(one, share), share));
    }
    case IC_GELU: {
        const vreal u = TYPED(ic_settled)(z, V(set)(TYPED(IC_NORMAL_HIGH)));
        const vreal share = TYPED(ic_normal_cdf)(u, &other);
        const vreal density = V(mul)(other, V(set)((real)0x1.9884533d43651p-2)); /* / sqrt(2 pi) */
        return V(mul)(dy, V(fma)(u, density, share));
    }
    case IC_GELU_TANH: {
        const vreal z_near = TYPED(ic_settled)(z, V(set)(40));
        const vreal share = TYPED(ic_sigmoids)(TYPED(ic_gelu_cubic)(z_near), &other);
        const vreal cube = V(set)((real)(3 * IC_GELU_SLOPE * IC_GELU_CUBE));
        const vreal slope = V(fma)(cube, V(mul)(z_near, z_near), V(set)((real)IC_GELU_SLOPE));
        return V(mul)(dy, V(mul)(share, V(fma)(V(mul)(z_near, slope), other, one)));
    }
    case IC_ERF: {
        const vreal u = TYPED(ic_settled)(z, V(set)(TYPED(IC_NORMAL_HIGH)));
        const vreal e = TYPED(ic_exp_minus_square)(u, one);
        return V(mul)(dy, V(mul)(V(set)((real)0x1.20dd750429b6dp+0), e)); /* 2 / sqrt pi */
    }
    case IC_ARCTAN:
        return V(div)(dy, V(fma)(z, z, one));
    case IC_SIN:
        return V(mul)(dy, TYPED(ic_cos)(z));
    default:
        return dy;
    }
}
