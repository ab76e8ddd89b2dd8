/* Words of a stream -> numbers of a law, one lane at a time.
 *
 * Only + - * / sqrt, conversions between int32 and float, comparisons and bit moves, in the order
 * that docs/stream-v1.md writes down: every instruction set gives the same bytes. There are no
 * branches, so that a loop over lanes becomes vector code. */
#ifndef INITCORE_TRANSFORMS_H
#define INITCORE_TRANSFORMS_H

#include <math.h>
#include <string.h>

#include "initcore/base.h"
#include "initcore/constants.h"
#include "initcore/laws.h"
#include "initcore/normal.h"

#define IC_BITS_SQRT_HALF_F32 UINT32_C(0x3F3504F3)
#define IC_BITS_ONE_F32 UINT32_C(0x3F800000)
#define IC_MANTISSA_F32 UINT32_C(0x007FFFFF)

static inline uint32_t ic_bits_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float ic_from_bits_f32(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- uniform ---- */

/* [0, 1) on the grid of 2^-24. */
static inline float ic_unit_f32(uint32_t word) {
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

/* [0, 1) on the grid of 2^-53: the upper 53 bits of high:low, moved by two exact halves
 *   high: hhhhhhhhhhhhhhhhhhhhhhhhhhh|hhhhh   low: lllllllllllllllllllll|...........
 *         27 bits ------------------  26 bits ------------------------- */
static inline double ic_unit_f64(uint32_t low, uint32_t high) {
    const double upper = (double)(int32_t)(high >> 5);
    const double lower = (double)(int32_t)((high & 31) << 21 | low >> 11);
    return upper * 0x1p-27 + lower * 0x1p-53;
}

static inline float ic_uniform_f32_value(uint32_t word, const ic_uniform_f32 *law) {
    const float value = law->low + ic_unit_f32(word) * law->span;
    return value > law->last ? law->last : value;
}

static inline double ic_uniform_f64_value(uint32_t low, uint32_t high, const ic_uniform_f64 *law) {
    const double value = law->low + ic_unit_f64(low, high) * law->span;
    return value > law->last ? law->last : value;
}

/* ---- normal: Box-Muller ---- */

/* sqrt(-2 ln u) for u = (k + 1/2) 2^-31, k = word >> 1. Near u = 1 the argument of the logarithm
 * is taken from the integer 2^31 - 1 - k, which keeps the digits that u itself has lost. */
static inline float ic_radius_f32(uint32_t word) {
    const int32_t k = (int32_t)(word >> 1);
    const float u = ((float)k + 0.5f) * 0x1p-31f;
    const float reflected = ((float)(INT32_MAX - k) + 0.5f) * -0x1p-31f;
    const uint32_t shifted = ic_bits_f32(u) + (IC_BITS_ONE_F32 - IC_BITS_SQRT_HALF_F32);
    const int32_t e = (int32_t)(shifted >> 23) - 127;
    const float m = ic_from_bits_f32((shifted & IC_MANTISSA_F32) + IC_BITS_SQRT_HALF_F32);
    const float rest = m - 1.0f;
    const float f = e == 0 ? reflected : rest;
    float p = IC_LOG_F32[8];
    p = p * f + IC_LOG_F32[7];
    p = p * f + IC_LOG_F32[6];
    p = p * f + IC_LOG_F32[5];
    p = p * f + IC_LOG_F32[4];
    p = p * f + IC_LOG_F32[3];
    p = p * f + IC_LOG_F32[2];
    p = p * f + IC_LOG_F32[1];
    p = p * f + IC_LOG_F32[0];
    const float minus_2_log_m = f * f * p - (f + f);
    return sqrtf((float)e * IC_MINUS_2_LN2_F32 + minus_2_log_m);
}

/* A direction: its cosine and sine, from an eighth of the circle and three bits.
 *   word: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy|S|C|X   X swaps, C and S are the signs */
static inline void ic_direction_f32(float *first, float *second, uint32_t word) {
    const float y = ((float)(int32_t)(word >> 3) + 0.5f) * 0x1p-31f;
    const float z = y * y;
    float s = IC_SIN_F32[3];
    s = s * z + IC_SIN_F32[2];
    s = s * z + IC_SIN_F32[1];
    s = s * z + IC_SIN_F32[0];
    s = s * y;
    float c = IC_COS_F32[3];
    c = c * z + IC_COS_F32[2];
    c = c * z + IC_COS_F32[1];
    c = c * z + IC_COS_F32[0];
    c = c * z + 1.0f;
    const uint32_t s_bits = ic_bits_f32(s), c_bits = ic_bits_f32(c);
    const uint32_t swap = (s_bits ^ c_bits) & (0U - (word & 1));
    *first = ic_from_bits_f32(c_bits ^ swap ^ (word & 2) << 30);
    *second = ic_from_bits_f32(s_bits ^ swap ^ (word & 4) << 29);
}

static inline void ic_normal_f32_pair(float out[2], uint32_t radius_word, uint32_t angle_word,
                                      const ic_normal_f32 *law) {
    const float r = ic_radius_f32(radius_word);
    float first, second;
    ic_direction_f32(&first, &second, angle_word);
    out[0] = r * first * law->std + law->mean;
    out[1] = r * second * law->std + law->mean;
}

/* In double, half the radius and twice the direction: the factor of s is then 1, and the cosine's
 * first coefficient a power of two. A word holds a fraction and a bit:
 *   word: B|...........|ffffffffffffffffffffffffffffffffffffffffffffffffffff */

/* sqrt(-ln(u) / 2) for u = (fraction + 1/2) 2^-52, which double holds exactly. u = 2^e m with
 * sqrt(1/2) <= m < sqrt(2), and -ln(m) / 2 = atanh(s). */
static inline double ic_half_radius_f64(uint64_t word) {
    const uint64_t fraction = word & IC_MANTISSA_F64;
    const double u = ic_from_bits_f64(fraction | IC_BITS_ONE_F64) - (1.0 - 0x1p-53);
    const uint64_t shifted = ic_bits_f64(u) + (IC_BITS_ONE_F64 - IC_BITS_SQRT_HALF_F64);
    const double e = ic_from_bits_f64(shifted >> 52 | IC_BITS_2_52) - (0x1p52 + 1023.0);
    const double m = ic_from_bits_f64((shifted & IC_MANTISSA_F64) + IC_BITS_SQRT_HALF_F64);
    const double s = (1.0 - m) / (1.0 + m);
    const double z = s * s;
    double p = IC_LOG_F64[6] / 2;
    p = p * z + IC_LOG_F64[5] / 2;
    p = p * z + IC_LOG_F64[4] / 2;
    p = p * z + IC_LOG_F64[3] / 2;
    p = p * z + IC_LOG_F64[2] / 2;
    p = p * z + IC_LOG_F64[1] / 2;
    p = p * z + IC_LOG_F64[0] / 2;
    return sqrt((p * (z * s) + s) + e * IC_MINUS_HALF_LN2);
}

/* Twice the cosine and sine of (pi / 2) y, -1/2 < y < 1/2. The fraction's last bit is set, which
 * puts every y as far from 0 as another one on the other side. */
static inline void ic_twice_direction_f64(double *c, double *s, uint64_t word) {
    const uint64_t fraction = word & (IC_MANTISSA_F64 - 1);
    const double y = ic_from_bits_f64(fraction | (IC_BITS_ONE_F64 + 1)) - 1.5;
    const double z = y * y;
    double p = IC_SIN_F64[6];
    p = p * z + IC_SIN_F64[5];
    p = p * z + IC_SIN_F64[4];
    p = p * z + IC_SIN_F64[3];
    p = p * z + IC_SIN_F64[2];
    p = p * z + IC_SIN_F64[1];
    p = p * z + IC_SIN_F64[0];
    *s = p * y;
    p = IC_COS_F64[6];
    p = p * z + IC_COS_F64[5];
    p = p * z + IC_COS_F64[4];
    p = p * z + IC_COS_F64[3];
    p = p * z + IC_COS_F64[2];
    p = p * z + IC_COS_F64[1];
    *c = p * z + IC_COS_F64[0];
}

/* The direction's quarter of the circle: bit 63 of the radius word exchanges cosine and sine, that
 * of the angle word turns by half the circle. */
static inline void ic_normal_f64_pair(double out[2], uint64_t radius_word, uint64_t angle_word,
                                      const ic_normal_f64 *law) {
    const uint64_t half_turn = angle_word & UINT64_C(1) << 63;
    const double length = ic_half_radius_f64(radius_word) * law->std;
    const double r = ic_from_bits_f64(ic_bits_f64(length) ^ half_turn);
    double c, s;
    ic_twice_direction_f64(&c, &s, angle_word);
    const uint64_t c_bits = ic_bits_f64(c), s_bits = ic_bits_f64(s);
    const uint64_t swap = (c_bits ^ s_bits) & (0U - (radius_word >> 63));
    out[0] = r * ic_from_bits_f64(c_bits ^ swap) + law->mean;
    out[1] = r * ic_from_bits_f64(s_bits ^ swap) + law->mean;
}

/* ---- truncated normal: inverse of the distribution function ---- */

/* z >= 0 with 1 - Phi(z) = p for 2^-34 <= p; c = 1/2 - p, computed without cancellation. */
static inline float ic_quantile_f32(float p, float c) {
    const float square = c * c;
    float central = IC_CENTRAL_F32[6];
    central = central * square + IC_CENTRAL_F32[5];
    central = central * square + IC_CENTRAL_F32[4];
    central = central * square + IC_CENTRAL_F32[3];
    central = central * square + IC_CENTRAL_F32[2];
    central = central * square + IC_CENTRAL_F32[1];
    central = central * square + IC_CENTRAL_F32[0];
    central = central * c;
    /* p = m 2^(-3-j): biased exponent 124 - j. Above 1/4 the row is not used. */
    const uint32_t bits = ic_bits_f32(p);
    const uint32_t j = (124U - (bits >> 23)) & 31U;
    const float d = ic_from_bits_f32((bits & IC_MANTISSA_F32) | IC_BITS_ONE_F32) - 1.5f;
    float tail = IC_OCTAVE_F32[6][j];
    tail = tail * d + IC_OCTAVE_F32[5][j];
    tail = tail * d + IC_OCTAVE_F32[4][j];
    tail = tail * d + IC_OCTAVE_F32[3][j];
    tail = tail * d + IC_OCTAVE_F32[2][j];
    tail = tail * d + IC_OCTAVE_F32[1][j];
    tail = tail * d + IC_OCTAVE_F32[0][j];
    return p >= 0.25f ? central : tail;
}

static inline float ic_truncated_normal_f32_value(uint32_t word,
                                                  const ic_truncated_normal_f32 *law) {
    const int32_t k = (int32_t)(word >> 1);
    const int32_t last = law->last_negative;
    const int negative = k <= last;
    const int32_t outer = negative ? k : INT32_MAX - k;
    const int32_t inner =
        (int32_t)(negative ? (uint32_t)last - (uint32_t)k : (uint32_t)k - (uint32_t)last - 1U);
    const float scale = negative ? law->scale[0] : law->scale[1];
    const float edge = negative ? law->edge[0] : law->edge[1];
    const float center = negative ? law->center[0] : law->center[1];
    const float p = edge + ((float)outer + 0.5f) * scale;
    const float c = center + ((float)inner + 0.5f) * scale;
    const float z = ic_quantile_f32(p, c);
    const float value = (negative ? -z : z) * law->std + law->mean;
    const float above = value < law->low ? law->low : value;
    return above > law->high ? law->high : above;
}

/* outer and inner: the cell counted from either end of its side, plus one half. */
static inline double ic_truncated_normal_f64_cell(int negative, double outer, double inner,
                                                  const ic_truncated_normal_f64 *law) {
    const double scale = negative ? law->scale[0] : law->scale[1];
    const double edge = negative ? law->edge[0] : law->edge[1];
    const double center = negative ? law->center[0] : law->center[1];
    const double z = ic_normal_quantile(edge + outer * scale, center + inner * scale);
    return (negative ? -z : z) * law->std + law->mean;
}

static inline double ic_truncated_normal_f64_value(uint64_t word,
                                                   const ic_truncated_normal_f64 *law) {
    const int64_t k = (int64_t)(word >> 12);
    const int64_t last = law->last_negative;
    const int negative = k <= last;
    const int64_t outer = negative ? k : (int64_t)IC_MANTISSA_F64 - k;
    const int64_t inner = negative ? last - k : k - last - 1;
    const double value = ic_truncated_normal_f64_cell(negative, ic_exact_f64((uint64_t)outer) + 0.5,
                                                      ic_exact_f64((uint64_t)inner) + 0.5, law);
    const double above = value < law->low ? law->low : value;
    return above > law->high ? law->high : above;
}

/* A float32 whose probabilities need double: the cells of float32, the quantile of double, one
 * rounding at the end. law->low and law->high are float32 numbers. */
static inline float ic_truncated_normal_deep_f32_value(uint32_t word,
                                                       const ic_truncated_normal_f64 *law) {
    const int32_t k = (int32_t)(word >> 1);
    const int32_t last = (int32_t)law->last_negative;
    const int negative = k <= last;
    const int32_t outer = negative ? k : INT32_MAX - k;
    const int32_t inner =
        (int32_t)(negative ? (uint32_t)last - (uint32_t)k : (uint32_t)k - (uint32_t)last - 1U);
    const float value = (float)ic_truncated_normal_f64_cell(negative, (double)outer + 0.5,
                                                            (double)inner + 0.5, law);
    const float low = (float)law->low, high = (float)law->high;
    const float above = value < low ? low : value;
    return above > high ? high : above;
}

#endif
