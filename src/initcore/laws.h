/* The laws that a stream's words are turned into, with their parameters in working precision.
 *
 * Parameters arrive as double and are rounded once here; kernels see only these structures. */
#ifndef INITCORE_LAWS_H
#define INITCORE_LAWS_H

#include "initcore/base.h"

/* low + u * span, never above `last`, the largest number below high. */
typedef struct ic_uniform_f32 {
    float low, span, last;
} ic_uniform_f32;

typedef struct ic_uniform_f64 {
    double low, span, last;
} ic_uniform_f64;

typedef struct ic_normal_f32 {
    float mean, std;
} ic_normal_f32;

typedef struct ic_normal_f64 {
    double mean, std;
} ic_normal_f64;

/* N(mean, std) given low <= x <= high, as a table of equally likely cells: 2^31 of them (2^52 in
 * double). Cells 0 .. last_negative lie below the mean. Side 0 is the lower half, 1 the upper:
 * cell q of a side, counted from its outer end, has the tail probability
 * edge + (q + 1/2) scale, and counted from its inner end the distance
 * center + (q + 1/2) scale from the median. */
typedef struct ic_truncated_normal_f32 {
    float mean, std, low, high;
    float edge[2], scale[2], center[2];
    int32_t last_negative;
} ic_truncated_normal_f32;

typedef struct ic_truncated_normal_f64 {
    double mean, std, low, high;
    double edge[2], scale[2], center[2];
    int64_t last_negative;
} ic_truncated_normal_f64;

/* How a truncated normal is drawn. */
typedef enum ic_truncation {
    IC_TRUNCATION_EMPTY, /* the interval holds no probability that double resolves: an error */
    IC_TRUNCATION_NONE,  /* no plain normal could leave the bounds: it is drawn as that */
    IC_TRUNCATION_CELLS, /* quantiles in working precision */
    IC_TRUNCATION_DEEP,  /* float32 whose tail is too thin for it: quantiles in double */
} ic_truncation;

void ic_uniform_f32_prepare(ic_uniform_f32 *law, double low, double high);
void ic_uniform_f64_prepare(ic_uniform_f64 *law, double low, double high);
void ic_normal_f32_prepare(ic_normal_f32 *law, double mean, double std);
void ic_normal_f64_prepare(ic_normal_f64 *law, double mean, double std);
/* `deep` is filled for IC_TRUNCATION_DEEP, `law` for IC_TRUNCATION_CELLS. */
ic_truncation ic_truncated_normal_f32_prepare(ic_truncated_normal_f32 *law,
                                              ic_truncated_normal_f64 *deep, double mean,
                                              double std, double low, double high);
ic_truncation ic_truncated_normal_f64_prepare(ic_truncated_normal_f64 *law, double mean, double std,
                                              double low, double high);

/* The largest number that the plain standard normal of a type can give. */
float ic_normal_reach_f32(void);
double ic_normal_reach_f64(void);

/* Mean and variance of N(0, 1) given low < x < high. */
void ic_truncated_normal_moments(double *mean, double *variance, double low, double high);

#endif
