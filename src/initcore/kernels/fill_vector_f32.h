/* float32 fills by whole vectors, for AVX2 and AVX-512: the numbers of transforms.h, the same
 * operations in the same order, in registers from the counter to the number. */
#ifndef INITCORE_KERNELS_FILL_VECTOR_F32_H
#define INITCORE_KERNELS_FILL_VECTOR_F32_H

#include <string.h>

#include "initcore/kernels/fill_blocks.h"
#include "initcore/kernels/fill_lanes.h"
#include "initcore/laws.h"
#include "initcore/transforms.h"

/* Word w of the next LANES blocks in w[w], lane l that of block (l mod 4) PART + l / 4. */
IC_LANES_INLINE void next_words_f32(vu64 w[4], block_run *run) {
    const int last = IC_PHILOX_ROUNDS - 1;
    const counters even = nine_rounds(run, 0), odd = nine_rounds(run, 1);
    const vu64 m0 = all_wides(IC_PHILOX_M0), m1 = all_wides(IC_PHILOX_M1);
    const vu64 p0_even = multiply_words(even.c[0], m0), p0_odd = multiply_words(odd.c[0], m0);
    const vu64 p1_even = multiply_words(even.c[2], m1), p1_odd = multiply_words(odd.c[2], m1);
    w[0] = xor3(merge_high(p1_even, p1_odd), merge_low(even.c[1], odd.c[1]),
                (vu64)all_words(run->key[0][last]));
    w[1] = merge_low(p1_even, p1_odd);
    w[2] = xor3(merge_high(p0_even, p0_odd), merge_low(even.c[3], odd.c[3]),
                (vu64)all_words(run->key[1][last]));
    w[3] = merge_low(p0_even, p0_odd);
}

/* Element w of each block from x[w], in natural order. */
IC_LANES_INLINE void put_blocks_f32(void *to, const vu64 x[4]) {
    float *const out = to;
    const vf32 a = (vf32)x[0], b = (vf32)x[1], c = (vf32)x[2], d = (vf32)x[3];
    const vf32 low01 = interleave_low(a, b), low23 = interleave_low(c, d);
    const vf32 high01 = interleave_high(a, b), high23 = interleave_high(c, d);
    put_f32(out, interleave_low_pairs(low01, low23));
    put_f32(out + LANES, interleave_high_pairs(low01, low23));
    put_f32(out + 2 * LANES, interleave_low_pairs(high01, high23));
    put_f32(out + 3 * LANES, interleave_high_pairs(high01, high23));
}

/* ---- uniform ---- */

IC_LANES_INLINE vf32 uniform_lanes(vu32 w, const ic_uniform_f32 *law) {
    const vf32 unit = to_floats((vi32)(w >> 8)) * 0x1p-24f;
    return at_most_of(all_floats(law->last), law->low + unit * law->span);
}

/* ---- normal ---- */

/* A radius on the way: f, the polynomial down to its coefficient RADIUS_DRAFTED, and what the
 * exponent adds. It is where the chain of operations is cut in half (fill_blocks.h). */
enum { RADIUS_DRAFTED = 4 };
typedef struct radius_draft {
    vf32 f, p, from_exponent;
} radius_draft;

IC_LANES_INLINE radius_draft draft_radius(vu32 w) {
    const vi32 k = (vi32)(w >> 1);
    const vf32 reflected = (to_floats(INT32_MAX - k) + 0.5f) * -0x1p-31f;
    /* the bits of u = x 2^-31 are those of x less 31 in the exponent */
    const uint32_t to_u = UINT32_C(31) << 23;
    const vu32 s = (vu32)(to_floats(k) + 0.5f) - (IC_BITS_SQRT_HALF_F32 + to_u);
    const vi32 e = (vi32)s >> 23;
    const lane_mask below = negative((vi32)s);
    const vf32 m = (vf32)((s & IC_MANTISSA_F32) + IC_BITS_SQRT_HALF_F32);
    const vf32 f = choose(below, m - 1.0f, reflected);
    vf32 p = all_floats(IC_LOG_F32[8]);
    for (int d = 7; d >= RADIUS_DRAFTED; --d) {
        p = p * f + IC_LOG_F32[d];
    }
    return (radius_draft){f, p, to_floats(e) * IC_MINUS_2_LN2_F32};
}

IC_LANES_INLINE vf32 radius_lanes(radius_draft r) {
    for (int d = RADIUS_DRAFTED - 1; d >= 0; --d) {
        r.p = r.p * r.f + IC_LOG_F32[d];
    }
    return root(r.from_exponent + (r.f * r.f * r.p - (r.f + r.f)));
}

IC_LANES_INLINE void direction_lanes(vf32 *first, vf32 *second, vu32 w) {
    const vf32 y = (to_floats((vi32)(w >> 3)) + 0.5f) * 0x1p-31f;
    const vf32 z = y * y;
    vf32 s = all_floats(IC_SIN_F32[3]), c = all_floats(IC_COS_F32[3]);
    for (int d = 2; d >= 0; --d) {
        s = s * z + IC_SIN_F32[d];
        c = c * z + IC_COS_F32[d];
    }
    s = s * y;
    c = c * z + 1.0f;
    const vu32 sign = all_words(UINT32_C(1) << 31);
    const lane_mask swap = odd_words(w);
    *first = (vf32)xor_and((vu32)choose(swap, s, c), w << 30, sign);
    *second = (vf32)xor_and((vu32)choose(swap, c, s), w << 29, sign);
}

IC_LANES_INLINE void normal_lanes(vf32 x[2], radius_draft radius, vu32 angle,
                                  const ic_normal_f32 *law) {
    const vf32 r = radius_lanes(radius);
    vf32 first, second;
    direction_lanes(&first, &second, angle);
    x[0] = r * first * law->std + law->mean;
    x[1] = r * second * law->std + law->mean;
}

/* ---- truncated normal ---- */

/* Coefficient of one degree by the exponent field of p, modulo LANES: octaves of the tail below
 * 1/4, the central polynomial at and above it. That is all of them if p >= 2^-LANES. */
typedef struct quantile_table {
    vf32 degree[7];
} quantile_table;

IC_LANES_INLINE quantile_table quantile_table_of(void) {
    vi32 lane;
    for (int i = 0; i < LANES; ++i) {
        lane[i] = i;
    }
    const lane_mask central =
        equal(lane, (vi32)all_words(125 % LANES)) | equal(lane, (vi32)all_words(126 % LANES));
    quantile_table table;
    for (int d = 0; d < 7; ++d) {
        vf32 octaves;
        memcpy(&octaves, IC_OCTAVE_F32[d], sizeof octaves);
        const vf32 by_field = look_up(octaves, (vu32)(124 - lane));
        table.degree[d] = choose(central, all_floats(IC_CENTRAL_F32[d]), by_field);
    }
    return table;
}

/* The quantile of the tail p >= 2^-LANES; c = 1/2 - p. */
IC_LANES_INLINE vf32 quantile_lanes(vf32 p, vf32 c, const quantile_table *table) {
    const lane_mask central = at_least(p, all_floats(0.25f));
    const vu32 field = (vu32)p >> 23;
    /* p < 1: with all bits of 1 set, its exponent is that of 1 */
    const vf32 m = (vf32)((vu32)p | IC_BITS_ONE_F32);
    const vf32 x = choose(central, c * c, m - 1.5f);
    vf32 z = look_up(table->degree[6], field);
    for (int d = 5; d >= 0; --d) {
        z = z * x + look_up(table->degree[d], field);
    }
    return choose(central, z * c, z);
}

IC_LANES_INLINE vf32 within_bounds(vf32 value, const ic_truncated_normal_f32 *law) {
    return at_most_of(all_floats(law->high), at_least_of(all_floats(law->low), value));
}

IC_LANES_INLINE vf32 truncated_normal_lanes(vu32 w, const ic_truncated_normal_f32 *law,
                                            const quantile_table *table) {
    const vi32 k = (vi32)(w >> 1);
    const vi32 last = (vi32)all_words((uint32_t)law->last_negative);
    const lane_mask upper = greater(k, last);
    const vu32 outer = flip(upper, (vu32)k, all_words(INT32_MAX));
    /* last - k below, k - last - 1 above: each the complement of the other */
    const vu32 inner = flip(upper, (vu32)(last - k), all_words(UINT32_MAX));
    const vf32 scale = choose(upper, all_floats(law->scale[1]), all_floats(law->scale[0]));
    const vf32 edge = choose(upper, all_floats(law->edge[1]), all_floats(law->edge[0]));
    const vf32 center = choose(upper, all_floats(law->center[1]), all_floats(law->center[0]));
    const vf32 p = edge + (to_floats((vi32)outer) + 0.5f) * scale;
    const vf32 c = center + (to_floats((vi32)inner) + 0.5f) * scale;
    const vf32 std = choose(upper, all_floats(law->std), all_floats(-law->std));
    return within_bounds(quantile_lanes(p, c, table) * std + law->mean, law);
}

/* The same where both sides are alike, as for a cut at equal distances from the mean: the side is
 * the uppermost bit of the word. */
IC_LANES_INLINE int is_symmetric(const ic_truncated_normal_f32 *law) {
    return law->last_negative == INT32_MAX / 2 && law->edge[0] == law->edge[1] &&
           law->scale[0] == law->scale[1] && law->center[0] == 0.0f && law->center[1] == 0.0f;
}

IC_LANES_INLINE vf32 symmetric_cut_lanes(vu32 w, const ic_truncated_normal_f32 *law,
                                         const quantile_table *table) {
    const vi32 outer = (vi32)((w ^ (vu32)((vi32)w >> 31)) >> 1);
    const vi32 inner = INT32_MAX / 2 - outer;
    const vf32 p = law->edge[0] + (to_floats(outer) + 0.5f) * law->scale[0];
    const vf32 c = (to_floats(inner) + 0.5f) * law->scale[0];
    const vf32 std = number_by_sign(-law->std, w);
    return within_bounds(quantile_lanes(p, c, table) * std + law->mean, law);
}

/* ---- tiles ---- */

IC_LANES_INLINE void uniform_numbers_f32(vu64 x[4], const vu64 *w, const void *law) {
    for (int i = 0; i < 4; ++i) {
        x[i] = (vu64)uniform_lanes((vu32)w[i], law);
    }
}

IC_LANES_INLINE void normal_draft_f32(vu64 draft[DRAFT], const vu64 w[4], const void *law) {
    (void)law;
    for (int pair = 0; pair < 2; ++pair, draft += DRAFT / 2, w += 2) {
        const radius_draft r = draft_radius((vu32)w[0]);
        draft[0] = (vu64)r.f;
        draft[1] = (vu64)r.p;
        draft[2] = (vu64)r.from_exponent;
        draft[3] = w[1];
    }
}

IC_LANES_INLINE void drafted_normal_numbers_f32(vu64 x[4], const vu64 *draft, const void *law) {
    for (int pair = 0; pair < 2; ++pair, draft += DRAFT / 2, x += 2) {
        const radius_draft r = {(vf32)draft[0], (vf32)draft[1], (vf32)draft[2]};
        vf32 both[2];
        normal_lanes(both, r, (vu32)draft[3], law);
        x[0] = (vu64)both[0];
        x[1] = (vu64)both[1];
    }
}

static const makers UNIFORM_F32 = {next_words_f32, NULL, uniform_numbers_f32, put_blocks_f32};

/* AVX-512 keeps its ports busy with two tiles under way, AVX2 gains from a third. */
#if defined(IC_ISA_AVX512)
IC_LANES_INLINE void normal_numbers_f32(vu64 x[4], const vu64 *w, const void *law) {
    vu64 draft[DRAFT];
    normal_draft_f32(draft, w, law);
    drafted_normal_numbers_f32(x, draft, law);
}
static const makers NORMAL_F32 = {next_words_f32, NULL, normal_numbers_f32, put_blocks_f32};
#else
static const makers NORMAL_F32 = {next_words_f32, normal_draft_f32, drafted_normal_numbers_f32,
                                  put_blocks_f32};
#endif

typedef struct truncated_normal_law {
    ic_truncated_normal_f32 own;
    quantile_table table;
} truncated_normal_law;

IC_LANES_INLINE void truncated_normal_numbers_f32(vu64 x[4], const vu64 *w, const void *law) {
    const truncated_normal_law *const cut = law;
    for (int i = 0; i < 4; ++i) {
        x[i] = (vu64)truncated_normal_lanes((vu32)w[i], &cut->own, &cut->table);
    }
}

IC_LANES_INLINE void symmetric_cut_numbers_f32(vu64 x[4], const vu64 *w, const void *law) {
    const truncated_normal_law *const cut = law;
    for (int i = 0; i < 4; ++i) {
        x[i] = (vu64)symmetric_cut_lanes((vu32)w[i], &cut->own, &cut->table);
    }
}

static const makers TRUNCATED_NORMAL_F32 = {next_words_f32, NULL, truncated_normal_numbers_f32,
                                            put_blocks_f32};
static const makers SYMMETRIC_CUT_F32 = {next_words_f32, NULL, symmetric_cut_numbers_f32,
                                         put_blocks_f32};

/* Whether the octaves that a law draws from fit into a table of LANES entries. */
IC_LANES_INLINE int few_octaves(const ic_truncated_normal_f32 *law) {
    const float least = 1.0f / (float)(1 << LANES);
    const int lower = law->scale[0] == 0.0f || law->edge[0] + 0.5f * law->scale[0] >= least;
    const int upper = law->scale[1] == 0.0f || law->edge[1] + 0.5f * law->scale[1] >= least;
    return lower && upper;
}

#endif
