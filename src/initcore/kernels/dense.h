/* The types that the dense kernels share with their driver. All strides count elements. */
#ifndef INITCORE_KERNELS_DENSE_H
#define INITCORE_KERNELS_DENSE_H

#include <stddef.h>
#include <stdint.h>

enum {
    IC_BLOCK = 256,        /* k per block sum of a product: part of compute v1 */
    IC_ROW_BLOCK = 256,    /* rows per block sum of a loss: part of compute v1 */
    IC_SUM_LANES = 16,     /* lanes of a sum along a row: part of compute v1 */
    IC_PEAK_CHAINS = 12,   /* vectors that fma_chains works on */
    IC_SUM_SEGMENT = 4096, /* columns per segment of a sum along a row: part of compute v1 */
};

#define IC_ACTIVATION(code, name, numbers, first, second) code,
typedef enum ic_activation {
#include "initcore/kernels/activations.def"
    IC_ACTIVATIONS,
    IC_LAST_FUSED = IC_SIGMOID,
    IC_LAST_OF_Y = IC_SOFTPLUS,
} ic_activation;
#undef IC_ACTIVATION

/* The numbers of formulas. Klambauer et al. 2017: lambda = 1.0507..., and lambda alpha; LeCun et
 * al. 1998: 1.7159 tanh(2 z / 3); Hendrycks and Gimpel 2016: 1.702, 2 sqrt(2 / pi), 0.044715. */
#define IC_SELU_ABOVE 1.0507009873554804934193349852946
#define IC_SELU_BELOW 1.7580993408473768599402175208123
#define IC_LECUN_HEIGHT 1.7159
#define IC_LECUN_SLOPE (2.0 / 3.0)
#define IC_QUICK_GELU_SLOPE 1.702
#define IC_GELU_SLOPE 1.5957691216057307117597842397375
#define IC_GELU_CUBE 0.044715
/* beyond this z^2 could overflow, and sqrt(z^2 + b) is |z| */
#define IC_SQUARE_HIGH_f32 0x1p60f
#define IC_SQUARE_HIGH_f64 0x1p500

/* An activation and its numbers. */
typedef struct ic_phi {
    ic_activation name;
    double a, b;
} ic_phi;

typedef struct ic_matrix {
    void *data;
    ptrdiff_t row, column;
} ic_matrix;

/* c = phi(a b + bias): c (m, n) with unit column stride, a (m, k), b (k, n), bias (n) or NULL.
 * accumulate: what c holds stands in the place of the first block sum, which is then added. */
typedef struct ic_product {
    void *c;
    ptrdiff_t c_row;
    const void *a;
    ptrdiff_t a_row, a_k;
    const void *b;
    ptrdiff_t b_k, b_column;
    size_t k;
    const void *bias;
    ptrdiff_t bias_stride;
    ic_phi phi;
    int accumulate;
} ic_product;

/* The part of c that one call of a product kernel computes. */
typedef struct ic_piece {
    size_t row, rows, column, columns;
} ic_piece;

/* What the driver needs to know of a product kernel. */
typedef struct ic_product_needs {
    size_t tile_rows, tile_columns; /* good pieces are multiples of these */
    size_t workspace;               /* bytes, for any piece of at most the rows, columns, k asked */
} ic_product_needs;

#endif
