/* exp, log, tanh and sigmoid of a vector: one fixed sequence of operations each.
 *
 * Lane-wise add, mul, div and explicit fma alone, so the bytes are the same on every instruction
 * set and libm has no part in them. docs/compute-v1.md lists the operations; the polynomials
 * come from tools/fit_vecmath.py. Largest errors seen on dense grids: tests/test_vecmath.py.
 * Included by sources that use typed.h, once for each type. */
#include "initcore/simd.h"
#include "initcore/typed.h"

#if !defined(INITCORE_VECMATH_H)
#define INITCORE_VECMATH_H

/* n + IC_ROUND_*: an addition that rounds to the integer n and leaves n in the low bits */
#define IC_ROUND_f32 0x1.8p23f
#define IC_ROUND_f64 0x1.8p52
/* 1 / ln 2, and ln 2 in two parts: n * high is subtracted exactly by an fma for every n */
#define IC_LOG2E_f32 0x1.715476p+0f
#define IC_LOG2E_f64 0x1.71547652b82fep+0
#define IC_LN2_HIGH_f32 0x1.62e43p-1f
#define IC_LN2_HIGH_f64 0x1.62e42fefa39efp-1
#define IC_LN2_LOW_f32 -0x1.05c61p-29f
#define IC_LN2_LOW_f64 0x1.abc9e3b39803fp-56
/* beyond these exp is 0 and infinity, tanh is 1 */
#define IC_EXP_LOW_f32 -104.0f
#define IC_EXP_LOW_f64 -746.0
#define IC_EXP_HIGH_f32 89.0f
#define IC_EXP_HIGH_f64 710.0
#define IC_TANH_HIGH_f32 9.1f
#define IC_TANH_HIGH_f64 20.0
#define IC_EXPONENT_BIAS_f32 127.0f
#define IC_EXPONENT_BIAS_f64 1023.0
#define IC_LEAST_NORMAL_f32 0x1p-126f
#define IC_LEAST_NORMAL_f64 0x1p-1022

/* (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, highest degree first */
static const float ic_expm1_terms_f32[] = {0x1.6d990ap-10f, 0x1.1227fep-7f, 0x1.555486p-5f,
                                           0x1.5554bp-3f, 0x1p-1f};
static const double ic_expm1_terms_f64[] = {0x1.1f954f019afcap-29,
                                            0x1.af5ebf367fdbap-26,
                                            0x1.27e4c5adbf209p-22,
                                            0x1.71ddf8537ee9fp-19,
                                            0x1.a01a01b0b126p-16,
                                            0x1.a01a01afe5357p-13,
                                            0x1.6c16c16c14463p-10,
                                            0x1.111111110f6aep-7,
                                            0x1.555555555555ap-5,
                                            0x1.5555555555559p-3,
                                            0x1p-1};
/* (2 artanh(s) - 2 s) / s^3 as a polynomial in s^2, |s| <= 3 - 2 sqrt 2, highest degree first */
static const float ic_log_terms_f32[] = {0x1.e2f664p-3f, 0x1.2438d8p-2f, 0x1.999a7ap-2f,
                                         0x1.555554p-1f};
static const double ic_log_terms_f64[] = {
    0x1.2f056395f5a67p-3, 0x1.39a1bab2e7e3cp-3, 0x1.74663ee8bc916p-3, 0x1.c71c52095abb5p-3,
    0x1.24924941f1295p-2, 0x1.999999997fdb7p-2, 0x1.5555555555592p-1};
#endif

/* Horner's scheme: fma from the highest coefficient down. */
IC_INLINE vreal TYPED(ic_polynomial)(const real *coefficients, size_t count, vreal x) {
    vreal sum = V(set)(coefficients[0]);
    for (size_t i = 1; i < count; i++)
        sum = V(fma)(sum, x, V(set)(coefficients[i]));
    return sum;
}
#define IC_POLYNOMIAL(name, x)                                                                     \
    TYPED(ic_polynomial)(TYPED(name), sizeof TYPED(name) / sizeof TYPED(name)[0], x)

/* x = n ln 2 + r with |r| <= ln 2 / 2 (and a little): gives e^r - 1 and t = n + IC_ROUND. */
IC_INLINE vreal TYPED(ic_expm1_reduced)(vreal x, vreal *t) {
    const vreal magic = V(set)(TYPED(IC_ROUND));
    *t = V(fma)(x, V(set)(TYPED(IC_LOG2E)), magic);
    const vreal n = V(sub)(*t, magic);
    vreal r = V(fma)(n, V(set)(-TYPED(IC_LN2_HIGH)), x);
    r = V(fma)(n, V(set)(-TYPED(IC_LN2_LOW)), r);
    return V(fma)(V(mul)(r, r), IC_POLYNOMIAL(ic_expm1_terms, r), r);
}

/* e^x; 2^n is applied in two factors, so that results down to the least subnormal are rounded
 * once more and overflow gives infinity. */
IC_INLINE vreal TYPED(ic_exp)(vreal x) {
    const vreal low = V(set)(TYPED(IC_EXP_LOW)), high = V(set)(TYPED(IC_EXP_HIGH));
    const vreal magic = V(set)(TYPED(IC_ROUND));
    x = V(select_lt)(x, low, low, x);
    x = V(select_lt)(high, x, high, x);
    vreal t;
    const vreal p = V(add)(V(set)(1), TYPED(ic_expm1_reduced)(x, &t));
    const vreal n = V(sub)(t, magic);
    const vreal half = V(fma)(n, V(set)((real)0.5), magic);
    const vreal rest = V(sub)(n, V(sub)(half, magic));
    return V(mul)(V(mul)(p, V(pow2)(half)), V(pow2)(V(add)(rest, magic)));
}

/* e ln 2 + log(1 + f) for 1 + f in [sqrt 1/2, sqrt 2], by s = f / (2 + f). */
IC_INLINE vreal TYPED(ic_log_joined)(vreal e, vreal f) {
    const vreal half = V(set)((real)0.5);
    const vreal s = V(div)(f, V(add)(V(set)(2), f));
    const vreal z = V(mul)(s, s);
    const vreal rest = V(mul)(z, IC_POLYNOMIAL(ic_log_terms, z));
    const vreal square = V(mul)(V(mul)(half, f), f);
    const vreal low = V(mul)(e, V(set)(TYPED(IC_LN2_LOW)));
    const vreal inner = V(fma)(s, V(add)(square, rest), low);
    return V(fma)(e, V(set)(TYPED(IC_LN2_HIGH)), V(sub)(f, V(sub)(square, inner)));
}

/* Natural logarithm: x = 2^e (1 + f) with 1 + f in [sqrt 1/2, sqrt 2]. */
IC_INLINE vreal TYPED(ic_log)(vreal x) {
    const vreal zero = V(set)(0), one = V(set)(1), half = V(set)((real)0.5);
    const vreal least = V(set)(TYPED(IC_LEAST_NORMAL));
    const vreal scaled = V(select_lt)(x, least, V(mul)(x, V(set)((real)0x1p54)), x);
    vreal e = V(sub)(V(exponent)(scaled), V(set)(TYPED(IC_EXPONENT_BIAS)));
    e = V(select_lt)(x, least, V(sub)(e, V(set)(54)), e);
    vreal m = V(mantissa)(scaled);
    const vreal root2 = V(set)((real)0x1.6a09e667f3bcdp+0);
    e = V(select_lt)(root2, m, V(add)(e, one), e);
    m = V(select_lt)(root2, m, V(mul)(m, half), m);
    vreal y = TYPED(ic_log_joined)(e, V(sub)(m, one));
    const vreal infinity = V(set)((real)INFINITY);
    y = V(select_lt)(x, infinity, y, x);
    const vreal below = V(select_lt)(x, zero, V(set)((real)NAN), V(sub)(zero, infinity));
    return V(select_le)(x, zero, below, y);
}

/* (e^2|x| - 1) / (e^2|x| + 1) with the sign of x; m = e^2|x| - 1 without cancellation. */
IC_INLINE vreal TYPED(ic_tanh)(vreal x) {
    const vreal high = V(set)(TYPED(IC_TANH_HIGH));
    vreal a = V(abs)(x);
    a = V(select_lt)(high, a, high, a);
    vreal t;
    const vreal p = TYPED(ic_expm1_reduced)(V(add)(a, a), &t);
    const vreal power = V(pow2)(t);
    const vreal m = V(fma)(power, p, V(sub)(power, V(set)(1)));
    return V(with_sign)(V(div)(m, V(add)(m, V(set)(2))), x);
}

/* 1 / (1 + e^-x), by e^-|x| so that nothing overflows and the left tail keeps its digits. */
IC_INLINE vreal TYPED(ic_sigmoid)(vreal x) {
    const vreal zero = V(set)(0), one = V(set)(1);
    const vreal e = TYPED(ic_exp)(V(sub)(zero, V(abs)(x)));
    return V(div)(V(select_lt)(x, zero, e, one), V(add)(one, e));
}
