/* Writes the bytes that the core computes to standard output, with the instruction set that
 * INITCORE_ISA names: two builds agree when their outputs are equal. */
#include <stdio.h>
#include <stdlib.h>

#include "initcore/dense.h"
#include "initcore/layers.h"
#include "initcore/losses.h"
#include "initcore/optimizers.h"
#include "initcore/dispatch.h"
#include "initcore/fill.h"
#include "initcore/orthogonal.h"
#include "initcore/sparse.h"

enum { N = 20011 }; /* a prime, so that no tile divides it */

enum { RUNS = 143, LONG = 136 }; /* a matrix of fewer elements, whose runs are whole blocks */

/* Once along the memory and once, as a matrix, across it. */
static void put_fill(const ic_fill_law *law, int64_t size, uint64_t first) {
    static char data[N * 8];
    const ic_stream stream = {{0x01234567, 0x89abcdef}, {0xdeadbeef, 0x0badcafe}};
    const int64_t shape[] = {N}, step[] = {size}, index[] = {1};
    const ic_fill_target along = {.data = data,
                                  .dimensions = 1,
                                  .shape = shape,
                                  .step = step,
                                  .index = index,
                                  .first = first};
    ic_fill(&along, &stream, law);
    fwrite(data, (size_t)size, N, stdout);
    const int64_t shapes[] = {RUNS, LONG}, steps[] = {size, RUNS * size}, indices[] = {LONG, 1};
    const ic_fill_target across = {.data = data,
                                   .dimensions = 2,
                                   .shape = shapes,
                                   .step = steps,
                                   .index = indices,
                                   .first = first};
    ic_fill(&across, &stream, law);
    fwrite(data, (size_t)size, RUNS * LONG, stdout);
}

static void put_fills(void) {
    const uint64_t firsts[] = {0, 5, UINT64_C(0x3FFFFFFF0) /* the block index passes 2^32 */};
    const double cuts[][2] = {{-2, 2}, {0.5, 9}, {-1e30, 1e30}, {5, 1e30}, {-0.25, 3.5}};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; ++i) {
        for (ic_real type = IC_REAL_F32; type <= IC_REAL_BF16; ++type) {
            const int64_t size = type == IC_REAL_F32 ? 4 : type == IC_REAL_F64 ? 8 : 2;
            ic_fill_law law;
            if (size >= 4) {
                ic_fill_law_bits(&law, size == 8);
                put_fill(&law, size, firsts[i]);
            }
            ic_fill_law_uniform(&law, type, -0.3, 1.7);
            put_fill(&law, size, firsts[i]);
            ic_fill_law_normal(&law, type, 0.1, 0.02);
            put_fill(&law, size, firsts[i]);
            for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; ++c) {
                if (!ic_fill_law_truncated_normal(&law, type, 0, 1, cuts[c][0], cuts[c][1])) {
                    exit(3);
                }
                put_fill(&law, size, firsts[i]);
            }
        }
    }
}

enum { BATCH = 37, INPUTS = 300, OUTPUTS = 51 }; /* more than a block of k, no multiple of a tile */

/* Numbers in [-1, 1) from integer arithmetic alone. */
static void make(ic_dtype dtype, void *out, size_t n, uint64_t state) {
    for (size_t i = 0; i < n; ++i) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const double value = (double)(state >> 40) * 0x1p-23 - 1;
        if (dtype == IC_F32) {
            ((float *)out)[i] = (float)value;
        } else {
            ((double *)out)[i] = value;
        }
    }
}

static ic_matrix rows_of(void *data, size_t columns) {
    return (ic_matrix){data, (ptrdiff_t)columns, 1};
}

static void put_dense(ic_dtype dtype, ic_activation activation) {
    static double x[BATCH * INPUTS], w[OUTPUTS * INPUTS], b[OUTPUTS], dy[BATCH * OUTPUTS];
    static double y[BATCH * OUTPUTS], dx[BATCH * INPUTS], dw[OUTPUTS * INPUTS], db[OUTPUTS];
    const size_t size = dtype == IC_F32 ? sizeof(float) : sizeof(double);
    make(dtype, x, BATCH * INPUTS, 1);
    make(dtype, w, OUTPUTS * INPUTS, 2);
    make(dtype, b, OUTPUTS, 3);
    make(dtype, dy, BATCH * OUTPUTS, 4);
    static double z[BATCH * OUTPUTS];
    const ic_activation_facts *const facts = ic_activation_of((int)activation);
    const ic_phi phi = {activation, facts->given[0], facts->given[1]};
    const int saves_z = ic_saves_z(activation);
    const ic_dense_forward forward = {.batch = BATCH,
                                      .n_in = INPUTS,
                                      .n_out = OUTPUTS,
                                      .y = rows_of(y, OUTPUTS),
                                      .z = rows_of(saves_z ? z : NULL, OUTPUTS),
                                      .x = rows_of(x, INPUTS),
                                      .w = rows_of(w, INPUTS),
                                      .b = b,
                                      .b_stride = 1,
                                      .phi = phi};
    const ic_dense_backward backward = {.batch = BATCH,
                                        .n_in = INPUTS,
                                        .n_out = OUTPUTS,
                                        .dx = rows_of(dx, INPUTS),
                                        .dw = rows_of(dw, INPUTS),
                                        .db = db,
                                        .db_stride = 1,
                                        .dy = rows_of(dy, OUTPUTS),
                                        .x = rows_of(x, INPUTS),
                                        .w = rows_of(w, INPUTS),
                                        .saved = rows_of(saves_z ? z : y, OUTPUTS),
                                        .phi = phi};
    if (ic_dense_forward_run(dtype, &forward) != 0 ||
        ic_dense_backward_run(dtype, &backward) != 0) {
        exit(3);
    }
    fwrite(y, size, BATCH * OUTPUTS, stdout);
    fwrite(dx, size, BATCH * INPUTS, stdout);
    fwrite(dw, size, OUTPUTS * INPUTS, stdout);
    fwrite(db, size, OUTPUTS, stdout);
}

static void put_losses_and_steps(ic_dtype dtype) {
    static double z[BATCH * OUTPUTS], t[BATCH * OUTPUTS], d[BATCH * OUTPUTS];
    static int64_t labels[BATCH];
    const size_t size = dtype == IC_F32 ? sizeof(float) : sizeof(double);
    make(dtype, z, BATCH * OUTPUTS, 5);
    make(dtype, t, BATCH * OUTPUTS, 6);
    for (size_t i = 0; i < BATCH; ++i) {
        labels[i] = (int64_t)(i * 7 % OUTPUTS);
    }
    const ic_matrix zs = rows_of(z, OUTPUTS), ts = rows_of(t, OUTPUTS), ds = rows_of(d, OUTPUTS);
    double loss[2];
    if (ic_softmax_cross_entropy(dtype, &loss[0], &ds, &zs, labels, 1, BATCH, OUTPUTS) != 0) {
        exit(3);
    }
    fwrite(d, size, BATCH * OUTPUTS, stdout);
    if (ic_mean_squared_error(dtype, &loss[1], &ds, &zs, &ts, BATCH, OUTPUTS) != 0) {
        exit(3);
    }
    fwrite(d, size, BATCH * OUTPUTS, stdout);
    fwrite(loss, sizeof loss, 1, stdout);
    ic_sgd(dtype, &zs, &ds, &ts, BATCH, OUTPUTS, 0.1, 0.9);
    fwrite(z, size, BATCH * OUTPUTS, stdout);
    fwrite(t, size, BATCH * OUTPUTS, stdout);
    ic_map(dtype, IC_EXP, t, t, BATCH * OUTPUTS);
    ic_map(dtype, IC_LOG, t, t, BATCH * OUTPUTS);
    fwrite(t, size, BATCH * OUTPUTS, stdout);
}

static void put_other_losses(ic_dtype dtype) {
    static double y[BATCH * OUTPUTS], t[BATCH * OUTPUTS], d[BATCH * OUTPUTS], w[BATCH];
    static int64_t labels[BATCH];
    const size_t size = dtype == IC_F32 ? sizeof(float) : sizeof(double);
    make(dtype, y, BATCH * OUTPUTS, 8);
    make(dtype, t, BATCH * OUTPUTS, 9);
    make(dtype, w, BATCH, 10);
    ic_map(dtype, IC_EXP, t, t, BATCH * OUTPUTS); /* targets above 0 */
    for (size_t i = 0; i < BATCH; ++i) {
        labels[i] = (int64_t)(i * 5 % OUTPUTS);
    }
    const ic_matrix ys = rows_of(y, OUTPUTS), ts = rows_of(t, OUTPUTS), ds = rows_of(d, OUTPUTS);
    const ic_cross_entropy entropy = {.z = ys,
                                      .t = ts,
                                      .labels = labels,
                                      .label_stride = 1,
                                      .peaks = t,
                                      .weights = w,
                                      .weight_stride = 1,
                                      .columns = OUTPUTS,
                                      .batch = BATCH};
    double loss;
    if (ic_cross_entropy_run(dtype, &loss, &ds, &entropy) != 0) {
        exit(3);
    }
    fwrite(&loss, sizeof loss, 1, stdout);
    fwrite(d, size, BATCH * OUTPUTS, stdout);
    for (int name = IC_SQUARED; name <= IC_BINARY; ++name) {
        const ic_errors errors = {.name = (ic_error)name,
                                  .a = 0.75,
                                  .b = 0.5,
                                  .y = ys,
                                  .t = ts,
                                  .weights = w,
                                  .weight_stride = 1,
                                  .columns = OUTPUTS,
                                  .count = BATCH * OUTPUTS};
        if (ic_errors_run(dtype, &loss, &ds, &errors, BATCH) != 0) {
            exit(3);
        }
        fwrite(&loss, sizeof loss, 1, stdout);
        fwrite(d, size, BATCH * OUTPUTS, stdout);
    }
}

static void put_optimizers(ic_dtype dtype) {
    static double p[N], g[N], first[N], second[N];
    const size_t size = dtype == IC_F32 ? sizeof(float) : sizeof(double);
    for (int rule = IC_SGD; rule <= IC_ADAM; ++rule) {
        const ic_step step = {.rule = (ic_rule)rule,
                              .nesterov = 1,
                              .rate = 0.1,
                              .clip = 0.9,
                              .decay = 0.01,
                              .shrink = 0.99,
                              .momentum = 0.9,
                              .memory = 0.95,
                              .root = 0.4,
                              .epsilon = 1e-6};
        make(dtype, p, N, 11);
        make(dtype, g, N, 12);
        make(dtype, first, N, 13);
        ic_map(dtype, IC_EXP, second, g, N); /* squares above 0 */
        ic_step_run(dtype, p, g, first, rule == IC_SGD ? NULL : second, N, &step);
        fwrite(p, size, N, stdout);
        fwrite(first, size, N, stdout);
        fwrite(second, size, N, stdout);
    }
    double sum;
    if (ic_sum_of_squares(dtype, &sum, p, N) != 0) {
        exit(3);
    }
    fwrite(&sum, sizeof sum, 1, stdout);
}

static void put_layers(ic_dtype dtype) {
    static double x[BATCH * OUTPUTS], y[BATCH * OUTPUTS], normal[BATCH * OUTPUTS];
    static double w[BATCH * OUTPUTS]; /* a table of BATCH rows, or the weights of columns */
    static double b[OUTPUTS], inverse[BATCH + OUTPUTS], mean[OUTPUTS];
    static uint8_t mask[BATCH * OUTPUTS];
    static int64_t rows[BATCH];
    const size_t size = dtype == IC_F32 ? sizeof(float) : sizeof(double);
    make(dtype, w, BATCH * OUTPUTS, 14);
    make(dtype, b, OUTPUTS, 15);
    make(dtype, inverse, BATCH + OUTPUTS, 16);
    make(dtype, mean, OUTPUTS, 17);
    for (size_t i = 0; i < BATCH * OUTPUTS; ++i) {
        mask[i] = i * 3 % 5 < 2;
    }
    for (size_t i = 0; i < BATCH; ++i) {
        rows[i] = (int64_t)(i * i % BATCH);
    }
    for (int which = 0; which < IC_LAYER_KERNELS; ++which) {
        const ic_layer job = {.y = y,
                              .normal = normal,
                              .inverse = inverse,
                              .x = x,
                              .w = w,
                              .b = b,
                              .mean = mean,
                              .product = b,
                              .mask = mask,
                              .index = rows,
                              .rows = BATCH,
                              .n = OUTPUTS,
                              .words = BATCH,
                              .number = 1.3, /* also what keeps a root above 0 */
                              .centered = 1,
                              .phi = {IC_TANH, 0}};
        make(dtype, x, BATCH * OUTPUTS, 18);
        make(dtype, y, BATCH * OUTPUTS, 19);
        make(dtype, normal, BATCH * OUTPUTS, 20);
        ic_layer_run(dtype, (ic_layer_kernel)which, &job);
        fwrite(y, size, BATCH * OUTPUTS, stdout);
        fwrite(normal, size, BATCH * OUTPUTS, stdout);
    }
}

static void put_compute(void) {
    for (int is_double = 0; is_double < 2; ++is_double) {
        const ic_dtype dtype = is_double ? IC_F64 : IC_F32;
        for (int activation = 0; activation < IC_ACTIVATIONS; ++activation) {
            put_dense(dtype, (ic_activation)activation);
        }
        put_losses_and_steps(dtype);
        put_other_losses(dtype);
        put_optimizers(dtype);
        put_layers(dtype);
    }
}

static void put_kinds(void) {
    static float matrix[N];
    const ic_stream stream = {{0x76543210, 0xfedcba98}, {0x0badcafe, 0xdeadbeef}};
    const uint64_t firsts[] = {0, 5, UINT64_C(0x7FFFFFFFF0)};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; ++i) {
        ic_fill_law law;
        ic_fill_law_mask(&law, 0.3);
        put_fill(&law, 1, firsts[i]);
        for (int is_double = 0; is_double < 2; ++is_double) {
            ic_fill_law_sign(&law, is_double, 0.1);
            put_fill(&law, is_double ? 8 : 4, firsts[i]);
        }
    }
    enum { ROWS = 143, COLUMNS = 97 };
    make(IC_F32, matrix, ROWS * COLUMNS, 7);
    const ic_sparse_target target = {.data = (char *)matrix,
                                     .item = sizeof(float),
                                     .rows = ROWS,
                                     .row_step = COLUMNS * sizeof(float),
                                     .row_index = 1,
                                     .dimensions = 1,
                                     .shape = {COLUMNS},
                                     .step = {sizeof(float)},
                                     .index = {1}};
    ic_zero_columns(&target, ROWS, 100, &stream);
    fwrite(matrix, sizeof(float), ROWS * COLUMNS, stdout);
    for (int is_double = 0; is_double < 2; ++is_double) {
        static double q[ROWS * COLUMNS];
        const ic_matrix out = {q, COLUMNS, 1};
        if (ic_orthogonal(is_double ? IC_F64 : IC_F32, &out, ROWS, COLUMNS, 0.7, &stream) != 0) {
            exit(3);
        }
        fwrite(q, is_double ? sizeof(double) : sizeof(float), ROWS * COLUMNS, stdout);
    }
}

int main(void) {
    if (ic_kernels_in_use() == NULL) {
        fputs("dump: INITCORE_ISA names an instruction set that is not here\n", stderr);
        return 2;
    }
    put_fills();
    put_compute();
    put_kinds();
    return 0;
}
