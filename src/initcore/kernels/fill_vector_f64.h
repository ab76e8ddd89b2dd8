/* float64 fills and raw words by whole vectors, for AVX2 and AVX-512: the numbers of transforms.h,
 * the same operations in the same order. A block is two words of 64 bits, and these one pair of
 * normals. */
#ifndef INITCORE_KERNELS_FILL_VECTOR_F64_H
#define INITCORE_KERNELS_FILL_VECTOR_F64_H

#include "initcore/kernels/fill_blocks.h"
#include "initcore/kernels/fill_lanes.h"
#include "initcore/laws.h"
#include "initcore/normal.h"
#include "initcore/transforms.h"

/* Both words of the next LANES blocks, each with its halves exchanged, as a normal takes them: w[0]
 * and w[1] of those in even lanes, w[2] and w[3] of those in odd ones. A product of the last round
 * is the second half, and stays in the lower one. */
IC_LANES_INLINE void next_words_f64(vu64 w[4], block_run *run) {
    const int last = IC_PHILOX_ROUNDS - 1;
    for (int odd = 0; odd < 2; ++odd) {
        const counters x = nine_rounds(run, odd);
        const vu64 p0 = multiply_words(x.c[0], all_wides(IC_PHILOX_M0));
        const vu64 p1 = multiply_words(x.c[2], all_wides(IC_PHILOX_M1));
        w[2 * odd] = xor3(p1, x.c[1] << 32, (vu64)all_words(run->key[0][last]) << 32);
        w[2 * odd + 1] = xor3(p0, x.c[3] << 32, (vu64)all_words(run->key[1][last]) << 32);
    }
}

/* The words of each block from x, in natural order. */
IC_LANES_INLINE void put_blocks_f64(void *to, const vu64 x[4]) {
    double *out = to;
    for (int odd = 0; odd < 2; ++odd, out += LANES, x += 2) {
        put_f64(out, interleave_low_f64((vf64)x[0], (vf64)x[1]));
        put_f64(out + LANES / 2, interleave_high_f64((vf64)x[0], (vf64)x[1]));
    }
}

/* ---- bits: words of 32 bits are those of 64 in memory ---- */

IC_LANES_INLINE void bits_of_words(vu64 x[4], const vu64 *w, const void *law) {
    (void)law;
    for (int i = 0; i < 4; ++i) {
        x[i] = exchange_halves(w[i]);
    }
}

/* ---- uniform ---- */

IC_LANES_INLINE void uniform_numbers_f64(vu64 x[4], const vu64 *w, const void *law) {
    const ic_uniform_f64 *const own = law;
    for (int i = 0; i < 4; ++i) {
        const vf64 value = own->low + unit_f64(exchange_halves(w[i])) * own->span;
        x[i] = (vu64)at_most_of_f64(all_doubles(own->last), value);
    }
}

/* ---- normal ---- */

IC_LANES_INLINE vf64 half_radius_lanes_f64(vu64 w) {
    const vf64 u = (vf64)and_or(w, IC_MANTISSA_F64, IC_BITS_ONE_F64) - (1.0 - 0x1p-53);
    const vu64 shifted = (vu64)u + (IC_BITS_ONE_F64 - IC_BITS_SQRT_HALF_F64);
    const vf64 e = exponent(shifted);
    const vf64 m = (vf64)((shifted & IC_MANTISSA_F64) + IC_BITS_SQRT_HALF_F64);
    const vf64 s = (1.0 - m) / (1.0 + m);
    const vf64 z = s * s;
    vf64 p = z * (IC_LOG_F64[6] / 2) + IC_LOG_F64[5] / 2;
    for (int d = 4; d >= 0; --d) {
        p = p * z + IC_LOG_F64[d] / 2;
    }
    return root_f64((p * (z * s) + s) + e * IC_MINUS_HALF_LN2);
}

IC_LANES_INLINE void twice_direction_lanes_f64(vf64 *cosine, vf64 *sine, vu64 w) {
    const vf64 y = (vf64)and_or(w, IC_MANTISSA_F64 - 1, IC_BITS_ONE_F64 + 1) - 1.5;
    const vf64 z = y * y;
    vf64 s = z * IC_SIN_F64[6] + IC_SIN_F64[5], c = z * IC_COS_F64[6] + IC_COS_F64[5];
    for (int d = 4; d >= 0; --d) {
        s = s * z + IC_SIN_F64[d];
        c = c * z + IC_COS_F64[d];
    }
    *sine = s * y;
    *cosine = c;
}

IC_LANES_INLINE void normal_numbers_f64(vu64 x[4], const vu64 *w, const void *law) {
    const ic_normal_f64 *const own = law;
    vf64 length[2], c[2], s[2];
    for (int odd = 0; odd < 2; ++odd) {
        length[odd] = half_radius_lanes_f64(w[2 * odd]) * own->std;
        twice_direction_lanes_f64(&c[odd], &s[odd], w[2 * odd + 1]);
    }
    for (int odd = 0; odd < 2; ++odd) {
        const vf64 r = flip_by_sign(length[odd], w[2 * odd + 1]);
        const wide_mask swap = negative_wides(w[2 * odd]);
        x[2 * odd] = (vu64)(r * choose_f64(swap, s[odd], c[odd]) + own->mean);
        x[2 * odd + 1] = (vu64)(r * choose_f64(swap, c[odd], s[odd]) + own->mean);
    }
}

static const makers BITS_U32 = {next_words_f64, NULL, bits_of_words, put_blocks_f64};
static const makers BITS_U64 = {next_words_f64, NULL, bits_of_words, put_blocks_f64};
static const makers UNIFORM_F64 = {next_words_f64, NULL, uniform_numbers_f64, put_blocks_f64};
static const makers NORMAL_F64 = {next_words_f64, NULL, normal_numbers_f64, put_blocks_f64};

#endif
