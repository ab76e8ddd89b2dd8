/* Functions of single elements over whole arrays: activations, their derivatives, and the functions
 * of vecmath.h. What calls these has checked types, shapes and aliasing. */
#ifndef INITCORE_MAP_H
#define INITCORE_MAP_H

#include "initcore/kernels/kernels.h"

typedef enum ic_dtype { IC_F32, IC_F64 } ic_dtype;

/* Bytes of an element. */
static inline size_t ic_size_of(ic_dtype dtype) {
    return dtype == IC_F32 ? sizeof(float) : sizeof(double);
}

/* Of the two, what backward reads: z or y. */
static inline int ic_saves_z(ic_activation name) {
    return name > IC_LAST_OF_Y;
}

/* y = phi(z), or dz = phi'(z) dy from what was saved, over a matrix; y and dz have unit column
 * stride and may be z and dy. */
void ic_activation_run(ic_dtype dtype, const ic_matrix *y, const ic_matrix *z, size_t rows,
                       size_t columns, const ic_phi *phi);
void ic_activation_backward_run(ic_dtype dtype, const ic_matrix *dz, const ic_matrix *dy,
                                const ic_matrix *saved, size_t rows, size_t columns,
                                const ic_phi *phi);

/* The name of an activation, how many numbers it takes and what they are if not given; NULL from
 * IC_ACTIVATIONS on. */
typedef struct ic_activation_facts {
    const char *name;
    int numbers;
    double given[2];
} ic_activation_facts;
const ic_activation_facts *ic_activation_of(int code);

typedef enum ic_function {
    IC_EXP,
    IC_LOG,
    IC_TANH_OF,
    IC_SIGMOID_OF,
    IC_EXPM1_BELOW,
    IC_LOG1P,
    IC_ERF_OF,
    IC_ATAN,
    IC_SIN_OF,
    IC_COS,
    IC_FUNCTIONS,
} ic_function;
/* y[i] = f(x[i]) by vecmath.h and vecmath_special.h; y may be x. */
void ic_map(ic_dtype dtype, ic_function f, void *y, const void *x, size_t n);

#endif
