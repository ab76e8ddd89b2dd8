/* Parameters of a law: rounded once, bounds turned into probabilities once. */
#include "initcore/laws.h"

#include <math.h>

#include "initcore/fpenv.h"
#include "initcore/transforms.h"

#define CELLS_F32 0x1p31
#define CELLS_F64 0x1p52
#define LEAST_MASS 0x1p-960     /* keeps every cell's probability a normal double */
#define LEAST_TAIL_F32 0x1p-34f /* the last octave of IC_OCTAVE_F32 */

/* The largest number below x, for finite x. */
static float below_f32(float x) {
    const uint32_t bits = ic_bits_f32(x);
    if (x == 0.0f) {
        return ic_from_bits_f32(0x80000001U);
    }
    return ic_from_bits_f32(x > 0.0f ? bits - 1 : bits + 1);
}

static double below_f64(double x) {
    const uint64_t bits = ic_bits_f64(x);
    if (x == 0.0) {
        return ic_from_bits_f64(UINT64_C(0x8000000000000001));
    }
    return ic_from_bits_f64(x > 0.0 ? bits - 1 : bits + 1);
}

void ic_uniform_f32_prepare(ic_uniform_f32 *law, double low, double high) {
    const ic_fpenv saved = ic_fpenv_enter();
    const float a = (float)low, b = (float)high;
    *law = (ic_uniform_f32){.low = a, .span = b - a, .last = a == b ? a : below_f32(b)};
    ic_fpenv_leave(saved);
}

void ic_uniform_f64_prepare(ic_uniform_f64 *law, double low, double high) {
    const ic_fpenv saved = ic_fpenv_enter();
    *law = (ic_uniform_f64){
        .low = low, .span = high - low, .last = low == high ? low : below_f64(high)};
    ic_fpenv_leave(saved);
}

void ic_normal_f32_prepare(ic_normal_f32 *law, double mean, double std) {
    const ic_fpenv saved = ic_fpenv_enter();
    *law = (ic_normal_f32){.mean = (float)mean, .std = (float)std};
    ic_fpenv_leave(saved);
}

void ic_normal_f64_prepare(ic_normal_f64 *law, double mean, double std) {
    *law = (ic_normal_f64){.mean = mean, .std = std};
}

float ic_normal_reach_f32(void) {
    return ic_radius_f32(0);
}

double ic_normal_reach_f64(void) {
    return 2.0 * ic_half_radius_f64(0);
}

/* Splits N(0, 1) on [alpha, beta] into equally likely cells. False if it holds too little. */
static int split_into_cells(ic_truncated_normal_f64 *law, double alpha, double beta, double cells) {
    double edge[2] = {0.0, 0.0}, inner[2] = {0.0, 0.0};
    if (alpha < 0.0) {
        edge[0] = ic_normal_tail(-alpha);
        inner[0] = beta < 0.0 ? ic_normal_tail(-beta) : 0.5;
    }
    if (beta > 0.0) {
        edge[1] = ic_normal_tail(beta);
        inner[1] = alpha > 0.0 ? ic_normal_tail(alpha) : 0.5;
    }
    const double mass[2] = {inner[0] - edge[0], inner[1] - edge[1]};
    if (!(mass[0] + mass[1] >= LEAST_MASS)) {
        return 0;
    }
    const int64_t negative = (int64_t)(mass[0] / (mass[0] + mass[1]) * cells + 0.5);
    const int64_t positive = (int64_t)cells - negative;
    law->last_negative = negative - 1;
    for (int side = 0; side < 2; ++side) {
        const int64_t count = side == 0 ? negative : positive;
        law->edge[side] = edge[side];
        law->scale[side] = count > 0 ? mass[side] / (double)count : 0.0;
        law->center[side] = 0.5 - inner[side];
    }
    return 1;
}

static int side_is_used(const ic_truncated_normal_f64 *law, int side, double cells) {
    return side == 0 ? law->last_negative >= 0 : (double)law->last_negative + 1.0 < cells;
}

static ic_truncation prepare_f32(ic_truncated_normal_f32 *law, ic_truncated_normal_f64 *deep,
                                 double mean, double std, double low, double high) {
    const float mean_f = (float)mean, std_f = (float)std;
    const float low_f = (float)low, high_f = (float)high;
    const float reach = ic_normal_reach_f32();
    if (-reach * std_f + mean_f >= low_f && reach * std_f + mean_f <= high_f) {
        return IC_TRUNCATION_NONE;
    }
    if (std_f == 0.0f ||
        !split_into_cells(deep, (low - mean) / std, (high - mean) / std, CELLS_F32)) {
        return IC_TRUNCATION_EMPTY;
    }
    deep->mean = mean;
    deep->std = std;
    deep->low = (double)low_f;
    deep->high = (double)high_f;
    *law = (ic_truncated_normal_f32){.mean = mean_f,
                                     .std = std_f,
                                     .low = low_f,
                                     .high = high_f,
                                     .last_negative = (int32_t)deep->last_negative};
    ic_truncation kind = IC_TRUNCATION_CELLS;
    for (int side = 0; side < 2; ++side) {
        law->edge[side] = (float)deep->edge[side];
        law->scale[side] = (float)deep->scale[side];
        law->center[side] = (float)deep->center[side];
        if (side_is_used(deep, side, CELLS_F32) &&
            law->edge[side] + 0.5f * law->scale[side] < LEAST_TAIL_F32) {
            kind = IC_TRUNCATION_DEEP;
        }
    }
    return kind;
}

ic_truncation ic_truncated_normal_f32_prepare(ic_truncated_normal_f32 *law,
                                              ic_truncated_normal_f64 *deep, double mean,
                                              double std, double low, double high) {
    const ic_fpenv saved = ic_fpenv_enter();
    const ic_truncation kind = prepare_f32(law, deep, mean, std, low, high);
    ic_fpenv_leave(saved);
    return kind;
}

static ic_truncation prepare_f64(ic_truncated_normal_f64 *law, double mean, double std, double low,
                                 double high) {
    const double reach = ic_normal_reach_f64();
    if (-reach * std + mean >= low && reach * std + mean <= high) {
        return IC_TRUNCATION_NONE;
    }
    if (std == 0.0 || !split_into_cells(law, (low - mean) / std, (high - mean) / std, CELLS_F64)) {
        return IC_TRUNCATION_EMPTY;
    }
    law->mean = mean;
    law->std = std;
    law->low = low;
    law->high = high;
    return IC_TRUNCATION_CELLS;
}

ic_truncation ic_truncated_normal_f64_prepare(ic_truncated_normal_f64 *law, double mean, double std,
                                              double low, double high) {
    const ic_fpenv saved = ic_fpenv_enter();
    const ic_truncation kind = prepare_f64(law, mean, std, low, high);
    ic_fpenv_leave(saved);
    return kind;
}

void ic_truncated_normal_moments(double *mean, double *variance, double low, double high) {
    const ic_fpenv saved = ic_fpenv_enter();
    ic_truncated_moments(mean, variance, low, high);
    ic_fpenv_leave(saved);
}
