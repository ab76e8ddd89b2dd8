/* The laws of fills: what a caller asks for, as the kernels take it. */
#include <math.h>

#include "initcore/fill.h"

int ic_real_is_16_bit(ic_real type) {
    return type == IC_REAL_F16 || type == IC_REAL_BF16;
}

int ic_real_holds(ic_real type, double x) {
    /* from half a unit beyond the largest number on, rounding gives infinity */
    const double limit = type == IC_REAL_F16 ? 65520.0 : 0x1.ffp127;
    const double rounded = type == IC_REAL_F64 ? x : (double)(float)x;
    return isfinite(rounded) && (!ic_real_is_16_bit(type) || fabs(rounded) < limit);
}

void ic_fill_law_bits(ic_fill_law *law, int is_64_bit) {
    law->type = IC_REAL_F32; /* not rounded */
    law->kind = is_64_bit ? IC_FILL_BITS_U64 : IC_FILL_BITS_U32;
}

void ic_fill_law_uniform(ic_fill_law *law, ic_real type, double low, double high) {
    law->type = type;
    if (type == IC_REAL_F64) {
        law->kind = IC_FILL_UNIFORM_F64;
        ic_uniform_f64_prepare(&law->as.uniform_f64, low, high);
    } else {
        law->kind = IC_FILL_UNIFORM_F32;
        ic_uniform_f32_prepare(&law->as.uniform_f32, low, high);
    }
}

void ic_fill_law_normal(ic_fill_law *law, ic_real type, double mean, double std) {
    law->type = type;
    if (type == IC_REAL_F64) {
        law->kind = IC_FILL_NORMAL_F64;
        ic_normal_f64_prepare(&law->as.normal_f64, mean, std);
    } else {
        law->kind = IC_FILL_NORMAL_F32;
        ic_normal_f32_prepare(&law->as.normal_f32, mean, std);
    }
}

int ic_fill_law_truncated_normal(ic_fill_law *law, ic_real type, double mean, double std,
                                 double low, double high) {
    ic_truncated_normal_f32 single;
    ic_truncated_normal_f64 deep;
    const ic_truncation how =
        type == IC_REAL_F64 ? ic_truncated_normal_f64_prepare(&deep, mean, std, low, high)
                            : ic_truncated_normal_f32_prepare(&single, &deep, mean, std, low, high);
    law->type = type;
    switch (how) {
    case IC_TRUNCATION_EMPTY:
        return 0;
    case IC_TRUNCATION_NONE:
        ic_fill_law_normal(law, type, mean, std);
        return 1;
    case IC_TRUNCATION_DEEP:
        law->kind = IC_FILL_TRUNCATED_NORMAL_DEEP_F32;
        law->as.truncated_normal_f64 = deep;
        return 1;
    case IC_TRUNCATION_CELLS:
        break;
    }
    if (type == IC_REAL_F64) {
        law->kind = IC_FILL_TRUNCATED_NORMAL_F64;
        law->as.truncated_normal_f64 = deep;
    } else {
        law->kind = IC_FILL_TRUNCATED_NORMAL_F32;
        law->as.truncated_normal_f32 = single;
    }
    return 1;
}

void ic_fill_law_sign(ic_fill_law *law, ic_real type, double scale) {
    law->type = type;
    law->kind = type == IC_REAL_F64 ? IC_FILL_SIGN_F64 : IC_FILL_SIGN_F32;
    law->as.sign_scale = scale;
}

void ic_fill_law_mask(ic_fill_law *law, double p) {
    law->type = IC_REAL_F32; /* not rounded */
    law->kind = IC_FILL_MASK;
    law->as.mask_threshold = (uint64_t)(p * 0x1p32 + 0.5);
}

size_t ic_fill_item(const ic_fill_law *law) {
    if (ic_real_is_16_bit(law->type)) {
        return 2;
    }
    switch (law->kind) {
    case IC_FILL_BITS_U64:
    case IC_FILL_UNIFORM_F64:
    case IC_FILL_NORMAL_F64:
    case IC_FILL_TRUNCATED_NORMAL_F64:
    case IC_FILL_SIGN_F64:
        return 8;
    case IC_FILL_MASK:
        return 1;
    default:
        return 4;
    }
}
