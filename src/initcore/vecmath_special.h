/* expm1 below zero, log1p up to one, erf, the normal distribution, atan, sin and cos of a vector:
 * one fixed sequence of operations each, as in vecmath.h.
 * docs/compute-v1.md lists the operations; the polynomials come from tools/fit_vecmath.py. Bounds
 * of the activations made of them: tests/test_activation_kernels.py. Included once for each type,
 * after vecmath.h.
 */
#if !defined(INITCORE_VECMATH_SPECIAL_H)
#define INITCORE_VECMATH_SPECIAL_H

/* below this e^x - 1 is -1 */
#define IC_EXPM1_LOW_f32 -18.2f
#define IC_EXPM1_LOW_f64 -40.0
/* beyond this exp(-a^2) is 0, and erf is 1 */
#define IC_ERF_HIGH_f32 10.2f
#define IC_ERF_HIGH_f64 27.0
/* beyond this exp(-z^2 / 2) is 0 */
#define IC_NORMAL_HIGH_f32 14.5f
#define IC_NORMAL_HIGH_f64 38.5
/* up to here a multiple of pi is subtracted exactly; beyond, sin and cos are NaN */
#define IC_SIN_HIGH_f32 0x1p20f
#define IC_SIN_HIGH_f64 0x1p30
/* pi in three parts, pi / 4 in two */
#define IC_PI_1_f32 0x1.921fb6p+1f
#define IC_PI_2_f32 -0x1.777a5cp-24f
#define IC_PI_3_f32 -0x1.ee59dap-49f
#define IC_PI_1_f64 0x1.921fb54442d18p+1
#define IC_PI_2_f64 0x1.1a62633145c07p-53
#define IC_PI_3_f64 -0x1.f1976b7ed8fbcp-109
#define IC_1_PI_f32 0x1.45f306p-2f
#define IC_1_PI_f64 0x1.45f306dc9c883p-2
#define IC_PI_4_HIGH_f32 0x1.921fb6p-1f
#define IC_PI_4_HIGH_f64 0x1.921fb54442d18p-1
#define IC_PI_4_LOW_f32 -0x1.777a5cp-26f
#define IC_PI_4_LOW_f64 0x1.1a62633145c07p-55

/* erf(x) / x - 1 in x^2 for |x| <= 1, highest degree first, here and below */
static const float ic_erf_terms_f32[] = {0x1.496a32p-14f, -0x1.a3f7p-11f, 0x1.5405b2p-8f,
                                         -0x1.b7f90ep-6f, 0x1.ce2cf8p-4f, -0x1.81273ep-2f,
                                         0x1.06eba8p-3f};
static const double ic_erf_terms_f64[] = {
    -0x1.abae5686cb12dp-31, 0x1.d71b135557dcdp-27, -0x1.5c0727813bd44p-23, 0x1.b97fd3ef074a2p-20,
    -0x1.f4ca4d7127366p-17, 0x1.f9a2baa9197afp-14, -0x1.c02db03dd7f83p-11, 0x1.565bccf92b334p-8,
    -0x1.b82ce311fa93ep-6,  0x1.ce2f21a040d16p-4,  -0x1.812746b0379bdp-2,  0x1.06eba8214db68p-3};
/* exp(a^2) erfc(a) in t = (a - 3) / (a + 3) for a from 1 to where erfc is 0 */
static const float ic_erfc_terms_f32[] = {-0x1.1544dcp-11f, 0x1.7cc6dap-11f, 0x1.164a74p-8f,
                                          -0x1.8faf1ep-6f,  0x1.258e1cp-4f,  -0x1.336ff4p-3f,
                                          0x1.f6ff1p-3f,    -0x1.4e102cp-2f, 0x1.6e9828p-3f};
static const double ic_erfc_terms_f64[] = {
    -0x1.39fc72fb705d2p-31, -0x1.014ca6068c53ep-26, 0x1.b1f0311cd63b5p-25, 0x1.6311f9cb59d9fp-25,
    -0x1.057a0a521921bp-22, -0x1.3f221ed09bfc5p-22, 0x1.516e089a299c4p-20, 0x1.1c88bcd959109p-19,
    -0x1.0bbd295dd40f7p-17, -0x1.af85304c2a86cp-17, 0x1.0cac5cd828accp-14, 0x1.7ba0ed9d7ea0bp-15,
    -0x1.39084cb8f8037p-11, 0x1.73101e99effddp-11,  0x1.17c838eefda8fp-8,  -0x1.8fa58eb5e5b53p-6,
    0x1.258b13b017886p-4,   -0x1.336ffbef08accp-3,  0x1.f6ff204105976p-3,  -0x1.4e102b9cf8514p-2,
    0x1.6e9827d229d2dp-3};
/* (atan(x) - x) / x^3 in x^2 for |x| <= tan(pi / 8) */
static const float ic_atan_terms_f32[] = {0x1.4a23ecp-4f, -0x1.1c4206p-3f, 0x1.9925d6p-3f,
                                          -0x1.555458p-2f};
static const double ic_atan_terms_f64[] = {
    -0x1.259d3295c578bp-6, 0x1.37ed35caeda69p-5, -0x1.9cdc229b99f61p-5, 0x1.df11667fce124p-5,
    -0x1.10ebdd8b473abp-4, 0x1.3b111c62a8313p-4, -0x1.745cf90afb597p-4, 0x1.c71c70e7a0fe7p-4,
    -0x1.24924922b11c9p-3, 0x1.99999999958eap-3, -0x1.555555555553dp-2};
/* (sin(x) - x) / x^3 in x^2 for |x| <= pi / 2 */
static const float ic_sin_terms_f32[] = {0x1.5dbd6ep-19f, -0x1.9f6ff6p-13f, 0x1.110ed4p-7f,
                                         -0x1.55554cp-3f};
static const double ic_sin_terms_f64[] = {
    0x1.88294d8ecec96p-49, -0x1.ae431a7dcbe03p-41, 0x1.6123cb1d5671ap-33, -0x1.ae6454cb29e2dp-26,
    0x1.71de3a5287668p-19, -0x1.a01a01a0148afp-13, 0x1.11111111110c1p-7,  -0x1.5555555555555p-3};
#endif

/* x, but `most` where it is more; NaN stays. */
IC_INLINE vreal TYPED(ic_at_most)(vreal x, vreal most) {
    return V(select_lt)(most, x, most, x);
}

/* e^x - 1 for x <= 0. */
IC_INLINE vreal TYPED(ic_expm1_below)(vreal x) {
    const vreal low = V(set)(TYPED(IC_EXPM1_LOW));
    x = V(select_lt)(x, low, low, x);
    vreal t;
    const vreal p = TYPED(ic_expm1_reduced)(x, &t);
    const vreal power = V(pow2)(t);
    return V(fma)(power, p, V(sub)(power, V(set)(1)));
}

/* log(1 + u) for u in [0, 1]: 1 + u = 2^e (1 + f) as in ic_log, without rounding 1 + u. */
IC_INLINE vreal TYPED(ic_log1p)(vreal u) {
    const vreal one = V(set)(1), turn = V(set)((real)0x1.a827999fcef32p-2); /* sqrt 2 - 1 */
    const vreal halved = V(mul)(V(sub)(u, one), V(set)((real)0.5));
    const vreal f = V(select_lt)(turn, u, halved, u);
    const vreal e = V(select_lt)(turn, u, one, V(set)(0));
    return TYPED(ic_log_joined)(e, f);
}

/* erf(a) for 0 <= a <= 1. */
IC_INLINE vreal TYPED(ic_erf_near)(vreal a) {
    return V(fma)(a, IC_POLYNOMIAL(ic_erf_terms, V(mul)(a, a)), a);
}

/* exp(a^2) erfc(a) for a >= 1. */
IC_INLINE vreal TYPED(ic_erfc_scaled)(vreal a) {
    const vreal three = V(set)(3);
    const vreal t = V(div)(V(sub)(a, three), V(add)(a, three));
    return IC_POLYNOMIAL(ic_erfc_terms, t);
}

/* exp(-scale a^2), scale 1 or 1/2; what rounding a^2 left is put back as a factor. */
IC_INLINE vreal TYPED(ic_exp_minus_square)(vreal a, vreal scale) {
    const vreal zero = V(set)(0), square = V(mul)(a, a);
    const vreal rest = V(fma)(a, a, V(sub)(zero, square));
    const vreal e = TYPED(ic_exp)(V(sub)(zero, V(mul)(scale, square)));
    return V(fma)(V(sub)(zero, e), V(mul)(scale, rest), e);
}

/* erf with the sign of x. */
IC_INLINE vreal TYPED(ic_erf)(vreal x) {
    const vreal one = V(set)(1);
    const vreal a = TYPED(ic_at_most)(V(abs)(x), V(set)(TYPED(IC_ERF_HIGH)));
    const vreal tail = V(mul)(TYPED(ic_exp_minus_square)(a, one), TYPED(ic_erfc_scaled)(a));
    return V(with_sign)(V(select_lt)(a, one, TYPED(ic_erf_near)(a), V(sub)(one, tail)), x);
}

/* The standard normal distribution at z, and its density times sqrt(2 pi), which is
 * exp(-z^2 / 2). The left tail keeps its digits; beyond IC_NORMAL_HIGH both are as there. */
IC_INLINE vreal TYPED(ic_normal_cdf)(vreal z, vreal *density) {
    const vreal one = V(set)(1), half = V(set)((real)0.5), zero = V(set)(0);
    const vreal a = TYPED(ic_at_most)(V(abs)(z), V(set)(TYPED(IC_NORMAL_HIGH)));
    const vreal u = V(mul)(a, V(set)((real)0x1.6a09e667f3bcdp-1)); /* 1 / sqrt 2 */
    *density = TYPED(ic_exp_minus_square)(a, half);
    const vreal tail = V(mul)(V(mul)(half, *density), TYPED(ic_erfc_scaled)(u));
    const vreal near = V(mul)(half, TYPED(ic_erf_near)(u));
    const vreal below = V(select_lt)(u, one, V(sub)(half, near), tail);
    const vreal above = V(select_lt)(u, one, V(add)(half, near), V(sub)(one, tail));
    return V(select_lt)(z, zero, below, above);
}

/* atan with the sign of x: of x, of (x - 1) / (x + 1) with pi / 4 added, or of -1 / x with
 * pi / 2 added, whichever is at most tan(pi / 8). */
IC_INLINE vreal TYPED(ic_atan)(vreal x) {
    const vreal one = V(set)(1), zero = V(set)(0), a = V(abs)(x);
    const vreal low = V(set)((real)0x1.a827999fcef32p-2);  /* sqrt 2 - 1 */
    const vreal high = V(set)((real)0x1.3504f333f9de6p+1); /* sqrt 2 + 1 */
    vreal above = V(select_lt)(low, a, V(sub)(a, one), a);
    vreal under = V(select_lt)(low, a, V(add)(a, one), one);
    vreal quarters = V(select_lt)(low, a, one, zero);
    above = V(select_lt)(high, a, V(set)(-1), above);
    under = V(select_lt)(high, a, a, under);
    quarters = V(select_lt)(high, a, V(set)(2), quarters);
    const vreal t = V(div)(above, under), z = V(mul)(t, t);
    const vreal p = V(fma)(V(mul)(t, z), IC_POLYNOMIAL(ic_atan_terms, z), t);
    const vreal rest = V(fma)(quarters, V(set)(TYPED(IC_PI_4_LOW)), p);
    return V(with_sign)(V(fma)(quarters, V(set)(TYPED(IC_PI_4_HIGH)), rest), x);
}

/* (-1)^k sin(x - h pi) with |x - h pi| <= pi / 2; NaN where |x| is beyond IC_SIN_HIGH. */
IC_INLINE vreal TYPED(ic_sin_reduced)(vreal x, vreal k, vreal h) {
    const vreal zero = V(set)(0), half = V(set)((real)0.5), magic = V(set)(TYPED(IC_ROUND));
    vreal r = V(fma)(h, V(set)(-TYPED(IC_PI_1)), x);
    r = V(fma)(h, V(set)(-TYPED(IC_PI_2)), r);
    r = V(fma)(h, V(set)(-TYPED(IC_PI_3)), r);
    const vreal z = V(mul)(r, r);
    const vreal s = V(fma)(V(mul)(r, z), IC_POLYNOMIAL(ic_sin_terms, z), r);
    /* k / 2 less its nearest whole number is 0 for an even k, 1/2 or -1/2 for an odd one */
    const vreal whole = V(sub)(V(fma)(k, half, magic), magic);
    const vreal odd = V(abs)(V(fma)(k, half, V(sub)(zero, whole)));
    const vreal y = V(mul)(s, V(fma)(odd, V(set)(-4), V(set)(1)));
    return V(select_le)(V(abs)(x), V(set)(TYPED(IC_SIN_HIGH)), y, V(set)((real)NAN));
}

IC_INLINE vreal TYPED(ic_sin)(vreal x) {
    const vreal magic = V(set)(TYPED(IC_ROUND));
    const vreal k = V(sub)(V(fma)(x, V(set)(TYPED(IC_1_PI)), magic), magic);
    return V(select_le)(V(abs)(x), V(set)(0), x, TYPED(ic_sin_reduced)(x, k, k));
}

/* x = (k + 1/2) pi + r, where cos x = -(-1)^k sin r. */
IC_INLINE vreal TYPED(ic_cos)(vreal x) {
    const vreal magic = V(set)(TYPED(IC_ROUND)), half = V(set)((real)0.5);
    const vreal u = V(fma)(x, V(set)(TYPED(IC_1_PI)), V(set)((real)-0.5));
    const vreal k = V(sub)(V(add)(u, magic), magic);
    return V(sub)(V(set)(0), TYPED(ic_sin_reduced)(x, k, V(add)(k, half)));
}
