/* float64 fills by whole vectors, for AVX2 and AVX-512: the numbers of transforms.h, the same
 * operations in the same order. A block is two words of 64 bits, and these one pair of normals. */
#ifndef INITCORE_KERNELS_FILL_VECTOR_F64_H
#define INITCORE_KERNELS_FILL_VECTOR_F64_H

#include "initcore/kernels/fill_blocks.h"
#include "initcore/kernels/fill_lanes.h"
#include "initcore/laws.h"
#include "initcore/normal.h"
#include "initcore/transforms.h"

/* Both words of the next LANES blocks: w[0] and w[1] of those in even lanes, w[2] and w[3] of those
 * in odd ones. */
IC_LANES_INLINE void next_words_f64(vu64 w[4], block_run *run) {
    const int last = IC_PHILOX_ROUNDS - 1;
    for (int odd = 0; odd < 2; ++odd) {
        const counters x = nine_rounds(run, odd);
        const vu64 p0 = multiply(x.c[0], all_wides(IC_PHILOX_M0));
        const vu64 p1 = multiply(x.c[2], all_wides(IC_PHILOX_M1));
        const vu64 low = xor3(p1 >> 32, x.c[1], (vu64)all_words(run->key[0][last]));
        const vu64 high = xor3(p0 >> 32, x.c[3], (vu64)all_words(run->key[1][last]));
        w[2 * odd] = join_low(low, p1);
        w[2 * odd + 1] = join_low(high, p0);
    }
}

/* n < 2^52 as a double, exactly. */
IC_LANES_INLINE vf64 exact_lanes(vu64 n) {
    return (vf64)(n | IC_BITS_2_52) - 0x1p52;
}

IC_LANES_INLINE vf64 log_lanes(vf64 x) {
    const vu64 shifted = (vu64)x + (IC_BITS_ONE_F64 - IC_BITS_SQRT_HALF_F64);
    const vf64 e = exact_lanes(shifted >> 52) - 1023.0;
    const vf64 f = (vf64)((shifted & IC_MANTISSA_F64) + IC_BITS_SQRT_HALF_F64) - 1.0;
    const vf64 s = f / (2.0 + f);
    const vf64 z = s * s;
    vf64 p = z * IC_LOG_F64[6] + IC_LOG_F64[5];
    for (int d = 4; d >= 0; --d) {
        p = p * z + IC_LOG_F64[d];
    }
    const vf64 half_square = 0.5 * f * f;
    const vf64 correction = s * (half_square + z * p) + e * IC_LN2_LOW;
    return e * IC_LN2_HIGH + (f - (half_square - correction));
}

IC_LANES_INLINE vf64 radius_lanes_f64(vu64 w) {
    const vf64 u = (vf64)((w >> 12) | IC_BITS_ONE_F64) - (1.0 - 0x1p-53);
    return root_f64(-2.0 * log_lanes(u));
}

IC_LANES_INLINE void direction_lanes_f64(vf64 *first, vf64 *second, vu64 w) {
    const vf64 y = (exact_lanes(w >> 12) + 0.5) * 0x1p-54;
    const vf64 z = y * y;
    vf64 s = z * IC_SIN_F64[6] + IC_SIN_F64[5], c = z * IC_COS_F64[6] + IC_COS_F64[5];
    for (int d = 4; d >= 0; --d) {
        s = s * z + IC_SIN_F64[d];
        c = c * z + IC_COS_F64[d];
    }
    s = s * y;
    c = c * z + 1.0;
    const vu64 sign = all_wides(UINT64_C(1) << 63);
    const wide_mask swap = odd_wides(w);
    *first = (vf64)((vu64)choose_f64(swap, s, c) ^ (w << 62 & sign));
    *second = (vf64)((vu64)choose_f64(swap, c, s) ^ (w << 61 & sign));
}

IC_LANES_INLINE void normal_tile_f64(void *out, const vu64 w[4], const void *law) {
    const ic_normal_f64 *const own = law;
    double *to = out;
    for (int odd = 0; odd < 2; ++odd, to += LANES) {
        const vf64 r = radius_lanes_f64(w[2 * odd]);
        vf64 first, second;
        direction_lanes_f64(&first, &second, w[2 * odd + 1]);
        first = r * first * own->std + own->mean;
        second = r * second * own->std + own->mean;
        put_f64(to, interleave_low_f64(first, second));
        put_f64(to + LANES / 2, interleave_high_f64(first, second));
    }
}

#endif
