/* The standard normal law in double: logarithm, exponential, tail, density, quantile, and the
 * moments of its truncations. One fixed sequence of + - * / and sqrt, so that the bytes of a
 * stream do not depend on a libm. docs/stream-v1.md writes each function out. */
#ifndef INITCORE_NORMAL_H
#define INITCORE_NORMAL_H

#include <math.h>
#include <string.h>

#include "initcore/base.h"
#include "initcore/constants.h"

#define IC_BITS_SQRT_HALF_F64 UINT64_C(0x3FE6A09E667F3BCD)
#define IC_BITS_ONE_F64 UINT64_C(0x3FF0000000000000)
#define IC_BITS_2_52 UINT64_C(0x4330000000000000)
#define IC_MANTISSA_F64 UINT64_C(0x000FFFFFFFFFFFFF)
#define IC_TAIL_END 37.5 /* 1 - Phi(37.5) is the last tail that is no subnormal number */

static inline uint64_t ic_bits_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double ic_from_bits_f64(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* n < 2^52 as a double, exactly, without a 64-bit conversion (AVX2 has none). */
static inline double ic_exact_f64(uint64_t n) {
    return ic_from_bits_f64(IC_BITS_2_52 | n) - 0x1p52;
}

/* ln x for normal x > 0. x = 2^e m with sqrt(1/2) <= m < sqrt(2); ln m = 2 atanh(s). */
static inline double ic_log_f64(double x) {
    const uint64_t shifted = ic_bits_f64(x) + (IC_BITS_ONE_F64 - IC_BITS_SQRT_HALF_F64);
    const double e = ic_exact_f64(shifted >> 52) - 1023.0;
    const double m = ic_from_bits_f64((shifted & IC_MANTISSA_F64) + IC_BITS_SQRT_HALF_F64);
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double p = IC_LOG_F64[6];
    p = p * z + IC_LOG_F64[5];
    p = p * z + IC_LOG_F64[4];
    p = p * z + IC_LOG_F64[3];
    p = p * z + IC_LOG_F64[2];
    p = p * z + IC_LOG_F64[1];
    p = p * z + IC_LOG_F64[0];
    const double half_square = 0.5 * f * f;
    const double correction = s * (half_square + z * p) + e * IC_LN2_LOW;
    return e * IC_LN2_HIGH + (f - (half_square - correction));
}

/* exp(-y) for -0.01 <= y <= 704. */
static inline double ic_exp_minus(double y) {
    const int32_t k = (int32_t)(y * IC_LOG2_E + 0.5);
    const double x = ((double)k * IC_LN2_HIGH - y) + (double)k * IC_LN2_LOW;
    double p = IC_EXP_F64[11];
    for (int d = 10; d >= 0; --d) {
        p = p * x + IC_EXP_F64[d];
    }
    const double scale = ic_from_bits_f64((uint64_t)(1023 - k) << 52);
    return (1.0 + (x + x * x * p)) * scale;
}

/* exp(-x^2 / 2) for |x| <= 37.5; x is split so that its square loses no digits. */
static inline double ic_bell(double x) {
    const double high = (double)(float)x;
    const double rest = 0.5 * ((x - high) * (x + high));
    return ic_exp_minus(0.5 * (high * high)) * ic_exp_minus(rest);
}

/* 1 - Phi(x) for x >= 0; 0 beyond 37.5. */
static inline double ic_normal_tail(double x) {
    if (x == 0.0) {
        return 0.5;
    }
    if (x > IC_TAIL_END) {
        return 0.0;
    }
    const double t = (x - 4.0) / (x + 4.0);
    double p = IC_MILLS_F64[23];
    for (int d = 22; d >= 0; --d) {
        p = p * t + IC_MILLS_F64[d];
    }
    return (p / (x + 4.0)) * (IC_INV_SQRT_2PI * ic_bell(x));
}

/* z >= 0 with 1 - Phi(z) = p, for 2^-1020 < p < 0.75; c = 1/2 - p comes in beside p, because the
 * difference would lose its digits near the median. */
static inline double ic_normal_quantile(double p, double c) {
    const double square = c * c;
    double central = IC_CENTRAL_F64[13];
#pragma GCC unroll 32
    for (int d = 12; d >= 0; --d) {
        central = central * square + IC_CENTRAL_F64[d];
    }
    central = c * central;

    const double r = sqrt(-2.0 * ic_log_f64(p));
    const int near = r < 4.25, far = r >= 11.5;
#define IC_TAIL_PIECE(table) (near ? table[0] : far ? table[2] : table[1])
#define IC_TAIL_PIECE_AT(d) (near ? IC_TAIL_F64[0][d] : far ? IC_TAIL_F64[2][d] : IC_TAIL_F64[1][d])
    const double anchor = IC_TAIL_PIECE(IC_TAIL_ANCHOR);
    const double t = (r - anchor) / (r + anchor);
    double tail = IC_TAIL_PIECE_AT(19);
#pragma GCC unroll 32
    for (int d = 18; d >= 0; --d) {
        tail = tail * t + IC_TAIL_PIECE_AT(d);
    }
    tail = r * tail;
#undef IC_TAIL_PIECE
#undef IC_TAIL_PIECE_AT
    return p >= 0.25 ? central : tail;
}

/* Mean and variance of N(0, 1) given low < x < high.
 *
 * Gauss-Legendre on 16 panels, weights taken relative to the interval's most likely point: no
 * difference of nearly equal terms occurs, however narrow or far out the interval is. */
static inline void ic_truncated_moments(double *mean, double *variance, double low, double high) {
    const double peak = low > 0.0 ? low : high < 0.0 ? high : 0.0;
    const double reach = sqrt(peak * peak + 92.0); /* beyond it a weight is below exp(-46) */
    const double from = low > -reach ? low : -reach;
    const double to = high < reach ? high : reach;
    const double half = (to - from) / 32.0;
    double centre = 0.0;
    double spread = 0.0;
    for (int pass = 0; pass < 2; ++pass) {
        double mass = 0.0, sum = 0.0;
        for (int panel = 0; panel < 16; ++panel) {
            const double middle = from + half * (2.0 * panel + 1.0);
            for (int i = 0; i < 16; ++i) {
                const double node = i < 8 ? IC_GAUSS_NODE[i] : -IC_GAUSS_NODE[i - 8];
                const double x = middle + half * node;
                const double y = 0.5 * ((x - peak) * (x + peak));
                const double weight = IC_GAUSS_WEIGHT[i & 7] * ic_exp_minus(y);
                const double offset = pass == 0 ? x - peak : (x - centre) * (x - centre);
                mass += weight;
                sum += weight * offset;
            }
        }
        if (pass == 0) {
            centre = peak + sum / mass;
        } else {
            spread = sum / mass;
        }
    }
    *mean = centre;
    *variance = spread;
}

#endif
